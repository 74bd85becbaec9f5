"""Hands -> OSC and TUIO datagrams to games. Needs no picture; 0.07 ms for 20 hands and one target.

Every target is told of an empty picture at the start, at the end, and when no hands have come for a second: receivers
keep cursors for ever otherwise. A target that fails never delays another.
"""

import itertools
import logging
import math
import socket
import time
from collections.abc import Iterable
from dataclasses import field
from typing import Annotated

import msgspec
import numpy as np

from .messages import Hands, State, now_ns
from .osc_layouts import LAYOUTS, MOST, Protocol, Row, Sheet, Status, Style
from .runtime.node import Node, Range, SetupError

Address = Annotated[str, msgspec.Meta(pattern=r"^(/[^ #*,/?\[\]{}]+)+$")]
Port = Annotated[int, Range(1, 65535)]
CALM_S = 5.0  # a target works again if nothing failed for so long


class Target(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Somebody who is told."""

    protocol: Protocol
    host: str = "127.0.0.1"  # a name, an address, a broadcast or a multicast address
    port: Port | None = None  # None: the protocol's own
    base: Address = "/hands"  # of the hands layout
    blobs: bool = False  # tuio11: 2Dblb as well

    @property
    def name(self) -> str:
        return f"{self.protocol} to {self.host}:{self.port or LAYOUTS[self.protocol].port}"


class Register:
    """What is known of the hands from one frame to the next: who is new, who has left, who has which slot."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.last_ns = self.last_seq = 0
        self.faulty = self.crowded = 0  # hands left out: no number as a place; more than a datagram can tell of

    def take(self, hands: Hands, fseq: int, now: int) -> Sheet:
        """The frame's sheet. A missing hand has left, whether the tracker said so or that message was skipped."""
        before, self.rows = self.rows, {}
        seconds = (hands.captured_ns - self.last_ns) / 1e9
        self.last_ns, self.last_seq = hands.captured_ns, hands.seq & 0x7FFFFFFF
        taken = {row.slot for row in before.values()}
        free = (slot for slot in itertools.count() if slot not in taken)
        entered, turned = [], []
        for values in self._values(hands):
            old = before.get(values[0])
            row = self._row(values, old, next(free) if old is None else old.slot, seconds)
            self.rows[row.id] = row
            if old is None:
                entered.append(row)
            if row.is_open != (old is not None and old.is_open):
                turned.append(row)
        left = [row._replace(state=State.LEAVING) for id_, row in before.items() if id_ not in self.rows]
        return Sheet(
            fseq=fseq,
            seq=self.last_seq,
            captured_ns=hands.captured_ns,
            latency_ms=min(max(0.0, (now - hands.captured_ns) / 1e6), 1e9),
            alive=list(self.rows.values()),
            left=left,
            entered=entered,
            turned=turned,
        )

    def clear(self, fseq: int) -> Sheet:
        """The sheet of a picture that nobody is in any more."""
        left = [row._replace(state=State.LEAVING) for row in self.rows.values()]
        self.rows = {}
        return Sheet(fseq=fseq, seq=self.last_seq, captured_ns=self.last_ns, left=left)

    def _values(self, hands: Hands) -> list[tuple]:
        """id, state, (x y w h vx vy score age open), is_open of each hand that is there and has a place."""
        there = hands.state != State.LEAVING
        sound = there & np.isfinite(hands.xy).all(axis=1)
        which = np.flatnonzero(sound)
        self.faulty += int(np.count_nonzero(there)) - len(which)
        if len(which) > MOST:
            self.crowded += len(which) - MOST
            which = which[np.argsort(hands.id[which])[:MOST]]  # always the same ones: the oldest
        floats = np.empty((len(hands.id), 9), np.float32)
        floats[:, 0:2] = hands.xy
        floats[:, 2] = 2 * hands.radius
        floats[:, 3] = floats[:, 2] * (hands.width / hands.height if hands.height > 0 else 1.0)
        floats[:, 4:6] = hands.velocity
        floats[:, 6], floats[:, 7], floats[:, 8] = hands.score, hands.age, hands.open
        floats[~np.isfinite(floats)] = 0
        np.clip(floats[:, :4], 0, 1, out=floats[:, :4])
        ids = hands.id & 0x7FFFFFFF
        columns = (ids, hands.state, floats, hands.is_open)
        return list(zip(*(column[which].tolist() for column in columns), strict=True))

    def _row(self, values: tuple, old: Row | None, slot: int, seconds: float) -> Row:
        id_, state, (x, y, w, h, vx, vy, score, age_s, open_), is_open = values
        m = 0.0
        if old is not None and seconds > 0:
            m = (math.hypot(vx, vy) - math.hypot(old.vx, old.vy)) / seconds
            m = m if abs(m) < 1e6 else 0.0  # two frames nearly at one time
        return Row(id_, slot, state, x, y, vx, vy, m, w, h, score, age_s, open_, is_open)


class Outlet:
    """One target's socket. Never blocks; failures are counted, and said when they begin and when they have ended."""

    def __init__(self, target: Target, log: logging.Logger) -> None:
        self.layout = LAYOUTS[target.protocol]
        self.name = target.name
        self.failed = self.failed_before = 0  # datagrams; of these, before the failures that last now
        self.failing = False
        self._failed_s = 0.0
        self._log = log
        try:
            found = socket.getaddrinfo(target.host, target.port or self.layout.port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise SetupError(f"{self.name}: host {target.host!r} is not known ({error.strerror})") from error
        # IPv4 first: for "localhost" most systems name ::1 first, and most games listen on 127.0.0.1 only.
        family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        self.address: tuple = address
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.style = Style(f"handflow@{self._own_address(family)}", target.base, target.blobs)

    def send(self, datagrams: Iterable[bytes]) -> None:
        for datagram in datagrams:
            try:
                self.socket.sendto(datagram, self.address)
            except OSError as error:  # also BlockingIOError: the network takes no more
                self.failed += 1
                self._failed_s = time.monotonic()
                if not self.failing:
                    self.failing = True
                    self._log.warning("%s fails: %s; trying on", self.name, error.strerror or type(error).__name__)
        if self.failing and time.monotonic() - self._failed_s > CALM_S:
            self.failing = False
            self._log.info("%s works again; %d datagrams were lost", self.name, self.failed - self.failed_before)
            self.failed_before = self.failed

    def _own_address(self, family: int) -> str:
        """The address that this machine shows to the target."""
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                probe.connect(self.address)  # sends nothing; the system picks the way
                return str(probe.getsockname()[0])
            except OSError:
                return "127.0.0.1"


class Osc(Node):
    """Tells games about hands, each in the protocol it understands."""

    targets: Annotated[list[Target], "who is told: protocol, host, port, and what the protocol leaves open"] = field(
        default_factory=lambda: [Target(protocol="tuio11")]
    )
    lost_s: Annotated[float, Range(0.3, 60), "no hands message for so long: nobody is there any more"] = 1.0

    def start(self) -> None:
        names = [target.name for target in self.targets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SetupError(f"two targets send {twice}; the second would not be seen")
        self.outlets = [Outlet(target, self.log) for target in self.targets]
        self.register = Register()
        # Clients ignore frame numbers below the last they saw: a restart must go on above it.
        self.fseq = int(time.time() * 100) & 0x3FFFFFFF
        self.last_stream = self.last_seq = 0
        self.dropped = 0
        self.started_s = self.heard_s = self.second_s = time.monotonic()
        self.latencies: list[float] = []  # of the frames since the last status
        self.crowded = self.faulty = False  # whether it was said
        self._send(Sheet(fseq=self.fseq))

    def process(self, hands: Hands) -> None:
        self.heard_s = time.monotonic()
        if hands.stream == self.last_stream:
            self.dropped += max(0, hands.seq - self.last_seq - 1)
        self.last_stream, self.last_seq = hands.stream, hands.seq
        sheet = self.register.take(hands, self._next(), now_ns())
        self.latencies.append(sheet.latency_ms)
        self._send(sheet)
        self._say_left_out()
        self._each_second()

    def idle(self) -> None:
        if self._lost() and self.register.rows:
            self._send(self.register.clear(self._next()))
        self._each_second()

    def stop(self) -> None:
        self._send(self.register.clear(self._next()))
        for outlet in self.outlets:
            outlet.socket.close()

    def _next(self) -> int:
        self.fseq = (self.fseq + 1) & 0x7FFFFFFF
        return self.fseq

    def _lost(self) -> bool:
        return time.monotonic() - self.heard_s > self.lost_s

    def _send(self, sheet: Sheet) -> None:
        for outlet in self.outlets:
            outlet.send(outlet.layout.frame(sheet, outlet.style))
        failing = [outlet.name for outlet in self.outlets if outlet.failing]
        self.note = f"{', '.join(failing)} fails" if failing else ", ".join(outlet.name for outlet in self.outlets)

    def _each_second(self) -> None:
        """The status; and while there is no input the empty picture once more, for who came late or lost a datagram."""
        now = time.monotonic()
        seconds = now - self.second_s
        if seconds < 1:
            return
        count = len(self.latencies)
        latency_ms = sum(self.latencies) / count if count else 0.0
        status = Status(not self._lost(), count / seconds, latency_ms, self.dropped, round(now - self.started_s))
        self.second_s = now
        self.latencies.clear()
        for outlet in self.outlets:
            outlet.send(outlet.layout.status(status, outlet.style))
        if not status.ok:
            self._send(self.register.clear(self._next()))

    def _say_left_out(self) -> None:
        if self.register.crowded and not self.crowded:
            self.crowded = True
            self.log.warning("more than %d hands: the newest are left out", MOST)
        if self.register.faulty and not self.faulty:
            self.faulty = True
            self.log.warning("a hand without a finite place came: left out")
