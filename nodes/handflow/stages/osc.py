"""Hands -> OSC and TUIO datagrams to games. Needs no picture; 0.05 ms for 20 hands and one target.

Every target is sent an empty frame at the start, at the end, and when no hands have come for a second: receivers keep
cursors for ever otherwise. A target that fails never delays another.
"""

import time
from dataclasses import field
from pathlib import Path
from typing import Annotated

from handflow import Gestures, Hands, Node, Range, SetupError, now_ns
from handflow.outputs.osc.control import OscControl
from handflow.outputs.osc.delta import Delta, delta
from handflow.outputs.osc.frame_builder import MAX_HANDS, FrameBuilder
from handflow.outputs.osc.frame_state import FrameState, state_of_slots
from handflow.outputs.osc.gestures import GestureChanges
from handflow.outputs.osc.layout import OscStatus
from handflow.outputs.osc.target import DatagramCache, Target, TargetSender
from handflow.runtime.process.changes.setting_sender import SettingSender

LOOKUP_S = 3.0  # how long a start waits for host names


class Osc(Node):
    """Sends hands to games, to each in the protocol it understands."""

    targets: Annotated[list[Target], "who is sent hands: protocol, host, port, and the protocol's own options"] = field(
        default_factory=lambda: [Target(protocol="tuio11")]
    )
    lost_s: Annotated[float, Range(0.3, 60), "no hands message for this long: nobody is there any more"] = 1.0
    control_port: Annotated[int, Range(0, 65535), "UDP port for /param/NODE/SETTING VALUE; 0: no settings by OSC"] = 0
    control_senders: Annotated[
        list[str], "addresses or networks that settings are taken from; none: this machine alone"
    ] = field(default_factory=list)

    def start(self) -> None:
        self._refuse_duplicates([target.name for target in self.targets])
        self.control: OscControl | None = None
        if self.control_port:
            self.control = OscControl(self.control_port, self.control_senders, self.log)
        self.senders = [TargetSender(target, self.log) for target in self.targets]
        self.last_stream = self.last_seq = 0
        self.dropped = 0
        self.latencies: list[float] = []  # of the frames since the last status
        self.crowded = self.faulty = False  # whether it was logged
        self.faults: list[tuple[str, str]] = []  # of the other nodes: their names, and what is wrong
        self.commands = {"faults": self._take_faults}
        try:
            self._wait_for_hosts()
        except SetupError:
            self._close()
            raise
        self.started_s = self.received_s = self.second_s = time.monotonic()
        # Clients ignore frame numbers below the last they saw: a restart must go on above it.
        # The stream clock goes on in a run, whatever becomes of the time of day.
        self.first = now_ns() // 10_000_000 & 0x3FFFFFFF
        pairs = self.persistent.get("slots", [])
        slots = dict(zip(pairs[::2], pairs[1::2], strict=True))
        for sender in self.senders:
            sender.number = self.first - 1
            # Hands that a crashed process has left in the games.
            sender.last = state_of_slots(slots)
        self.builder = FrameBuilder(slots)
        self.gestures = GestureChanges()
        self._stored: dict[int, int] | None = None  # the slots that `persistent` holds
        self._failing: list[str] | None = None  # the targets that the note names
        self._send(FrameState(), must=True)
        if self.control:
            file, on = Path(self.graph.get("file", "")), self.graph.get("on") or None
            self.control.start(SettingSender(file, on, self.control.refuse))

    def process(self, hands: Hands, gestures: Gestures | None = None) -> None:
        # After a sleep of the machine no idle moment comes first; whoever is there now, those of before are gone.
        self._clear_if_lost()
        self.received_s = time.monotonic()
        if hands.stream == self.last_stream:
            self.dropped += max(0, hands.seq - self.last_seq - 1)
        self.last_stream, self.last_seq = hands.stream, hands.seq
        state = self.builder.build(hands, now_ns())
        self.latencies.append(state.latency_ms)
        self._send(state)
        if gestures is not None:
            self._send_gestures(gestures, state)
        self._warn_of_left_out()
        self._each_second()

    def idle(self) -> None:
        self._clear_if_lost()
        self._each_second()

    def changed(self, name: str) -> bool:
        return name != "lost_s"

    def stop(self) -> None:
        # Twice: a lost datagram would leave hands in the game for ever.
        self._send_gestures(Gestures(), self.builder.last)
        for _ in range(2):
            self._send(self.builder.clear(), must=True)
        self._close()

    def _take_faults(self, faults: list[tuple[str, str]]) -> None:
        """What the supervisor says is wrong with the graph."""
        self.faults = [(node, text) for node, text in faults if node != self.log.name]

    def _close(self) -> None:
        if self.control:
            self.control.close()
        for sender in self.senders:
            sender.udp.close()

    def _clear_if_lost(self) -> None:
        if self._lost() and len(self.builder.last):
            state = self.builder.clear()
            self._send_gestures(Gestures(), state)
            self._send(state, must=True)

    def _lost(self) -> bool:
        return time.monotonic() - self.received_s > self.lost_s

    def _wait_for_hosts(self) -> None:
        """Waits for the hosts' addresses, not for long. An unknown one is an error only if there is no other."""
        until = time.monotonic() + LOOKUP_S
        for sender in self.senders:
            sender.udp.looked_up.wait(max(0.0, until - time.monotonic()))
        ready = [sender for sender in self.senders if sender.udp.ready()]
        missing = [sender for sender in self.senders if sender not in ready]
        faults = [f"{sender.name}: {sender.udp.fault or 'its host is being looked up'}" for sender in missing]
        if missing and not ready and all(sender.udp.fault for sender in missing):
            raise SetupError("; ".join(faults))
        for fault in faults:
            self.log.warning("%s; trying on", fault)
        self._refuse_duplicates([f"{s.target.protocol} to {s.udp.address[:2]} {s.options.base}" for s in ready])

    def _refuse_duplicates(self, names: list[str]) -> None:
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SetupError(f"targets: expected each target once, got {twice.strip()} twice; remove one of them")

    def _send(self, state: FrameState, must: bool = False) -> None:
        now_s = time.monotonic()
        # By what the target was sent last, which mostly is the same state for all.
        changes: dict[int, Delta] = {}
        cache: DatagramCache = {}
        for sender in self.senders:
            key = id(sender.last)
            if key not in changes:
                changes[key] = delta(state, sender.last)
            sender.send(state, changes[key], now_s, must, cache)
        slots = self.builder.allocator.slots
        if slots is not self._stored:
            self._stored = slots
            self.persistent["slots"] = [number for pair in slots.items() for number in pair]
        self._set_note()

    def _send_gestures(self, gestures: Gestures, state: FrameState) -> None:
        told = self.gestures.step(gestures, state)
        for sender in self.senders:
            sender.send_gestures(told)

    def _set_note(self) -> None:
        failing = [sender.name for sender in self.senders if sender.failing]
        if failing != self._failing:
            self._failing = failing
            names = ", ".join(sender.name for sender in self.senders)
            self.note = f"{', '.join(failing)} fails" if failing else names
            self.fault = f"unreachable: {', '.join(failing)}; is that machine on?" if failing else ""

    def _each_second(self) -> None:
        """The status; and while there is no input the empty frame once more, for who came late or lost a datagram."""
        now = time.monotonic()
        seconds = now - self.second_s
        if seconds < 1:
            return
        count = len(self.latencies)
        latency_ms = sum(self.latencies) / count if count else 0.0
        lost, uptime_s = self._lost(), round(now - self.started_s)
        ok = not lost and not self.faults
        status = OscStatus(ok, count / seconds, latency_ms, self.dropped, uptime_s, self.faults)
        self.second_s = now
        self.latencies.clear()
        for sender in self.senders:
            sender.send_status(status)
        if lost:
            self._send(self.builder.clear(), must=True)

    def _warn_of_left_out(self) -> None:
        if self.builder.crowded and not self.crowded:
            self.crowded = True
            self.log.warning("more than %d hands: the newest are left out", MAX_HANDS)
        if self.builder.faulty and not self.faulty:
            self.faulty = True
            self.log.warning("a hand without a finite position, or with the id of another, came: left out")
