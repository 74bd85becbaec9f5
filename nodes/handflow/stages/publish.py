"""Hands -> one line a frame on a ZeroMQ socket over tcp, for whatever speaks no OSC. Needs no picture; 0.1 ms a frame.

A message has two parts: the topic, and the line that `detect` writes, as JSON or msgpack. nodes/examples has readers in
Python, JavaScript and C++. A reader that does not keep up loses lines and delays nobody.
"""

import json
import time
from typing import Annotated, Literal

import msgpack
import zmq

from handflow import Hands, Node, Range
from handflow.outputs.json_line import Line, line_of
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
        self.last: Line | None = None  # the line of the newest frame
        self.received_s = self.reported_s = time.monotonic()

    def process(self, hands: Hands) -> None:
        # After a sleep of the machine no idle moment comes first; whoever is there now, those of before are gone.
        if time.monotonic() - self.received_s > self.lost_s and self.reported_s <= self.received_s:
            self._send_lost()
        self.received_s = time.monotonic()
        # After a crash of this process times go on from the same frame.
        if self.persistent.get("stream") != hands.stream:
            self.persistent.update(stream=hands.stream, first_ns=hands.captured_ns)
        self.last = line_of(self.name, hands, self.persistent["first_ns"])
        self._send(self.last)

    def idle(self) -> None:
        now = time.monotonic()
        if now - self.received_s > self.lost_s and now - self.reported_s > 1:
            self.reported_s = now
            self._send_lost()

    def stop(self) -> None:
        self._send_lost()
        self.context.destroy(linger=LINGER_MS)

    def _send_lost(self) -> None:
        """The last frame once more, without hands and marked: readers would keep its hands for ever otherwise."""
        if self.last is not None:
            self._send({**self.last, "hands": [], "lost": True})

    def _send(self, line: Line) -> None:
        body = json.dumps(line).encode() if self.format == "json" else msgpack.packb(line)
        self.socket.send_multipart([self.topic.encode(), body])
