"""Hands -> OSC and TUIO datagrams to games. Needs no picture; 0.05 ms for 20 hands and one target.

Every target is told of an empty picture at the start, at the end, and when no hands have come for a second: receivers
keep cursors for ever otherwise. A target that fails never delays another.
"""

import time
from dataclasses import field
from typing import Annotated

from handflow.errors import SetupError
from handflow.messages import Hands, now_ns
from handflow.outputs.frame_state import MOST, News, Register, Sheet, news, remembered
from handflow.outputs.osc_layouts import Status
from handflow.outputs.osc_target import Made, Outlet, Target
from handflow.runtime.node import Node, Range

LOOK_UP_S = 3.0  # a start waits so long for host names


class Osc(Node):
    """Tells games about hands, each in the protocol it understands."""

    targets: Annotated[list[Target], "who is told: protocol, host, port, and what the protocol leaves open"] = field(
        default_factory=lambda: [Target(protocol="tuio11")]
    )
    lost_s: Annotated[float, Range(0.3, 60), "no hands message for so long: nobody is there any more"] = 1.0

    def start(self) -> None:
        self._refuse_twins([target.name for target in self.targets])
        self.outlets = [Outlet(target, self.log) for target in self.targets]
        self.last_stream = self.last_seq = 0
        self.dropped = 0
        self.latencies: list[float] = []  # of the frames since the last status
        self.crowded = self.faulty = False  # whether it was said
        try:
            self._look_up()
        except SetupError:
            self._close()
            raise
        self.started_s = self.heard_s = self.second_s = time.monotonic()
        # Clients ignore frame numbers below the last they saw: a restart must go on above it.
        self.first = int(time.time() * 100) & 0x3FFFFFFF
        pairs = self.persistent.get("slots", [])
        slots = dict(zip(pairs[::2], pairs[1::2], strict=True))
        for outlet in self.outlets:
            outlet.number = self.first - 1
            outlet.last = remembered(slots)  # whom a crash has left in the games
        self.register = Register(slots)
        self._kept: dict[int, int] | None = None  # what is in `kept`
        self._bad: list[str] | None = None  # what the note says
        self._tell(Sheet(), must=True)

    def process(self, hands: Hands) -> None:
        self.heard_s = time.monotonic()
        if hands.stream == self.last_stream:
            self.dropped += max(0, hands.seq - self.last_seq - 1)
        self.last_stream, self.last_seq = hands.stream, hands.seq
        sheet = self.register.take(hands, now_ns())
        self.latencies.append(sheet.latency_ms)
        self._tell(sheet)
        self._say_left_out()
        self._each_second()

    def idle(self) -> None:
        if self._lost() and len(self.register.last):
            self._tell(self.register.clear(), must=True)
        self._each_second()

    def changed(self, name: str) -> bool:
        return name == "targets"

    def stop(self) -> None:
        for _ in range(2):  # a lost datagram would leave hands in the game for ever
            self._tell(self.register.clear(), must=True)
        self._close()

    def _close(self) -> None:
        for outlet in self.outlets:
            outlet.line.close()

    def _lost(self) -> bool:
        return time.monotonic() - self.heard_s > self.lost_s

    def _look_up(self) -> None:
        """Waits for the hosts' addresses, not for long. An unknown one is an error only if there is no other."""
        until = time.monotonic() + LOOK_UP_S
        for outlet in self.outlets:
            outlet.line.looked.wait(max(0.0, until - time.monotonic()))
        missing = [outlet for outlet in self.outlets if not outlet.line.ready()]
        faults = [f"{outlet.name}: {outlet.line.fault or 'its host is being looked up'}" for outlet in missing]
        if missing and len(missing) == len(self.outlets) and all(outlet.line.fault for outlet in missing):
            raise SetupError("; ".join(faults))
        for fault in faults:
            self.log.warning("%s; trying on", fault)
        known = [outlet for outlet in self.outlets if outlet.line.ready()]
        self._refuse_twins([f"{o.target.protocol} to {o.line.address[:2]} {o.style.base}" for o in known])

    def _refuse_twins(self, names: list[str]) -> None:
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SetupError(f"two targets send {twice.strip()}; the second would not be seen")

    def _tell(self, sheet: Sheet, must: bool = False) -> None:
        now_s = time.monotonic()
        changes: dict[int, News] = {}  # by what the target was told last, which mostly is the same sheet for all
        made: Made = {}
        for outlet in self.outlets:
            key = id(outlet.last)
            if key not in changes:
                changes[key] = news(sheet, outlet.last)
            outlet.tell(sheet, changes[key], now_s, must, made)
        if self.register.slots is not self._kept:
            self._kept = self.register.slots
            self.persistent["slots"] = [number for pair in self._kept.items() for number in pair]
        self._note()

    def _note(self) -> None:
        bad = [outlet.name for outlet in self.outlets if outlet.failing]
        if bad != self._bad:
            self._bad = bad
            self.note = f"{', '.join(bad)} fails" if bad else ", ".join(outlet.name for outlet in self.outlets)

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
            outlet.tell_status(status)
        if not status.ok:
            self._tell(self.register.clear(), must=True)

    def _say_left_out(self) -> None:
        if self.register.crowded and not self.crowded:
            self.crowded = True
            self.log.warning("more than %d hands: the newest are left out", MOST)
        if self.register.faulty and not self.faulty:
            self.faulty = True
            self.log.warning("a hand without a finite place, or with the id of another, came: left out")
