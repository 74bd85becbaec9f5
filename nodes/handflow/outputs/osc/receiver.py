"""Every stream of hands that arrives, by sender, port and layout.

Knows no socket: `monitor` brings the datagrams, tests too.
"""

import time
from collections import Counter
from collections.abc import Iterator

from handflow.errors import OscError

from .decoding import decode, kind_of
from .interpretation import MAX_DIFFERENT, interpret, tally
from .layout import Protocol
from .received_stream import ReceivedStream


class OscReceiver:
    """Everything that was received, on all ports."""

    def __init__(self, protocol: Protocol | None = None) -> None:
        self.protocol = protocol  # only this one; the others' messages count as unknown
        self.streams: dict[tuple[str, str, int, str], ReceivedStream] = {}
        self.unknown: Counter[str] = Counter()  # by address
        self.unreadable = 0
        self.fault = ""  # of the last one that was

    def receive(self, datagram: bytes, sender: str, port: int, now_s: float | None = None) -> None:
        """One datagram that came from `sender` to our `port`."""
        now_s = time.monotonic() if now_s is None else now_s
        try:
            messages = decode(datagram)
        except OscError:
            self.unreadable += 1
            self.fault = f"{len(datagram)} bytes from {sender} that begin with {datagram[:12]!r}"
            return
        counted: set[int] = set()
        for message in messages:
            kind = kind_of(message)
            if kind is None or (self.protocol is not None and kind.protocol != self.protocol):
                tally(self.unknown, message.address)
                continue
            key = kind.protocol, sender, port, kind.base
            stream = self.streams.get(key)
            if stream is None:
                if len(self.streams) >= MAX_DIFFERENT:
                    tally(self.unknown, message.address)
                    continue
                stream = self.streams[key] = ReceivedStream(kind.protocol, sender, port, kind.base)
            if id(stream) not in counted:
                counted.add(id(stream))
                stream.datagrams += 1
                stream.bytes += len(datagram)
            interpret(stream, kind, message, now_s)

    def __iter__(self) -> Iterator[ReceivedStream]:
        return iter(self.streams.values())
