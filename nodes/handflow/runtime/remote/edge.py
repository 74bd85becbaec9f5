"""The ends of an edge between two machines: tcp, arrays inside the message, pictures as JPEG, nothing kept for later.
With `keep: all` every message is acknowledged instead (lossless.py).

A cut link is noticed by heartbeats (sockets.py); both ends then drop what was on its way, and the reader connects anew
for ever. How much is on its way at a time the readers' acknowledgements say (congestion.py); what has been held up for
more than LATE_S all the same is not shown.
"""

import secrets
import struct
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from handflow.errors import SetupError, StaleSlot
from handflow.messages import Clock, Message
from handflow.runtime import keys
from handflow.runtime.awake_clock import AwakeClock, Countdown
from handflow.runtime.lateness import Lateness
from handflow.runtime.profile import Profile
from handflow.runtime.topology import TOPIC_BYTES, Crossing
from handflow.runtime.transport import jpeg
from handflow.runtime.transport.endpoint import LOCATE_S, FixedAddress
from handflow.runtime.transport.publisher import READABLE, Publisher
from handflow.runtime.transport.shared_memory import Ref
from handflow.runtime.transport.subscriber import MAX_MESSAGE_BYTES, Subscription
from handflow.runtime.transport.wire import Edge, encode, message_in, stream_of, unpack

from . import lossless
from .congestion import FORGET_DELAY, CongestionWindow
from .sockets import bind, harden

# Messages that wait at the sender, where nobody acknowledges: more would only grow old.
QUEUED_MESSAGES = 2
# After the end, for the last message.
LAST_MESSAGE_S = 0.5
# The number of a message, after its topic.
NUMBER = struct.Struct("<Q")
# The name of a reader.
NAME_BYTES = 8
# Against the stream; the first two are ZeroMQ's.
UNSUBSCRIBE, SUBSCRIBE, ACK = b"\x00", b"\x01", b"\x02"
# In the system's buffer, which else grows to seconds of frames on a slow link.
SEND_BYTES = 128 * 1024
# Of an input that is looked up by frame.
HELD_MESSAGES = 64
# A message that was held up for longer is not shown.
LATE_S = 1.0
# A node sends, or looks after its readers, at least so often.
AWAKE_STEP_S = 1.0


class Forwarder(threading.Thread):
    """Takes in what another machine sends, acknowledges it at once, and hands it on inside this process.

    So that the sender knows the link's pace, and not that of the node, which may be busy. What nothing has been heard
    of for long it asks for again by itself: ZeroMQ connects anew.
    """

    def __init__(self, context: zmq.Context, crossing: Crossing) -> None:
        super().__init__(daemon=True)
        self._topic, self._name = crossing.topic, secrets.token_bytes(NAME_BYTES)
        self.endpoint = f"inproc://{self._name.hex()}"
        self._done = threading.Event()
        self._remote, self._local = context.socket(zmq.XSUB), context.socket(zmq.PUB)
        for socket in (self._remote, self._local):
            socket.setsockopt(zmq.LINGER, 0)
        self._local.bind(self.endpoint)
        harden(self._remote)
        self._remote.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self._remote.setsockopt(zmq.RCVHWM, HELD_MESSAGES)
        self._remote.setsockopt(zmq.RCVTIMEO, 100)
        if crossing.key:
            keys.visit(self._remote, keys.read(Path(crossing.key)))
        self._remote.send(SUBSCRIBE + self._topic)
        self._remote.connect(crossing.endpoint)

    def run(self) -> None:
        number = slice(len(self._topic), len(self._topic) + NUMBER.size)
        while not self._done.is_set():
            try:
                data = self._remote.recv()
                self._remote.send(ACK + self._topic + self._name + data[number], zmq.NOBLOCK)
                self._local.send(data)
            except zmq.Again:
                continue
        self._remote.close()
        self._local.close()

    def close(self) -> None:
        self._done.set()
        self.join()


class ForwarderAddress(FixedAddress):
    """Where the forwarder hands on: the newest alone, however slow the node is, or what is looked up by frame."""

    def __init__(self, endpoint: str, edge: Edge, crossing: Crossing) -> None:
        super().__init__(endpoint)
        self.prefix = crossing.topic
        self._newest = edge.keep == "newest"

    def connect(self, socket: zmq.Socket) -> None:
        if self._newest:
            socket.setsockopt(zmq.CONFLATE, 1)
        else:
            socket.setsockopt(zmq.RCVHWM, HELD_MESSAGES)
        socket.connect(self.endpoint)


