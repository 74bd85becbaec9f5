"""OSC -> settings of the running graph: `/param/tracker/keep_s 0.5`, from this machine or from named senders."""

import contextlib
import ipaddress
import logging
import re
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from handflow.errors import OscError, SetupError
from handflow.runtime.address import cannot_listen

from .decoding import ReceivedMessage, decode

ADDRESS = re.compile(r"/param/(?P<node>[^/]+)/(?P<key>[^/]+)")
MAX_BYTES = 65536
# A stop waits for no longer.
LOOK_S = 0.1
SAID_EVERY_S = 1.0
# Digits that 32 bits hold: 0.1 came as 0.10000000149.
FLOAT_DIGITS = 7


class SettingReceiver(Protocol):
    """Where settings go (runtime's SettingSender)."""

    def put(self, node: str, key: str, arguments: list[Any]) -> None: ...

    def wait(self, others: socket.socket, timeout_s: float) -> None: ...

    def close(self) -> None: ...


class OscControl:
    """Listens in a thread of its own. SetupError where it cannot."""

    def __init__(self, port: int, senders: Sequence[str], log: logging.Logger) -> None:
        self.allowed = [_network(sender) for sender in senders]
        self.log = log
        self._said_s, self._unsaid = -SAID_EVERY_S, 0
        self._strangers: set[str] = set()
        self._socket = _listening(port, [str(network) for network in self.allowed])
        self.port: int = self._socket.getsockname()[1]
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, settings: SettingReceiver) -> None:
        """Passes on what comes until `close`."""
        self._thread = threading.Thread(target=self._run, args=(settings,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Lets go of the port."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def refuse(self, line: str) -> None:
        """Says why something was not done, no oftener than once a second."""
        now_s = time.monotonic()
        if now_s - self._said_s < SAID_EVERY_S:
            self._unsaid += 1
            return
        more = f" (and {self._unsaid} more of the kind before)" if self._unsaid else ""
        self._said_s, self._unsaid = now_s, 0
        self.log.warning("control: %s%s", line, more)

    def receive(self, datagram: bytes, sender: str, settings: SettingReceiver) -> None:
        """One datagram from an address."""
        if not self._allows(sender):
            # Once, for anybody may send anything.
            if sender not in self._strangers and len(self._strangers) < 100:
                self._strangers.add(sender)
                self.log.warning("control: %s is not in control_senders; what it sends is left out", sender)
            return
        try:
            messages = decode(datagram)
        except OscError:
            self.refuse(f"expected OSC, got {len(datagram)} bytes that begin with {datagram[:12]!r}")
            return
        for message in messages:
            found = ADDRESS.fullmatch(message.address)
            values = _values(message)
            if found is None:
                self.refuse(f"expected /param/NODE/SETTING, got {message.address}")
            elif not values:
                what = "another kind" if message.values else "none"
                self.refuse(f"{message.address}: expected numbers, text or true and false, got {what}")
            else:
                settings.put(found["node"], found["key"], values)

    def _run(self, settings: SettingReceiver) -> None:
        with contextlib.closing(settings):
            while not self._closed.is_set():
                settings.wait(self._socket, LOOK_S)
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    while not self._closed.is_set():
                        datagram, (sender, *_) = self._socket.recvfrom(MAX_BYTES)
                        self.receive(datagram, sender, settings)

    def _allows(self, sender: str) -> bool:
        address = ipaddress.ip_address(sender.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not self.allowed:
            return address.is_loopback
        return any(address in network for network in self.allowed)


def _values(message: ReceivedMessage) -> list[Any]:
    """The arguments as JSON has them; none where one of them is of another kind (a blob, a time)."""
    plain = [_plain(value) for value in message.values]
    return [] if any(value is None for value in plain) else plain


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        inner = [_plain(each) for each in value]
        return None if any(each is None for each in inner) else inner
    if isinstance(value, float):
        return float(f"{value:.{FLOAT_DIGITS}g}")
    return value if isinstance(value, int | str) else None


def _network(sender: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(sender)
    except ValueError:
        raise SetupError(
            f"control_senders: expected an address such as 192.168.1.20, or a network such as 192.168.1.0/24, "
            f"got {sender!r}"
        ) from None


def _listening(port: int, senders: Sequence[str]) -> socket.socket:
    """On this machine alone, unless others are named."""
    family = socket.AF_INET6 if any(":" in sender for sender in senders) else socket.AF_INET
    address = ("::" if family == socket.AF_INET6 else "0.0.0.0") if senders else "127.0.0.1"
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((address, port))
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise cannot_listen(address, port, error) from error
    return made
