"""The reading end of one edge: a ZeroMQ SUB socket, of which the newest message is read, or that of a given frame."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import zmq

from handflow.errors import StaleSlot, WireError
from handflow.messages import Message, now_ns
from handflow.runtime.profile import Profile

from .endpoint import Address
from .publisher import HIGH_WATER, READABLE
from .shared_memory import Ref, Rings
from .wire import Edge, copied, message_in, numbers_in, unpack

HELD = 8  # messages kept of an input that is looked up by frame
# Messages that are read one by one when another process has taken over, here or at the other end: what has been held up
# then comes at once, and is not to be skipped.
CATCH_UP = 12
NEWEST_S = 0.0005  # a message that was waited for so long came to an empty socket
RECONNECT_MS = 10  # a restarted node is heard again in 5 ms instead of ZeroMQ's 150
MAX_BYTES = 16 * 1024 * 1024  # nothing we send comes near; more is not ours


class Received(NamedTuple):
    message: Message
    refs: list[Ref]  # the ring slots that its arrays lie in
    received_ns: int
    last: bool = False  # of its frame, in an exact graph


class Listener:
    """The reading end of one edge."""

    kind = zmq.SUB

    def __init__(self, context: zmq.Context, edge: Edge, address: Address, rings: Rings, profile: Profile) -> None:
        self.edge = edge
        self._address = address
        self._rings = rings
        self._profile = profile
        self._last_sent = 0
        self._by, self._number = -1, 0  # of the producer's process (-1: none has been heard), and of its last message
        self._waited: deque[bytes] = deque()  # messages that have come and are not read yet
        self._in_turn = 0  # so many of them are to be read one by one
        self._late = False  # and worked on later
        self._held: dict[tuple[int, int], Received] = {}  # by stream and seq, oldest first
        self._latest: Received | None = None
        self._unheard = 0  # driving messages in a row that found nothing here
        self._timeout_s = -1.0
        self._copy = False  # whether this node takes longer than the ring holds a picture
        self.socket = context.socket(self.kind)
        self.socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
        self.socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.subscribe(address.prefix)
        address.connect(self.socket)

    def found(self) -> bool:
        """Whether it is known where the producer sends; to be asked now and then, for that may change."""
        return self._address.follow(self.socket)

    def next(self, timeout_s: float) -> Received | None:
        """Waits for a message and takes the newest; None if that cannot be read. TimeoutError."""
        waited, began = self._waited, time.monotonic()
        first = waited.popleft() if waited else self.received(timeout_s)
        if self._in_turn:
            self._in_turn -= 1
            return self._read(first)
        # Asking ZeroMQ for more takes a twentieth of a hop, and what had to be waited for is the newest.
        if not waited and (time.monotonic() - began > NEWEST_S or not self._readable()):
            return self._read(first)
        waited.appendleft(first)
        waited.extend(self._waiting())
        if (last_before := self._change_over(waited)) is not None:
            for _ in range(last_before):
                waited.popleft()
            self.in_turn()
            return self.next(timeout_s)
        newest = waited.pop()
        waited.clear()
        return self._read(newest)

    def in_turn(self, copy: bool = False) -> None:
        """From now on the next CATCH_UP messages are read one by one. `copy`: they will be worked on late, and the ring
        would have gone round.
        """
        self._in_turn, self._late = CATCH_UP, copy

    def done(self) -> None:
        """The work on what `next` gave is done."""

    def rest(self) -> None:
        """There is nothing to read just now."""

    def newest(self) -> Received | None:
        """The newest message that has not been read yet. What is older is skipped, and counted by the gap in `sent`."""
        waiting = list(self._waiting())
        return self._read(waiting[-1]) if waiting else None

    def _read(self, data: bytes) -> Received | None:
        """Decodes a message, and counts those before it that were skipped."""
        received = self._decoded(data)
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

    def keep_up(self) -> None:
        """Takes in what has come, for `same` or `before` to find."""
        if self.edge.keep == "same":
            self._hold()
        else:
            self._latest = self.newest() or self._latest

    def torn(self) -> None:
        """Told that a slot was overwritten during the work on it: from now on arrays are copied out when read."""
        self._copy = True

    def close(self) -> None:
        self.socket.close()

    def subscribe(self, prefix: bytes) -> None:
        self.socket.setsockopt(zmq.SUBSCRIBE, prefix)

    def waiting(self) -> bool:
        """Whether there is something to read."""
        return bool(self._waited or self._readable())

    def received(self, timeout_s: float) -> bytes:
        """Waits for a message. TimeoutError."""
        if timeout_s != self._timeout_s:
            self._timeout_s = timeout_s
            self.socket.setsockopt(zmq.RCVTIMEO, round(timeout_s * 1000))
        try:
            return self.socket.recv()  # not poll and recv: one call less between the picture and the work on it
        except zmq.Again:
            raise TimeoutError from None

    def _hold(self) -> None:
        for data in self._waiting():
            self._unheard = 0
            received = self._decoded(data)
            if received is not None:
                self._held[received.message.stream, received.message.seq] = received
                while len(self._held) > HELD:
                    del self._held[next(iter(self._held))]

    def _waiting(self) -> Iterator[bytes]:
        while self._readable():
            yield self.socket.recv()

    def _readable(self) -> bool:
        return bool(self.socket.get(zmq.EVENTS) & READABLE)  # a refused recv would cost an exception

    def _change_over(self, waiting: Sequence[bytes]) -> int | None:
        """Which is the last of them by the process heard so far (-1 becomes 0: none is), if there is one by another."""
        for n, data in enumerate(waiting if self._by >= 0 else ()):
            try:
                numbers = numbers_in(self._unpacked(data))
            except WireError:
                continue  # refused when it is read
            if numbers and numbers[0] != self._by:
                return max(0, n - 1)
        return None

    def _decoded(self, data: bytes) -> Received | None:
        try:
            packed = self._unpacked(data)
            if (numbers := numbers_in(packed)) is not None:
                self._follow(*numbers)
            return self._received(packed, self.edge.kind)
        except WireError:
            self._profile.refused += 1
        except StaleSlot:
            self._profile.lost += 1
        return None

    def _follow(self, by: int, number: int) -> None:
        """Refuses what has been read before: by nobody of ours was it sent twice."""
        if by != self._by:
            if self._by >= 0:
                self.in_turn()
            self._by, self._last_sent = by, 0
        elif number <= self._number:
            raise WireError(f"message {number} after {self._number}")
        self._number = number

    def _unpacked(self, data: bytes) -> dict[str, Any]:
        prefix = len(self._address.prefix)
        return unpack(memoryview(data)[prefix:] if prefix else data)

    def _received(self, packed: dict[str, Any], kind: type[Message]) -> Received:
        message, refs = message_in(packed, kind, self._rings)
        if (self._copy or self._late) and refs:
            message = copied(message)
            if not all(map(self._rings.intact, refs)):
                raise StaleSlot("overwritten while it was copied")
            refs = []
        return Received(message, refs, now_ns())
