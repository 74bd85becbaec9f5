"""The sending end of a node: one ZeroMQ PUB socket, one message part for each message."""

import time

import zmq

from ..messages import Message
from .endpoint import Address
from .ring import Rings
from .wire import encode

HIGH_WATER = 64  # messages a silent reader may leave waiting; small ones: pictures lie in the ring
READABLE = int(zmq.POLLIN)  # arithmetic on pyzmq's enumerations costs microseconds


class Outbox:
    """The sending end of a node: binds, so that listeners come and go as they like."""

    def __init__(self, context: zmq.Context, address: Address, rings: Rings) -> None:
        self._rings = rings
        self._prefix = address.prefix
        self._sent = 0
        self._listeners = 0
        self._socket = context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)  # every subscription and its end is told, not only the first
        # On a clean end what was sent goes out; a reader that does not read holds us up no longer than this.
        self._socket.setsockopt(zmq.LINGER, 100)
        address.bind(self._socket)

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
        data = encode(message, self._rings)
        self._socket.send(self._prefix + data if self._prefix else data)
        while self._socket.get(zmq.EVENTS) & READABLE:  # subscriptions would pile up unread
            self._listeners += 1 if self._socket.recv()[0] else -1

    def close(self) -> None:
        self._socket.close()
