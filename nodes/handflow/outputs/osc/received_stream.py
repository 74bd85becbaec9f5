"""The frames and hands of one sender in one layout, as they arrive, and what is wrong with them."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from .layout import Protocol

STUCK_S = 2.0  # a hand of which nothing is heard for this long has been left behind
RESTART_FRAMES = 1000  # a jump by this many frames is a new start, not a loss
# Layouts that may leave out what has not changed: who is there stands in the list alone.
CHANGES_ONLY = ("tuio11", "tuio2")

Values = dict[str, float]


@dataclass
class ReceivedHand:
    """One hand, as it came last. Without ids (wekinator) the slot stands for it."""

    since_s: float
    received_s: float
    values: Values = field(default_factory=dict)


class ReceivedStream:
    """What one sender sends in one layout."""

    def __init__(self, protocol: Protocol, sender: str, port: int, base: str) -> None:
        self.protocol, self.sender, self.port, self.base = protocol, sender, port, base
        self.datagrams = self.bytes = self.frames = self.hand_frames = 0
        self.missing = self.starts = 0  # frames by their numbers; how often the numbers began anew
        self.entered = self.left = 0
        self.hands: dict[int, ReceivedHand] = {}
        self.events: Counter[str] = Counter()
        self.gestures: Counter[str] = Counter()  # by name: how often each began
        self.wrong: Counter[tuple[str, str, str]] = Counter()  # address, expected, found
        self.faults: Counter[str] = Counter()
        self.status: Values = {}
        self.number: int | None = None  # of the newest frame
        self._times_s: deque[float] = deque(maxlen=300)  # when frames came
        self._alive: list[int] = []  # in it
        self._frame_mark: object = None  # what the parts of it have in common
        self._came: set[int] = set()  # those in the frame's list that were not in the one before
        self.reported: set[int] = set()  # whose values have come since
        # What interpretation.py gathers of a frame that is not yet whole.
        self.pending: dict[int, Values] = {}  # by id
        self.next_number: int | None = None
        self.frame_time: object = None
        self.listed: list[int] = []
        self.ids_by_slot: dict[int, int] = {}  # hands-split: slot -> id

    def rate(self, now_s: float) -> float:
        """Frames a second, over the last second or the last few hundred frames."""
        times = [at_s for at_s in self._times_s if now_s - at_s <= 1.5]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0

    def stuck(self, now_s: float) -> list[int]:
        """The hands that nothing was heard of for a while, though nobody said that they left."""
        return sorted(id_ for id_, hand in self.hands.items() if now_s - hand.received_s > STUCK_S)

    def frame(
        self,
        number: int | None,
        alive: list[int],
        by_id: dict[int, Values],
        now_s: float,
        single: bool = False,
        mark: object = None,
    ) -> None:
        """A frame, or unless it is a `single` one a part of one: the layouts with a list of who is there.

        The parts of a frame have the same list and the same number, or the same `mark`.
        """
        mark = number if mark is None else mark
        if single or (mark, alive) != (self._frame_mark, self._alive):
            self._end()
            self.step(number, now_s)
            self.hand_frames += len(alive)
            self._alive, self.reported = alive, set()
            self._list(alive, now_s)
            if len(set(alive)) < len(alive):
                self.faults["an id twice in one frame"] += 1
        self.number, self._frame_mark = number, mark
        self._report(alive, by_id, now_s)

    def repeat(self, alive: list[int], by_id: dict[int, Values], now_s: float) -> None:
        """The state once more, in case a frame was lost: no frame of its own."""
        self._list(alive, now_s)
        self._report(alive, by_id, now_s)

    def _list(self, alive: list[int], now_s: float) -> None:
        """Takes the list of who is there."""
        there = set(alive)
        for id_ in self.hands.keys() - there:
            self.leave(id_)
        if self.protocol not in CHANGES_ONLY:
            return
        # Who was there before we listened may have been told of then.
        if self.frames > 1:
            self._came |= there - self.hands.keys()
        for id_ in alive:
            self.update(id_, {}, now_s)

    def _report(self, alive: list[int], by_id: dict[int, Values], now_s: float) -> None:
        for id_, values in by_id.items():
            if id_ not in alive:
                self.faults["a hand that is not in the list of who is there"] += 1
                continue
            self.reported.add(id_)
            self.update(id_, values, now_s)

    def _end(self) -> None:
        """The frame before is over: was it whole?"""
        if self.protocol in CHANGES_ONLY:
            if untold := len(self._came - self.reported):
                self.faults["hands that came without a position"] += untold
        elif len(self.reported) < len(self._alive):
            self.faults["hands missing in a frame"] += len(self._alive) - len(self.reported)
        self._alive, self.reported, self._came = [], set(), set()

    def step(self, number: int | None, now_s: float) -> None:
        self.frames += 1
        self._times_s.append(now_s)
        if number is not None and self.number:
            step = number - self.number
            if step < 0 or step > RESTART_FRAMES:
                self.starts += 1
            else:
                self.missing += max(0, step - 1)
        self.number = number

    def update(self, id_: int, values: Values, now_s: float) -> None:
        hand = self.hands.get(id_)
        if hand is None:
            hand = self.hands[id_] = ReceivedHand(now_s, now_s)
            self.entered += 1
        hand.received_s = now_s
        hand.values |= values

    def leave(self, id_: int) -> None:
        if self.hands.pop(id_, None) is not None:
            self.left += 1

    def summary(self, now_s: float) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            "protocol": self.protocol, "from": self.sender, "port": self.port, "base": self.base,
            "datagrams": self.datagrams, "bytes": self.bytes, "frames": self.frames, "fps": round(self.rate(now_s), 1),
            "hand_frames": self.hand_frames, "entered": self.entered, "left": self.left, "missing": self.missing,
            "starts": self.starts, "events": dict(self.events),
            "gestures": dict(self.gestures), "status": self.status, "stuck": self.stuck(now_s),
            "wrong": [
                {"address": address, "expected": expected, "found": found, "count": count}
                for (address, expected, found), count in self.wrong.items()
            ],
            "faults": dict(self.faults),
            "hands": [
                {"id": id_, "since_s": round(now_s - hand.since_s, 2), **hand.values}
                for id_, hand in sorted(self.hands.items())
            ],
        }  # fmt: skip
