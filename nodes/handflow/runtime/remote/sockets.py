"""Sockets between machines: they survive links that are cut, slow or full."""

import errno
import socket
import time

import zmq

from handflow.errors import SetupError
from handflow.runtime.awake_clock import Countdown
from handflow.runtime.transport.endpoint import RELEASED_S

# A link on which nothing has been heard for CUT_MS is cut.
HEARTBEAT_MS, CUT_MS = 500, 2000
# A connection that the other side does not answer is begun anew: the system would wait for minutes.
CONNECT_MS = 1000
RECONNECT_MS, RECONNECT_MAX_MS = 100, 1000


def harden(socket: zmq.Socket) -> None:
    """Sets what lets a socket survive such a link; to be called before it binds or connects."""
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, CUT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TTL, 2 * CUT_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 2 * CUT_MS)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 5)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 5)


def bind(bound: zmq.Socket, endpoint: str) -> None:
    """Binds to this machine's address in the graph. SetupError."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    # A process that this one takes over from has only just let go.
    released = Countdown(RELEASED_S)
    while True:
        try:
            # ZeroMQ binds to numbers only.
            address = socket.gethostbyname(host)
            bound.bind(f"tcp://{address}:{port}")
            return
        except (OSError, zmq.ZMQError) as error:
            # On Windows ZeroMQ has a number of its own for it.
            taken = error.errno in (errno.EADDRINUSE, zmq.EADDRINUSE)
            if taken and not released.over():
                time.sleep(0.005)
                continue
            bound.close(linger=0)
            why = "the port is in use" if taken else f"{host} is not this machine's address ({error.strerror or error})"
            raise SetupError(f"cannot listen on {host}:{port}: {why}") from error
