"""The ends of an edge between two machines: tcp, arrays inside the message, pictures as JPEG, nothing kept for later.

A cut link is noticed by heartbeats within HEARTBEAT_MS and a bit; both ends then drop what was on its way, and the
reader connects anew for ever. How much is on its way at a time the readers' acknowledgements say (window.py); what has
been held up for more than LATE_S all the same is not shown.
"""

import errno
import secrets
import socket as socket_
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
from handflow.messages import Message, now_ns
from handflow.runtime import keys
from handflow.runtime.profile import Profile
from handflow.runtime.topology import TOPIC_BYTES, Crossing
from handflow.runtime.transport import jpeg as picture
from handflow.runtime.transport.endpoint import GONE_S, Fixed
from handflow.runtime.transport.publisher import READABLE, Publisher
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.subscriber import MAX_BYTES, Listener, Received
from handflow.runtime.transport.wire import Edge, encode, message_in, unpack

from .congestion import CongestionWindow

HEARTBEAT_MS = 500
DEAD_MS = 2000  # without an answer: the link is cut
CONNECT_MS = 1000  # a connection that the other side does not answer is begun anew: the system would wait for minutes
RECONNECT_MS, RECONNECT_MOST_MS = 100, 1000
HIGH_WATER = 2  # messages that wait at the sender, where nobody acknowledges: more would only grow old
LAST_S = 0.5  # after the end: for the last message
NUMBER = struct.Struct("<Q")  # of a message, after its topic
NAME_BYTES = 8  # of a reader
UNSUBSCRIBE, SUBSCRIBE, ACK = b"\x00", b"\x01", b"\x02"  # against the stream; the first two are ZeroMQ's
SEND_BYTES = 128 * 1024  # in the system's buffer, which else grows to seconds of pictures on a slow link
HELD = 64  # messages of an input that is looked up by frame
LATE_S = 1.0
CREEP = 0.05  # seconds a second by which the least delay is forgotten: a link that stays slow is no longer late


def tough(socket: zmq.Socket) -> None:
    """What lets a socket survive a link that is cut, slow or full: to be set before it binds or connects."""
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_MS)
    socket.setsockopt(zmq.HEARTBEAT_TTL, 2 * DEAD_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 2 * DEAD_MS)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MOST_MS)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 5)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 5)


class Relay(threading.Thread):
    """Takes in what another machine sends, acknowledges it at once, and hands it on inside this process.

    So that the sender knows the link's pace, and not that of the node, which may be busy. What nothing has been heard
    of for long it asks for again by itself: ZeroMQ connects anew.
    """

    def __init__(self, context: zmq.Context, crossing: Crossing) -> None:
        super().__init__(daemon=True)
        self._topic, self._name = crossing.topic, secrets.token_bytes(NAME_BYTES)
        self.endpoint = f"inproc://{self._name.hex()}"
        self._done = threading.Event()
        self._far, self._near = context.socket(zmq.XSUB), context.socket(zmq.PUB)
        for socket in (self._far, self._near):
            socket.setsockopt(zmq.LINGER, 0)
        self._near.bind(self.endpoint)
        tough(self._far)
        self._far.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
        self._far.setsockopt(zmq.RCVHWM, HELD)
        self._far.setsockopt(zmq.RCVTIMEO, 100)
        if crossing.key:
            keys.visit(self._far, keys.read(Path(crossing.key)))
        self._far.send(SUBSCRIBE + self._topic)
        self._far.connect(crossing.endpoint)

    def run(self) -> None:
        number = slice(len(self._topic), len(self._topic) + NUMBER.size)
        while not self._done.is_set():
            try:
                data = self._far.recv()
                self._far.send(ACK + self._topic + self._name + data[number], zmq.NOBLOCK)
                self._near.send(data)
            except zmq.Again:
                continue
        self._far.close()
        self._near.close()

    def close(self) -> None:
        self._done.set()
        self.join()


class FarListener(Listener):
    """The reading end of an edge from another machine. What comes late is lost."""

    def __init__(self, context: zmq.Context, edge: Edge, rings: Rings, profile: Profile) -> None:
        assert edge.crossing is not None
        self._lateness = Lateness()
        self._relay = Relay(context, edge.crossing)
        super().__init__(context, edge, Inside(self._relay.endpoint, edge), rings, profile)
        self._relay.start()

    def close(self) -> None:
        super().close()
        self._relay.close()

    def _unpacked(self, data: bytes) -> dict[str, Any]:
        return unpack(memoryview(data)[len(self._address.prefix) + NUMBER.size :])

    def _received(self, packed: dict[str, Any], kind: type[Message]) -> Received:
        message, _ = message_in(packed, kind, None)
        if self._lateness.late(message.stream, message.captured_ns, time.monotonic_ns()):
            raise StaleSlot("late")
        return Received(message, [], now_ns())


