"""Messages on ZeroMQ: one PUB socket a node, one SUB socket an edge, one msgpack part a message.

Only this module knows sockets. Small arrays travel inside the message, big ones lie in a ring (ring.py) and the message
names their slot.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import msgpack
import numpy as np
import zmq

from ..messages import Hop, Message, layout_of, now_ns
from .node import Inputs
from .profile import Profile
from .ring import Gone, Ref, Rings

VERSION = 2  # of the wire; a change of layout raises it
INLINE_BYTES = 64 * 1024  # arrays up to this size travel inside the message: cheaper than a look into shared memory
HELD = 8  # messages kept of an input that is looked up by frame
HIGH_WATER = 64  # messages a silent reader may leave waiting; small ones: pictures lie in the ring
RECONNECT_MS = 10  # a restarted node is heard again in 5 ms instead of ZeroMQ's 150
MAX_BYTES = 16 * 1024 * 1024  # nothing we send comes near; more is not ours
READABLE = int(zmq.POLLIN)  # arithmetic on pyzmq's enumerations costs microseconds
LAST_S = 0.05  # after its sender has ended: what was sent has been read by then
IDLE_S = 0.25  # how long a node waits for a message before it is told that there is none


class WireError(Exception):
    """Bytes that are no message of the expected kind."""


@dataclass(frozen=True)
class Edge:
    """One input of a node: where it comes from and how it is read."""

    argument: str
    node: str  # the producer's name
    kind: type[Message]
    optional: bool = False  # process() takes None for it
    keep: Literal["newest", "same"] = "newest"
    wait_ms: float = 10.0  # `same`: how long to wait for the message of the driving one's frame


def encode(message: Message, rings: Rings) -> bytes:
    """One msgpack map: wire version, type name and the fields; an array is [dtype, shape, bytes or slot]."""
    arrays, plain = layout_of(type(message))
    packed: dict[str, Any] = {"v": VERSION, "type": type(message).__name__}
    for name in plain:
        packed[name] = getattr(message, name)
    for name in arrays:
        value = getattr(message, name)
        body = value.tobytes() if value.nbytes <= INLINE_BYTES else rings.ref(value)
        packed[name] = [value.dtype.str, value.shape, body]
    return msgpack.packb(packed)


def decode(data: bytes, kind: type[Message], rings: Rings) -> tuple[Message, list[Ref]]:
    """The message in `data`, with read-only arrays, and the slots they lie in. WireError, Gone."""
    try:
        packed = msgpack.unpackb(data)
        if packed["v"] != VERSION or packed["type"] != kind.__name__:
            raise WireError(f"{packed['type']!r} of wire {packed['v']!r} found, {kind.__name__} of {VERSION} expected")
        refs: list[Ref] = []
        arrays, plain = layout_of(kind)
        values: dict[str, Any] = {name: packed[name] for name in plain}
        for name in arrays:
            dtype, shape, body = packed[name]
            if isinstance(body, bytes):
                values[name] = np.frombuffer(body, dtype).reshape(shape)
            else:
                ref = Ref(*map(int, body))
                values[name] = rings.view(ref, [int(size) for size in shape], np.dtype(dtype))
                refs.append(ref)
        values["hops"] = [Hop(*hop) for hop in values["hops"]]
        return kind(**values), refs
    except (ValueError, TypeError, KeyError, AttributeError, msgpack.UnpackException) as error:
        raise WireError(f"no {kind.__name__}: {error}") from error


class Received(NamedTuple):
    message: Message
    refs: list[Ref]  # the ring slots that its arrays lie in
    received_ns: int


class Outbox:
    """The sending end of a node: binds, so that listeners come and go as they like."""

    def __init__(self, context: zmq.Context, endpoint: str, rings: Rings) -> None:
        self._rings = rings
        self._sent = 0
        self._listeners = 0
        self._socket = context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)  # every subscription and its end is told, not only the first
        # On a clean end what was sent goes out; a reader that does not read holds us up no longer than this.
        self._socket.setsockopt(zmq.LINGER, 100)
        self._socket.bind(endpoint)

    def wait_for(self, listeners: int, timeout_s: float) -> None:
        """Waits until so many listen, or the time is over: a clip's first frames should not go to nobody."""
        deadline = time.monotonic() + timeout_s
        while self._listeners < listeners and (left := deadline - time.monotonic()) > 0:
            if self._socket.poll(left * 1000):
                self._listeners += 1 if self._socket.recv()[0] else -1

    def send(self, message: Message) -> None:
        self._sent += 1
        message.sent = self._sent
        # Serialise before sending: a failed pack must not leave a gap in the counter's wake without a word.
        self._socket.send(encode(message, self._rings))
        while self._socket.get(zmq.EVENTS) & READABLE:  # subscriptions would pile up unread
            self._listeners += 1 if self._socket.recv()[0] else -1

    def close(self) -> None:
        self._socket.close()


class Listener:
    """The reading end of one edge."""

    def __init__(self, context: zmq.Context, edge: Edge, endpoint: str, rings: Rings, profile: Profile) -> None:
        self.edge = edge
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
        self.socket.setsockopt(zmq.SUBSCRIBE, b"")
        self.socket.connect(endpoint)

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
            message, refs = decode(data, self.edge.kind, self._rings)
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
        endpoints: Mapping[str, str],
        rings: Rings,
        profile: Profile,
        ended: threading.Event,
    ) -> None:
        self._rings = rings
        self._profile = profile
        self._ended = ended
        self._unwired = dict.fromkeys(unwired)  # arguments that the graph leaves out: None
        listeners = [Listener(context, edge, endpoints[edge.node], rings, profile) for edge in edges]
        self._driving, self._others = listeners[0], listeners[1:]

    def __iter__(self) -> Iterator[Inputs | None]:
        driving = self._driving
        while True:
            ending = self._ended.is_set()
            try:
                first = driving.next(LAST_S if ending else IDLE_S)
            except TimeoutError:
                if ending:
                    return
                yield None
                continue
            inputs = self._joined(first) if first is not None else None
            if inputs is not None:
                yield inputs

    def close(self) -> None:
        for listener in (self._driving, *self._others):
            listener.close()

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
            for listener in (self._driving, *self._others):
                listener.torn()
        return whole
