"""The reading ends of a node: a ZeroMQ SUB socket for each edge, and how their messages are joined for `process`."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import zmq

from ..messages import Message, layout_of, now_ns
from .endpoint import LOOK_S, Address
from .node import Inputs
from .outbox import HIGH_WATER, READABLE
from .profile import Profile
from .ring import Gone, Ref, Rings
from .wire import Edge, WireError, decode

HELD = 8  # messages kept of an input that is looked up by frame
RECONNECT_MS = 10  # a restarted node is heard again in 5 ms instead of ZeroMQ's 150
MAX_BYTES = 16 * 1024 * 1024  # nothing we send comes near; more is not ours
LAST_S = 0.05  # after its sender has ended: what was sent has been read by then
IDLE_S = 0.25  # how long a node waits for a message before it is told that there is none


class Received(NamedTuple):
    message: Message
    refs: list[Ref]  # the ring slots that its arrays lie in
    received_ns: int


class Listener:
    """The reading end of one edge."""

    def __init__(self, context: zmq.Context, edge: Edge, address: Address, rings: Rings, profile: Profile) -> None:
        self.edge = edge
        self._address = address
        self._rings = rings
        self._profile = profile
        self._last_sent = 0
        self._held: dict[tuple[int, int], Received] = {}  # by stream and seq, oldest first
        self._latest: Received | None = None
        self._unheard = 0  # driving messages in a row that found nothing here
        self._timeout_s = -1.0
        self._copy = False  # whether this node takes longer than the ring holds a picture
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
        self.socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SUBSCRIBE, address.prefix)
        address.connect(self.socket)

    def found(self) -> bool:
        """Whether it is known where the producer sends; to be asked now and then, for that may change."""
        return self._address.follow(self.socket)

    def next(self, timeout_s: float) -> Received | None:
        """Waits for a message and takes the newest; None if that cannot be read. TimeoutError."""
        if timeout_s != self._timeout_s:
            self._timeout_s = timeout_s
            self.socket.setsockopt(zmq.RCVTIMEO, round(timeout_s * 1000))
        try:
            first = self.socket.recv()  # not poll and recv: one call less between the picture and the work on it
        except zmq.Again:
            raise TimeoutError from None
        return self._newest([first, *self._waiting()])

    def newest(self) -> Received | None:
        """The newest message that has not been read yet. What is older is skipped, and counted by the gap in `sent`."""
        return self._newest(list(self._waiting()))

    def _newest(self, waiting: list[bytes]) -> Received | None:
        received = self._decoded(waiting[-1]) if waiting else None
        if received is not None:
            sent = received.message.sent
            # A restarted producer counts from 1 again.
            self._profile.skipped += max(0, sent - self._last_sent - 1) if self._last_sent else 0
            self._last_sent = sent
        return received

    def before(self, driving: Message, newest_age_s: float = 1.0) -> Received | None:
        """The newest message there is, read before or not; None if it is so old that its sender must have stopped."""
        self._latest = self.newest() or self._latest
        if self._latest and driving.captured_ns - self._latest.message.captured_ns > newest_age_s * 1e9:
            self._latest = None
        return self._latest

    def same(self, driving: Message) -> Received | None:
        """The message of the driving message's frame, waited for only while this input keeps up."""
        wanted = (driving.stream, driving.seq)
        deadline = time.monotonic() + self.edge.wait_ms / 1000
        self._hold()
        while wanted not in self._held:
            left = deadline - time.monotonic()
            passed = any(stream == wanted[0] and seq > wanted[1] for stream, seq in self._held)
            # A dead input must not cost every frame its wait.
            if passed or left <= 0 or self._unheard >= 3 or not self.socket.poll(left * 1000):
                self._unheard += 1
                return None
            self._hold()
        received = self._held[wanted]
        return received if all(map(self._rings.intact, received.refs)) else None

    def torn(self) -> None:
        """Told that a slot was overwritten during the work on it: from now on arrays are copied out when read."""
        self._copy = True

    def close(self) -> None:
        self.socket.close()

    def _hold(self) -> None:
        for data in self._waiting():
            self._unheard = 0
            received = self._decoded(data)
            if received is not None:
                self._held[received.message.stream, received.message.seq] = received
                while len(self._held) > HELD:
                    del self._held[next(iter(self._held))]

    def _waiting(self) -> Iterator[bytes]:
        while self.socket.get(zmq.EVENTS) & READABLE:  # a refused recv would cost an exception
            yield self.socket.recv()

    def _decoded(self, data: bytes) -> Received | None:
        try:
            prefix = len(self._address.prefix)
            message, refs = decode(memoryview(data)[prefix:] if prefix else data, self.edge.kind, self._rings)
            if self._copy and refs:
                message = replace(
                    message, **{name: getattr(message, name).copy() for name in layout_of(type(message)).arrays}
                )
                if not all(map(self._rings.intact, refs)):
                    raise Gone("overwritten while it was copied")
                refs = []
        except WireError:
            self._profile.refused += 1
            return None
        except Gone:
            self._profile.lost += 1
            return None
        return Received(message, refs, now_ns())


class Inbox:
    """The reading ends of a node, joined: iterate it for what `process` is called with, None when nothing comes.

    It ends when `ended` is set and everything that was sent has been read.
    """

    def __init__(
        self,
        context: zmq.Context,
        edges: Sequence[Edge],
        unwired: Iterable[str],
        address: Callable[[str], Address],  # where a node sends
        rings: Rings,
        profile: Profile,
        ended: threading.Event,
    ) -> None:
        self._rings = rings
        self._profile = profile
        self._ended = ended
        self._unwired = dict.fromkeys(unwired)  # arguments that the graph leaves out: None
        self._listeners = [Listener(context, edge, address(edge.node), rings, profile) for edge in edges]
        self._driving, self._others = self._listeners[0], self._listeners[1:]

    def __iter__(self) -> Iterator[Inputs | None]:
        while True:
            ending = self._ended.is_set()
            try:
                first = self._next(LAST_S if ending else IDLE_S)
            except TimeoutError:
                if ending:
                    return
                yield None
                continue
            inputs = self._joined(first) if first is not None else None
            if inputs is not None:
                yield inputs

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _next(self, timeout_s: float) -> Received | None:
        """The driving input's next message; meanwhile looks for producers that have not been found or have moved."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [listener.found() for listener in self._listeners]
            try:
                return self._driving.next(timeout_s if all(found) else min(LOOK_S, timeout_s))
            except TimeoutError:
                if time.monotonic() >= deadline - 0.001:  # ZeroMQ rounds to milliseconds
                    raise

    def _joined(self, first: Received) -> Inputs | None:
        """The driving message and the others' for its frame; None if one that is needed is missing."""
        values: dict[str, Message | None] = {**self._unwired, self._driving.edge.argument: first.message}
        refs = list(first.refs)
        for other in self._others:
            received = other.same(first.message) if other.edge.keep == "same" else other.before(first.message)
            if received is None and not other.edge.optional:
                self._profile.skipped += 1
                return None
            values[other.edge.argument] = received.message if received else None
            refs += received.refs if received else []
        return Inputs(values, first.message, first.received_ns, lambda: self._intact(refs))

    def _intact(self, refs: list[Ref]) -> bool:
        whole = all(map(self._rings.intact, refs))
        if not whole:
            for listener in self._listeners:
                listener.torn()
        return whole
