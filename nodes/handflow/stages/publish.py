"""Hands -> one line a frame on a ZeroMQ socket over tcp, for whatever speaks no OSC. Needs no picture; 0.1 ms a frame.

A message has two parts: the topic, and the line that `detect` writes, as JSON or msgpack. nodes/examples has readers in
Python, JavaScript and C++. A reader that does not keep up loses lines and delays nobody.
"""

import json
from typing import Annotated, Literal

import msgpack
import zmq

from handflow import Gestures, Hands, Node, Range
from handflow.outputs.json_line import Line
from handflow.outputs.live_lines import LiveLines
from handflow.runtime.address import cannot_listen, refuse_outside

HIGH_WATER = 64  # lines that may wait for one reader: two seconds
LINGER_MS = 100


class Publish(Node):
    """Publishes every frame's hands to any number of readers."""

    port: Annotated[
        int, Range(0, 65535), "readers connect to tcp://127.0.0.1:PORT; 0: any free one, said in the log"
    ] = 5570
    address: Annotated[str, "where it listens; 0.0.0.0: other machines may read, which needs insecure: true"] = (
        "127.0.0.1"
    )
    insecure: Annotated[bool, "whoever reaches the address may read"] = False
    topic: Annotated[str, "the first part of each message: what readers subscribe to"] = "hands"
    format: Annotated[Literal["json", "msgpack"], "of the second part"] = "json"
    name: Annotated[str, "what stands as `source` in each line"] = "live"
    lost_s: Annotated[float, Range(0.3, 60), "no hands message for this long: nobody is there any more"] = 1.0

    def __post_init__(self) -> None:
        refuse_outside(self.address, self.insecure)

    def start(self) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.PUB)
        self.socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        self.socket.setsockopt(zmq.LINGER, LINGER_MS)
        host = f"[{self.address}]" if ":" in self.address else self.address
        self.socket.setsockopt(zmq.IPV6, ":" in self.address)
        try:
            self.socket.bind(f"tcp://{host}:{self.port or '*'}")
        except zmq.ZMQError as error:
            self.context.destroy(linger=0)
            raise cannot_listen(self.address, self.port, error) from error
        self.note = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.log.info("readers connect to %s", self.note)
        self.lines = LiveLines(self.name, self.lost_s, self.persistent)

    def process(self, hands: Hands, gestures: Gestures | None = None) -> None:
        self._send(self.lines.of(hands, gestures))

    def idle(self) -> None:
        self._send(self.lines.overdue())

    def stop(self) -> None:
        self._send(self.lines.last())
        self.context.destroy(linger=LINGER_MS)

    def _send(self, lines: list[Line]) -> None:
        for line in lines:
            body = json.dumps(line).encode() if self.format == "json" else msgpack.packb(line)
            self.socket.send_multipart([self.topic.encode(), body])