class RemoteDecoder:
    """Of a producer on another machine: every array is in the message. What comes late is lost."""

    def __init__(self, topic: bytes) -> None:
        self._head_bytes = len(topic) + NUMBER.size
        self._lateness = Lateness(FORGET_DELAY)
        self._stream = 0
        self._offset_ns = Clock.offset_ns

    def unpack(self, data: bytes) -> dict[str, Any]:
        return unpack(memoryview(data)[self._head_bytes :])

    def message(self, packed: dict[str, Any], kind: type[Message]) -> tuple[Message, list[Ref]]:
        message, refs = message_in(packed, kind, None)
        if self.late(message.stream, message.captured_ns, time.perf_counter_ns()):
            raise StaleSlot("late")
        return message, refs

    def intact(self, refs: list[Ref]) -> bool:
        return True

    def late(self, stream: int, captured_ns: int, now_ns: int) -> bool:
        """Whether a message was held up on its way."""
        # The sender's machine was suspended, or has another clock for some other reason: not its messages are late.
        stepped = abs(Clock.offset_ns - self._offset_ns) > LATE_S * 1e9 / 2
        if stream != self._stream or stepped:
            self._stream, self._offset_ns = stream, Clock.offset_ns
            self._lateness.restart()
        late_s = self._lateness.measure(captured_ns / 1e9, now_ns / 1e9)
        return late_s is not None and late_s > LATE_S


class LosslessAddress(FixedAddress):
    """Where the producer is, for a reader of every message: no forwarder, since it acknowledges what is done with."""

    def __init__(self, crossing: Crossing) -> None:
        super().__init__(crossing.endpoint)
        self.prefix, self._key = lossless.topic_of_reader(crossing), crossing.key

    def connect(self, socket: zmq.Socket) -> None:
        harden(socket)
        if self._key:
            keys.visit(socket, keys.read(Path(self._key)))
        super().connect(socket)


class LosslessDecoder(RemoteDecoder):
    """Nothing is too late to be read."""

    def late(self, stream: int, captured_ns: int, now_ns: int) -> bool:
        return False


def subscribe_remote(context: zmq.Context, profile: Profile, edge: Edge) -> Subscription:
    """Subscribes to a producer on another machine."""
    assert edge.crossing is not None
    if edge.keep == "all":
        where = LosslessAddress(edge.crossing)
        return Subscription(context, edge, where, LosslessDecoder(where.prefix), profile)
    forwarder = Forwarder(context, edge.crossing)
    address = ForwarderAddress(forwarder.endpoint, edge, edge.crossing)
    decoder = RemoteDecoder(edge.crossing.topic)
    subscription = Subscription(context, edge, address, decoder, profile, forwarder.close)
    forwarder.start()
    return subscription