class Inside(Fixed):
    """Where the relay hands on: the newest alone, however slow the node is, or what is looked up by frame."""

    def __init__(self, endpoint: str, edge: Edge) -> None:
        super().__init__(endpoint)
        assert edge.crossing is not None
        self.prefix = edge.crossing.topic
        self._newest = edge.keep == "newest"

    def connect(self, socket: zmq.Socket) -> None:
        if self._newest:
            socket.setsockopt(zmq.CONFLATE, 1)
        else:
            socket.setsockopt(zmq.RCVHWM, HELD)
        socket.connect(self.endpoint)


class Lateness:
    """Tells what was held up on its way, without knowing how the two clocks differ: by the least delay there was."""

    def __init__(self) -> None:
        self._stream = self._least = self._at = 0

    def late(self, stream: int, captured_ns: int, now_ns: int) -> bool:
        delay = now_ns - captured_ns
        if stream != self._stream:
            self._stream, self._least = stream, delay
        else:
            self._least = min(delay, self._least + round((now_ns - self._at) * CREEP))
        self._at = now_ns
        return delay - self._least > LATE_S * 1e9


class RemotePublisher:
    """The sending ends of a node that is read on other machines too: `near` (whose owner closes it) for this one, and
    one for the others."""

    def __init__(self, context: zmq.Context, near: Publisher, crossings: Sequence[Crossing]) -> None:
        self._near = near
        self._forms = {crossing.topic: crossing for crossing in crossings}
        self._wanted: dict[bytes, CongestionWindow] = {}  # the forms that somebody listens to: others are not made
        self._held: dict[bytes, tuple[int, bytes]] = {}  # the newest message in that form, not sent yet
        self._socket = context.socket(zmq.XPUB)
        tough(self._socket)
        self._socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.SNDBUF, SEND_BYTES)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._guard = None
        if crossings[0].key:
            key = keys.read(Path(crossings[0].key))
            self._guard = keys.guarded(context, key)
            keys.serve(self._socket, key)
        try:
            bind(self._socket, crossings[0].endpoint)
        except SetupError:
            self.close()
            raise

    def wait_for(self, listeners: int, timeout_s: float) -> None:
        """Waits until so many listen here and somebody to each form elsewhere, or the time is over."""
        deadline = time.monotonic() + timeout_s
        self._near.wait_for(listeners, timeout_s)
        while self._wanted.keys() != self._forms.keys() and (left := deadline - time.monotonic()) > 0:
            self._socket.poll(round(left * 1000))
            self._hear()

    def wait_for_readers(
        self, nodes: Sequence[str], timeout_s: float, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self._near.wait_for_readers(nodes, timeout_s, meanwhile)

    def send(self, message: Message) -> None:
        self._near.send(message)
        self._hear()
        for topic in self._wanted:
            data = encode(message, None, partial(_drawn, self._forms[topic]))
            self._held[topic] = message.sent, data
        self._send_held()

    def ready(self, done: Message | None = None) -> None:
        self._near.ready(done)
        self._hear()
        self._send_held()

    def drain(self) -> None:
        """Waits until those who must read every message have done so; the last message goes out to the others too."""
        self._near.drain()
        deadline = time.monotonic() + LAST_S
        while self._held and time.monotonic() < deadline:
            self._socket.poll(20)
            self._hear()
            self._send_held()

    def _send_held(self) -> None:
        """Sends the newest message, where another may be on its way now; what it replaced was skipped."""
        for topic, (number, data) in list(self._held.items()):
            window, now = self._wanted[topic], time.monotonic()
            if window.open(now):
                window.sent(number, now)
                self._socket.send(topic + NUMBER.pack(number) + data)
                del self._held[topic]

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
                continue
            if kind == SUBSCRIBE and not rest:
                self._wanted[topic] = CongestionWindow()
            elif kind == UNSUBSCRIBE and not rest:
                self._wanted.pop(topic, None)
                self._held.pop(topic, None)
            elif kind == ACK and topic in self._wanted and len(rest) == NAME_BYTES + NUMBER.size:
                (number,) = NUMBER.unpack(rest[NAME_BYTES:])
                self._wanted[topic].arrived(rest[:NAME_BYTES], number, time.monotonic())


def bind(socket: zmq.Socket, endpoint: str) -> None:
    """Binds to this machine's address in the graph. SetupError."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    deadline = time.monotonic() + GONE_S  # a process that this one takes over from has only just let go
    while True:
        try:
            address = socket_.gethostbyname(host)  # ZeroMQ binds to numbers only
            socket.bind(f"tcp://{address}:{port}")
            return
        except (OSError, zmq.ZMQError) as error:
            taken = error.errno == errno.EADDRINUSE
            if taken and time.monotonic() < deadline:
                time.sleep(0.005)
                continue
            socket.close(linger=0)
            why = "the port is in use" if taken else f"{host} is not this machine's address ({error.strerror or error})"
            raise SetupError(f"cannot listen on {host}:{port}: {why}") from error


def _drawn(form: Crossing, image: np.ndarray) -> bytes:
    return picture.packed(picture.shrunk(image, form.size), form.jpeg)
