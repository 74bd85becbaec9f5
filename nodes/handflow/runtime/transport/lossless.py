"""The reading end of an edge with `keep: all`: every message, in order, and acknowledged (credit.py)."""

import time
from collections.abc import Callable

import zmq

from handflow.errors import StaleSlot, WireError
from handflow.runtime.profile import Profile

from .endpoint import Address
from .flow_control import EAGER, Ack, packed_ack, reader_of, topic
from .shared_memory import Rings
from .subscriber import Listener, Received
from .wire import Edge, Nothing, nothing_in, numbers_in

REST_MS = 20  # what was read is acknowledged after such a pause; at once would cost a message for each
SAY_S = 0.1  # a reader that is slower than its input acknowledges at least so often: it is not silent


class Lossless(Listener):
    """Reads every message. What is lost all the same (a credit lost, a producer killed) is counted, and said once."""

    kind = zmq.XSUB  # a SUB socket that can send against the stream

    def __init__(
        self,
        context: zmq.Context,
        edge: Edge,
        address: Address,
        rings: Rings,
        profile: Profile,
        node: str,
        say: Callable[[str], None],
    ) -> None:
        self._reader = reader_of(node)
        self._say = say
        self._done = 0  # and of the last that is done with
        self._acked = 0
        self._said_s = 0.0  # when it was acknowledged
        self._losing = False
        super().__init__(context, edge, address, rings, profile)

    def next(self, timeout_s: float) -> Received | None:
        """Waits for the next message; None if it cannot be read. TimeoutError."""
        if self._acked < self._done and not self.waiting() and not self.socket.poll(REST_MS):
            self.rest()
        return self._decoded(self.received(timeout_s))

    def done(self) -> None:
        """The work on what `next` gave is done: its memory may be used again."""
        self._done = self._number
        if self._done - self._acked >= EAGER or time.monotonic() - self._said_s > SAY_S:
            self.rest()

    def rest(self) -> None:
        """Acknowledges all that is done with."""
        if self._acked < self._done:
            self._acked, self._said_s = self._done, time.monotonic()
            self.socket.send(packed_ack(Ack(self._reader, self._by, self._done)))

    def subscribe(self, prefix: bytes) -> None:
        self.socket.send(b"\x01" + prefix)
        self.socket.send(b"\x01" + topic(self._reader, prefix))

    def _decoded(self, data: bytes) -> Received | None:
        try:
            packed = self._unpacked(data)
            if (numbers := numbers_in(packed)) is None:
                raise WireError("no number")
            self._follow(*numbers)
            received = self._received(packed, Nothing if nothing_in(packed) else self.edge.kind)
            return received._replace(last=bool(packed.get("last")))
        except WireError:
            self._profile.refused += 1
        except StaleSlot:
            self._lost(1)
        return None

    def _follow(self, by: int, number: int) -> None:
        """Counts what is missing before this message."""
        before, last = self._by, self._number
        super()._follow(by, number)
        if by != before:
            self._acked = self._done = number - 1
        else:
            self._lost(number - last - 1)

    def _lost(self, messages: int) -> None:
        self._profile.lost += messages
        if messages and not self._losing:
            self._say(f"{self.edge.node}: messages were lost; how many, `handflow top` tells")
        self._losing = messages > 0