class RemotePublisher:
    """The sending ends of a node that is read on other machines too: `local` (whose owner closes it) for this one, and
    one for the others. `awaited`: the crossings by which somebody reads it at the start; None: all. `say` gets a line
    when a reader of every message loses its credit or has it back.
    """

    def __init__(
        self,
        context: zmq.Context,
        local: Publisher,
        crossings: Sequence[Crossing],
        awaited: Sequence[Crossing] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._local = local
        self._forms = {crossing.topic: crossing for crossing in crossings if not crossing.lossless}
        self._lossless_forms = {crossing.topic: crossing for crossing in crossings if crossing.lossless}
        self._lossless = lossless.LosslessReaders(self._lossless_forms, self._send_counted, self._listen, say)
        self._jpegs: dict[tuple[object, ...], bytes] = {}  # of the message that is sent just now
        self._awaited = {crossing.topic for crossing in (crossings if awaited is None else awaited)}
        self._wanted: dict[bytes, CongestionWindow] = {}  # the forms that somebody listens to: others are not made
        self._held: dict[bytes, tuple[int, bytes]] = {}  # the newest message in that form, not sent yet
        self._nth: dict[bytes, int] = {}  # messages in that form so far
        self._clock = AwakeClock(AWAKE_STEP_S)
        self._socket = context.socket(zmq.XPUB)
        harden(self._socket)
        self._socket.setsockopt(zmq.SNDHWM, lossless.QUEUED_MESSAGES if self._lossless_forms else QUEUED_MESSAGES)
        self._socket.setsockopt(zmq.SNDBUF, SEND_BYTES)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._guard = None
        if crossings[0].key:
            key = keys.read(Path(crossings[0].key))
            self._guard = keys.Guard(context, key)
            keys.serve(self._socket, key)
        try:
            bind(self._socket, crossings[0].endpoint)
        except SetupError:
            self.close()
            raise

    def wait_for(self, listeners: int, timeout_s: float) -> None:
        """Waits until so many listen here and somebody to each form elsewhere, or the time is over."""
        wait = Countdown(timeout_s)
        self._local.wait_for(listeners, timeout_s)
        while not self._awaited <= {*self._wanted, *self._lossless.wanted()} and (left := wait.left()):
            self._socket.poll(min(left, LOCATE_S) * 1000)
            self._hear()

    def wait_for_readers(
        self, nodes: Sequence[str], timeout_s: float, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self._local.wait_for_readers(nodes, timeout_s, meanwhile)

    def send(self, message: Message) -> None:
        self._local.send(message)
        self._hear()
        self._jpegs.clear()
        for topic in self._wanted:
            form = self._forms[topic]
            if form.stream and form.stream != stream_of(message, [form.stream]):
                continue
            # Its own count in a stream: what other readers are sent is not skipped here.
            self._nth[topic] = self._nth.get(topic, 0) + 1
            data = encode(message, None, partial(self._jpeg, form), nth=self._nth[topic])
            self._held[topic] = message.sent, data
        self._send_held()
        self._lossless.send(message)

    def ready(self, done: Message | None = None) -> None:
        self._local.ready(done)
        self._hear()
        self._lossless.wait()
        self._send_held()

    def drain(self) -> None:
        """Waits until those who must read every message have done so; the last message goes out to the others too."""
        self._local.drain()
        self._lossless.drain()
        wait = Countdown(LAST_MESSAGE_S)
        while self._held and not wait.over():
            self._socket.poll(20)
            self._hear()
            self._send_held()

    def _send_held(self) -> None:
        """Sends the newest message, where another may be on its way now; what it replaced was skipped."""
        for topic, (number, data) in list(self._held.items()):
            window, now = self._wanted[topic], self._clock.now()
            if window.open(now):
                window.sent(number, now)
                self._socket.send(topic + NUMBER.pack(number) + data)
                del self._held[topic]

    def _send_counted(self, topic: bytes, form: Crossing, message: Message, number: int, by: int) -> None:
        """Sends a message to a reader who has a count of its own."""
        sent, message.sent = message.sent, number
        data = encode(message, None, partial(self._jpeg, form), by=by)
        message.sent = sent
        self._socket.send(topic + NUMBER.pack(number) + data)

    def _listen(self, seconds: float) -> None:
        self._socket.poll(seconds * 1000)
        self._hear()

    def close(self) -> None:
        self._socket.close()
        if self._guard is not None:
            self._guard.stop()

    def _hear(self) -> None:
        """ZeroMQ tells when the first subscribes and the last is gone; readers acknowledge. The rest is nobody's."""
        while self._socket.get(zmq.EVENTS) & READABLE:
            data = self._socket.recv()
            kind, topic, rest = data[:1], data[1 : 1 + TOPIC_BYTES], data[1 + TOPIC_BYTES :]
            if topic not in self._forms:
                self._lossless.hear(data)
            elif kind == SUBSCRIBE and not rest:
                self._wanted[topic] = CongestionWindow()
            elif kind == UNSUBSCRIBE and not rest:
                self._wanted.pop(topic, None)
                self._held.pop(topic, None)
            elif kind == ACK and topic in self._wanted and len(rest) == NAME_BYTES + NUMBER.size:
                (number,) = NUMBER.unpack(rest[NAME_BYTES:])
                self._wanted[topic].arrived(rest[:NAME_BYTES], number, self._clock.now())

    def _jpeg(self, form: Crossing, image: np.ndarray) -> bytes:
        """Drawn once for all that read it alike."""
        key = form.jpeg, form.size, id(image)
        if key not in self._jpegs:
            self._jpegs[key] = jpeg.encode(jpeg.shrink(image, form.size), form.jpeg)
        return self._jpegs[key]
