"""The receiving end of one edge: a ZeroMQ socket, and its bytes made into messages that follow one another.

Which of the messages are read is up to a policy (policies.py), which holds a `Subscription`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import zmq

from handflow.errors import StaleSlot, WireError
from handflow.messages import Message, now_ns
from handflow.runtime.profile import Profile

from .endpoint import Address
from .publisher import QUEUED_MESSAGES, READABLE
from .shared_memory import Ref, Rings
from .wire import HEAD_BYTES, TAGGED, Edge, copied, message_in, numbers_in, unpack

# Nothing has come yet, or nothing that says which process sent it.
NO_PRODUCER = -1
# A restarted node is heard again in 5 ms instead of ZeroMQ's 150.
RECONNECT_MS = 10
# Nothing we send comes near; more is not ours.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class Received(NamedTuple):
    """One message as it was read."""

    message: Message
    refs: list[Ref]  # the ring slots that its arrays lie in
    received_ns: int
    last: bool = False  # of its frame, in an exact graph


class Decoder(Protocol):
    """Makes messages of the bytes of one edge."""

    def unpack(self, data: bytes) -> dict[str, Any]:
        """The map in the bytes (wire.py). WireError."""
        ...

    def message(self, packed: dict[str, Any], kind: type[Message]) -> tuple[Message, list[Ref]]:
        """The message in an unpacked map, and the slots that its arrays lie in. WireError, StaleSlot."""
        ...

    def intact(self, refs: list[Ref]) -> bool:
        """Whether the slots still hold what was sent."""
        ...


class LocalDecoder:
    """Of a producer on this machine, whose big arrays lie in rings."""

    def __init__(self, prefix: bytes, rings: Rings) -> None:
        self._prefix_bytes, self._rings = len(prefix), rings

    def unpack(self, data: bytes) -> dict[str, Any]:
        start = self._prefix_bytes
        if data[start : start + 1] == TAGGED:
            start += HEAD_BYTES
        return unpack(memoryview(data)[start:] if start else data)

    def message(self, packed: dict[str, Any], kind: type[Message]) -> tuple[Message, list[Ref]]:
        return message_in(packed, kind, self._rings)

    def intact(self, refs: list[Ref]) -> bool:
        return all(map(self._rings.intact, refs))


class Subscription:
    """One edge's socket. It connects, in any order with the producer and again after it has gone.

    Every message is checked to follow the one before: `producer` (a number of its process), `number` and `missed` are
    those of the last one.
    """

    def __init__(
        self,
        context: zmq.Context,
        edge: Edge,
        address: Address,
        decoder: Decoder,
        profile: Profile,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.edge, self.profile, self.prefix = edge, profile, address.prefix
        self.producer, self.number = NO_PRODUCER, 0
        self.nth: int | None = None  # the how many-eth of the chosen stream the last message was
        # Where every message is read, those of other streams are too, and passed over: credit is for all of them.
        self.head = self.prefix + edge.head
        self.missed: int | None = None  # messages of the same producer right before the last; None: it was the first
        # Arrays are copied out of the ring: a slot was overwritten during the work on it, or the work is put off.
        self.torn = self.postponed = False
        self._address, self._decoder, self._on_close = address, decoder, on_close
        self._timeout_s = -1.0
        # An XSUB socket is one that can send against the stream.
        self.socket = context.socket(zmq.XSUB if edge.keep == "all" else zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, QUEUED_MESSAGES)
        self.socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self.socket.setsockopt(zmq.LINGER, 0)
        if edge.keep == "all":
            self.answer(b"\x01" + self.prefix)
        else:
            self.socket.setsockopt(zmq.SUBSCRIBE, self.head)
        address.connect(self.socket)

    def locate(self) -> bool:
        """Whether it is known where the producer sends; to be asked now and then, for that may change."""
        return self._address.follow(self.socket)

    def answer(self, data: bytes) -> None:
        """Sends to the producer, where every message is read."""
        self.socket.send(data)

    def readable(self) -> bool:
        """Whether a message has come."""
        # A refused recv would cost an exception.
        return bool(self.socket.get(zmq.EVENTS) & READABLE)

    def wait(self, timeout_ms: float) -> bool:
        """Waits until a message has come; whether one has."""
        return bool(self.socket.poll(timeout_ms))

    def receive(self, timeout_s: float) -> bytes:
        """Waits for a message's bytes. TimeoutError."""
        if timeout_s != self._timeout_s:
            self._timeout_s = timeout_s
            self.socket.setsockopt(zmq.RCVTIMEO, round(timeout_s * 1000))
        try:
            # Not poll and recv: one call less between the frame and the work on it.
            return self.socket.recv()
        except zmq.Again:
            raise TimeoutError from None

    def arrived(self) -> Iterator[bytes]:
        """The bytes of all that has come."""
        while self.readable():
            yield self.socket.recv()

    def read(self, data: bytes) -> Received | None:
        """The message in the bytes; None: it cannot be read, and is counted as refused or lost."""
        try:
            return self.decode(self.unpack(data), self.edge.kind)
        except WireError:
            self.profile.refused += 1
        except StaleSlot:
            self.profile.lost += 1
        return None

    def unpack(self, data: bytes) -> dict[str, Any]:
        """The map in the bytes, which follows the one before. WireError also if it was read before."""
        packed = self._decoder.unpack(data)
        if (numbers := numbers_in(packed)) is not None:
            self._follow(*numbers)
        nth = packed.get("nth") if self.edge.stream else None
        self.nth = nth if type(nth) is int else None
        return packed

    def wanted(self, data: bytes) -> bool:
        """Whether a message is of the stream that is read."""
        return data.startswith(self.head)

    def decode(self, packed: dict[str, Any], kind: type[Message]) -> Received:
        """The message in an unpacked map. WireError, StaleSlot."""
        message, refs = self._decoder.message(packed, kind)
        if refs and (self.torn or self.postponed):
            message = copied(message)
            if not self._decoder.intact(refs):
                raise StaleSlot("overwritten while it was copied")
            refs = []
        return Received(message, refs, now_ns())

    def intact(self, received: Received) -> bool:
        """Whether the arrays of a message are still what was sent."""
        return self._decoder.intact(received.refs)

    def change_over(self, waiting: Sequence[bytes]) -> int | None:
        """Which is the last of them by the producer so far (0 also if none is), if there is one by another process."""
        for n, data in enumerate(waiting if self.producer != NO_PRODUCER else ()):
            try:
                numbers = numbers_in(self._decoder.unpack(data))
            except WireError:
                continue  # refused when it is read
            if numbers and numbers[0] != self.producer:
                return max(0, n - 1)
        return None

    def close(self) -> None:
        self.socket.close()
        self._on_close()

    def _follow(self, producer: int, number: int) -> None:
        """Refuses what has been read before: no process of ours sends a message twice."""
        if producer != self.producer:
            self.producer, self.missed = producer, None
        elif number <= self.number:
            raise WireError(f"message {number} after {self.number}")
        else:
            self.missed = number - self.number - 1
        self.number = number


def subscribe(
    context: zmq.Context, address: Callable[[str], Address], rings: Rings, profile: Profile, edge: Edge
) -> Subscription:
    """Subscribes to a producer on this machine. `address` says where a node sends."""
    where = address(edge.node)
    return Subscription(context, edge, where, LocalDecoder(where.prefix, rings), profile)
