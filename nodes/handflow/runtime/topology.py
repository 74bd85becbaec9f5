"""The machines of a graph: their addresses, the tcp ports on which their nodes are read, how messages cross."""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

# Quality: at 1280x720 about 100 kB a frame; below 70 the network begins to miss small hands (a guess).
JPEG = 90
_TOPIC = struct.Struct("<4sBHH8s")
TOPIC_BYTES = _TOPIC.size
TAG_BYTES = 8


class Machine(msgspec.Struct, frozen=True):
    """One machine as the graph has it."""

    name: str
    host: str  # an IPv4 address or a name, by which the others reach it
    port: int  # of its supervisor; its nodes that are read elsewhere take the ports after it


@dataclass(frozen=True)
class Crossing:
    """How an edge crosses from one machine to another. Who listens alike shares the work."""

    endpoint: str = ""  # tcp://host:port of the producer
    jpeg: int = JPEG
    size: tuple[int, int] | None = None  # frames bigger than this (width, height) are made to fit
    key: str = ""  # file; "": nothing is encrypted
    stream: str = ""  # only the messages that came by this node; "": all
    lossless: bool = False  # every message (`keep: all`)

    @property
    def topic(self) -> bytes:
        """What the reader subscribes to, and each message for it begins with."""
        stream = stream_tag(self.stream) if self.stream else b""
        return _TOPIC.pack(b"all2" if self.lossless else b"far2", self.jpeg, *(self.size or (0, 0)), stream)


def stream_tag(node: str) -> bytes:
    """What stands before the messages that came by a node, for readers to choose by: 8 bytes, not all 0."""
    return hashlib.blake2b(node.encode(), digest_size=TAG_BYTES).digest()


def ports(
    machines: Mapping[str, Machine], placed: Mapping[str, Sequence[str]], read: Iterable[str]
) -> dict[tuple[str, str], int]:
    """The tcp port of each node that is `read` on another machine, on each where it may be: in the graph's order."""
    taken = {name: machine.port for name, machine in machines.items()}
    across = set(read)
    found = {}
    for node, places in placed.items():
        for machine in places:
            if node in across and machine in taken:
                taken[machine] += 1
                found[node, machine] = taken[machine]
    return found
