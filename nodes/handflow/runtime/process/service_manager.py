"""Tells systemd how the graph does, where it has started us: ready, alive, how it goes, ending (man sd_notify).

A datagram of lines to the socket that the environment names; the bindings for it need a compiler, or rest since 2017.
"""

import contextlib
import os
import socket

SOCKET = "NOTIFY_SOCKET"
MAX_STATUS = 400  # characters


class ServiceManager:
    """Whoever started this process and wants to be told; nobody, as a rule: then nothing is done."""

    def __init__(self) -> None:
        # The nodes' processes must not speak for this one.
        address = os.environ.pop(SOCKET, "")
        # An abstract one begins with a zero byte, written as @.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address and hasattr(socket, "AF_UNIX"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    def ready(self) -> None:
        """The graph can be asked; its nodes start."""
        self._send("READY=1")

    def alive(self, status: str) -> None:
        """Once a second. Whoever does not hear it for the unit's WatchdogSec starts the service again."""
        self._send(f"WATCHDOG=1\nSTATUS={status.replace(chr(10), ' ')[:MAX_STATUS]}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is not None:
            # A service manager that is busy or gone is none of the graph's business.
            with contextlib.suppress(OSError):
                self._socket.sendto(text.encode(errors="replace"), self._address)
