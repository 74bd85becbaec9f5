"""Where the sockets of a graph are found: at a fixed endpoint, or at a free tcp port that lies in a file."""

import contextlib
import os
import socket as python_socket
import time
from pathlib import Path
from typing import Any, Protocol

import zmq

from handflow.runtime.awake_clock import Countdown
from handflow.runtime.files import replacing

# How often a socket that has not found its other end looks for it, and one that has whether it has moved.
LOCATE_S, MOVED_S = 0.05, 0.25
# By then a closed socket has let go of its address.
RELEASED_S = 0.5


class Address(Protocol):
    """One end of a socket. Each socket has an address of its own, for it remembers where it is connected to."""

    prefix: bytes  # every message sent from here begins with it

    def bind(self, socket: zmq.Socket) -> None: ...

    def connect(self, socket: zmq.Socket) -> None: ...

    def follow(self, socket: zmq.Socket) -> bool:
        """Connects anew where the other end has moved; whether it is known where it is."""
        ...

    def vanish(self) -> None:
        """Waits until a socket that was bound here and is closed has let go: ZeroMQ does so a little later."""
        ...


class FixedAddress:
    """An endpoint that does not change."""

    def __init__(self, endpoint: str) -> None:
        # As the file system has it: ZeroMQ would encode a path of other characters as UTF-8, or not at all.
        self.endpoint: Any = os.fsencode(endpoint)
        self.prefix = b""

    def bind(self, socket: zmq.Socket) -> None:
        # Bytes, which its types do not tell of: a folder of the user's may be no UTF-8.
        socket.bind(os.fsencode(self.endpoint))  # type: ignore[arg-type]

    def connect(self, socket: zmq.Socket) -> None:
        socket.connect(os.fsencode(self.endpoint))  # type: ignore[arg-type]

    def follow(self, socket: zmq.Socket) -> bool:
        return True

    def vanish(self) -> None:
        """Whoever binds next replaces the file, which stays."""


class LoopbackAddress:
    """tcp on this machine: who binds takes a free port and writes it into `file`, where the others read it.

    A port that was let go may be another graph's by the time somebody connects: hence the prefix, which is the graph's
    own.
    """

    def __init__(self, file: Path, prefix: bytes) -> None:
        self.file, self.prefix = file, prefix
        self._port: int | None = None  # connected to
        self._due = 0.0

    def bind(self, socket: zmq.Socket) -> None:
        """At the port of the last time if it is free, so that those who listen need not look for another."""
        for port in (self._written(), "*"):
            with contextlib.suppress(zmq.ZMQError):
                if port is not None:
                    socket.bind(f"tcp://127.0.0.1:{port}")
                    break
        else:
            raise OSError(f"no tcp port is free on 127.0.0.1 for {self.file.stem}")
        bound = socket.get_string(zmq.LAST_ENDPOINT).rpartition(":")[2]
        if bound == str(self._written()):
            return
        for _ in range(50):
            # PermissionError: on Windows, while somebody reads it.
            with contextlib.suppress(PermissionError), replacing(self.file) as part:
                part.write_text(bound, "utf-8")
                return
            time.sleep(0.01)
        raise OSError(f"{self.file} cannot be replaced")

    def connect(self, socket: zmq.Socket) -> None:
        self._due = 0.0
        self.follow(socket)

    def follow(self, socket: zmq.Socket) -> bool:
        if time.monotonic() >= self._due:
            port = self._written()
            if port != self._port:
                if self._port is not None:
                    with contextlib.suppress(zmq.ZMQError):
                        socket.disconnect(f"tcp://127.0.0.1:{self._port}")
                if port is not None:
                    socket.connect(f"tcp://127.0.0.1:{port}")
                self._port = port
            self._due = time.monotonic() + (LOCATE_S if port is None else MOVED_S)
        return self._port is not None

    def vanish(self) -> None:
        released = Countdown(RELEASED_S)
        while (port := self._written()) is not None and not released.over():
            with python_socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return
            time.sleep(0.0005)

    def _written(self) -> int | None:
        try:
            return int(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
