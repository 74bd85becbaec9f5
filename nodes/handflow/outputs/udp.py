"""Sends datagrams to one host, looked up once. Sending never waits; failures are counted and logged."""

import contextlib
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Sequence

from handflow.runtime.backoff import pause_s

CALM_S = 5.0  # a target works again if nothing failed for so long
PAUSES_S = (1, 2, 5, 10, 30)  # before an unknown host is looked up again


class UdpSender:
    """UDP to a host: one machine, a broadcast or a multicast address. Failures are logged when they begin and end."""

    def __init__(self, name: str, host: str, port: int, interface: str | None, hops: int, log: logging.Logger) -> None:
        self.name, self.interface, self.hops = name, interface, hops
        self.host, self.port = host, port
        self.fault = ""  # why the host is not known, or the socket not to be had
        self.sent = self.sent_bytes = 0
        self.failed = self.failed_before = 0  # datagrams; of these, before the failures that last now
        self.failing = False
        self.address: tuple = ()
        self.own_address = "127.0.0.1"  # the address that this machine shows to the target
        self.socket: socket.socket | None = None
        self._failed_s = 0.0
        self._log = log
        self._found: tuple | None = None  # family, address
        self._closed = threading.Event()
        self.looked_up = threading.Event()  # the first look-up has ended
        if not self._look_up(socket.AI_NUMERICHOST):
            self.fault = ""  # a name, it seems
            # A name server that is out of reach takes many seconds to say so; the other targets must not wait for it.
            threading.Thread(target=self._look_up_until_known, name=f"looks up {host}", daemon=True).start()

    def ready(self) -> bool:
        """Whether the host is known and there is a socket for it."""
        if self.socket is None and self._found is not None:
            self._open(*self._found)
        return self.socket is not None

    def send(self, datagrams: Sequence[bytes]) -> None:
        assert self.socket is not None
        for datagram in datagrams:
            try:
                self.socket.sendto(datagram, self.address)
            except OSError as error:  # also BlockingIOError: the network takes no more
                self.failed += 1
                self._failed_s = time.monotonic()
                if not self.failing:
                    self.failing = True
                    self._log.warning("%s fails: %s; trying on", self.name, error.strerror or type(error).__name__)
            else:
                self.sent += 1
                self.sent_bytes += len(datagram)
        if self.failing and time.monotonic() - self._failed_s > CALM_S:
            self.failing = False
            self._log.info("%s works again; %d datagrams were lost", self.name, self.failed - self.failed_before)
            self.failed_before = self.failed

    def close(self) -> None:
        self._closed.set()
        if self.socket is not None:
            self.socket.close()

    def _look_up_until_known(self) -> None:
        """Looks the host up until it is known."""
        tries = 0
        while not self._closed.is_set():
            known = self._look_up()
            if known and tries:
                self._log.info("%s: host %r is known now", self.name, self.host)
            self.looked_up.set()
            if known or self._closed.wait(pause_s(PAUSES_S, tries)):
                return
            tries += 1

    def _look_up(self, flags: int = 0) -> bool:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM, flags=flags)
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 characters
            self.fault = f"host {self.host!r} is not known ({getattr(error, 'strerror', None) or error})"
            return False
        # IPv4 first: for "localhost" most systems name ::1 first, and most games listen on 127.0.0.1 only.
        family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        self.fault = ""
        self._found = family, address
        self.looked_up.set()
        return True

    def _open(self, family: int, address: tuple) -> None:
        cache = socket.socket(family, socket.SOCK_DGRAM)
        try:
            cache.setblocking(False)
            cache.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if ipaddress.ip_address(address[0].partition("%")[0]).is_multicast:
                self._set_multicast(cache, family)
            if self.interface is not None and family == socket.AF_INET:
                cache.bind((self.interface, 0))
        except OSError as error:
            cache.close()
            self._found = None
            kind = "an address of this machine" if family == socket.AF_INET else "the name of a network"
            self.fault = f"interface: expected {kind}, got {self.interface!r} ({error.strerror})"
            return
        self.own_address = self._own_address(family, address)
        self.address, self.socket = address, cache

    def _set_multicast(self, cache: socket.socket, family: int) -> None:
        if family == socket.AF_INET:
            cache.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, self.hops)
            if self.interface is not None:
                cache.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.interface))
            return
        cache.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, self.hops)
        if self.interface is not None:
            cache.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(self.interface))

    def _own_address(self, family: int, address: tuple) -> str:
        with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            if self.interface is not None and family == socket.AF_INET:
                return self.interface
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            probe.connect(address)  # sends nothing; the system picks the way
            return str(probe.getsockname()[0])
        return "127.0.0.1"
