"""What arrives, as hands: for each sender and layout the frames, the hands that are there, and what is wrong.

Knows no socket: `monitor` brings the datagrams, tests too.
"""

import math
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from handflow.errors import OscError

from .osc_decoding import Known, Message, known, read
from .osc_layouts import Protocol

STUCK_S = 2.0  # a hand of which nothing is heard for so long has been left behind
FAR = 1000  # a jump by so many frames is a new start, not a loss

MOST = 200  # different things of one kind that are remembered: whatever comes, memory does not grow

Values = dict[str, float]


def count(counter: Counter, what: object) -> None:
    """One more of it, unless too many different things have been counted."""
    if what in counter or len(counter) < MOST:
        counter[what] += 1


@dataclass
class Seen:
    """One hand, as it was told last. Without ids (wekinator) the slot stands for it."""

    since_s: float
    heard_s: float
    values: Values = field(default_factory=dict)


class Stream:
    """What one sender tells in one layout."""

    def __init__(self, protocol: Protocol, sender: str, port: int, base: str) -> None:
        self.protocol, self.sender, self.port, self.base = protocol, sender, port, base
        self.datagrams = self.bytes = self.frames = self.hand_frames = 0
        self.missing = self.starts = 0  # frames by their numbers; how often the numbers began anew
        self.entered = self.left = 0
        self.hands: dict[int, Seen] = {}
        self.events: Counter[str] = Counter()
        self.wrong: Counter[tuple[str, str, str]] = Counter()  # address, expected, found
        self.faults: Counter[str] = Counter()
        self.status: Values = {}
        self.number: int | None = None  # of the frame that was told last
        self._times_s: deque[float] = deque(maxlen=300)  # when frames came
        self._alive: list[int] = []  # in it
        self._mark: object = None  # what the parts of it have in common
        self._told: set[int] = set()  # whose values have come since
        self._pending: dict[int, Values] = {}  # of a frame that is not yet whole
        self._next: int | None = None  # its number
        self._time: object = None
        self._ids: list[int] = []
        self._seats: dict[int, int] = {}  # hands-split: slot -> id
        self._seat: Values = {}

    def hear(self, what: Known, message: Message, now_s: float) -> None:
        """One message of this layout, its types right or wrong."""
        found = message.tags
        if not all(math.isfinite(value) for value in message.values if isinstance(value, float)):
            found += " with a number that is none"
        if not re.fullmatch(what.expected, found):
            count(self.wrong, (message.address, what.expected, found))
            return
        HEAR[self.protocol](self, what, message.values, now_s)

    def rate(self, now_s: float) -> float:
        """Frames a second, over the last second or the last few hundred frames."""
        times = [at_s for at_s in self._times_s if now_s - at_s <= 1.5]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0

    def stuck(self, now_s: float) -> list[int]:
        """The hands that nothing was heard of for a while, though they were never told to have left."""
        return sorted(id_ for id_, hand in self.hands.items() if now_s - hand.heard_s > STUCK_S)

    def frame(
        self,
        number: int | None,
        alive: list[int],
        told: dict[int, Values],
        now_s: float,
        single: bool = False,
        mark: object = None,
    ) -> None:
        """A frame, or unless it is a `single` one a part of one: the layouts with a list of who is there.

        The parts of a frame have the same list and the same number, or the same `mark`.
        """
        mark = number if mark is None else mark
        if single or (mark, alive) != (self._mark, self._alive):
            self.end()
            self.step(number, now_s)
            self.hand_frames += len(alive)
            self._alive, self._told = alive, set()
            for id_ in self.hands.keys() - set(alive):
                self.leave(id_)
            if len(set(alive)) < len(alive):
                self.faults["an id twice in one frame"] += 1
        self.number, self._mark = number, mark
        for id_, values in told.items():
            if id_ not in alive:
                self.faults["a hand that is not in the list of who is there"] += 1
                continue
            self._told.add(id_)
            self.see(id_, values, now_s)

    def end(self) -> None:
        """The frame before is over: was it whole?"""
        if len(self._told) < len(self._alive):
            self.faults["hands missing in a frame"] += len(self._alive) - len(self._told)
        self._alive, self._told = [], set()

    def step(self, number: int | None, now_s: float) -> None:
        self.frames += 1
        self._times_s.append(now_s)
        if number is not None and self.number:
            step = number - self.number
            if step < 0 or step > FAR:
                self.starts += 1
            else:
                self.missing += max(0, step - 1)
        self.number = number

    def see(self, id_: int, values: Values, now_s: float) -> None:
        hand = self.hands.get(id_)
        if hand is None:
            hand = self.hands[id_] = Seen(now_s, now_s)
            self.entered += 1
        hand.heard_s = now_s
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
            "starts": self.starts, "events": dict(self.events), "status": self.status, "stuck": self.stuck(now_s),
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


def _tuio11(stream: Stream, what: Known, values: list, now_s: float) -> None:
    profile, _, kind = what.name.partition(" ")
    if kind == "alive":
        stream._ids, stream._pending = values[1:], {}
    elif kind == "set":
        names = ("x", "y", "vx", "vy", "m") if profile == "2Dcur" else tuple("xy") + BLOB
        stream._pending[values[1]] = dict(zip(names, values[2:], strict=True))
    elif kind == "fseq":
        stream.events[profile] += 1
        stream.frame(values[1], stream._ids, stream._pending, now_s)


BLOB = ("a", "w", "h", "f", "vx", "vy", "A", "m", "r")
POINTER = ("tu_id", "slot", "x", "y", "angle", "shear", "radius", "press", "vx", "vy", "p_vel", "m", "p_acc")
OBJECT = ("slot", "age", "x", "y", "vx", "vy", "orientation", "bx", "by", "w", "h", "rotation", "height")
HAND = ("slot", "state", "zone", "x", "y", "w", "h", "vx", "vy", "score", "age", "open")


def _tuio2(stream: Stream, what: Known, values: list, now_s: float) -> None:
    if what.name == "frm":
        stream._next, stream._pending, stream._time = values[0], {}, values[1]
    elif what.name == "ptr":
        stream._pending[values[0]] = dict(zip(POINTER, values[1:], strict=True))
    elif stream._next is not None:
        stream.frame(stream._next, values, stream._pending, now_s, single=not values, mark=stream._time)


def _hands(stream: Stream, what: Known, values: list, now_s: float) -> None:
    if what.name == "frame":
        stream._next, stream._pending, stream._ids = values[0], {}, [values[1]]
    elif what.name == "hand":
        if values[2] != 3:  # leaving: shown once more, no longer there
            stream._pending[values[0]] = dict(zip(HAND, values[1:], strict=True))
    elif what.name == "alive":
        if stream._next is None or stream._ids != [len(values)]:
            stream.faults["a list of who is there that does not fit its frame's count"] += 1
        stream.frame(stream._next, values, stream._pending, now_s, single=not values)
    elif what.name == "status":
        stream.status = dict(zip(("ok", "fps", "latency_ms", "dropped", "uptime"), values, strict=True))
    else:
        stream.events[what.name] += 1


def _augmenta2(stream: Stream, what: Known, values: list, now_s: float) -> None:
    if what.name == "scene":
        if len(stream._told) != values[1]:
            stream.faults["hands missing in a frame"] += abs(values[1] - len(stream._told))
        stream._told = set()
        stream.hand_frames += values[1]
        stream.step(values[0], now_s)
        return
    stream.events[what.name.removeprefix("object/")] += 1
    if what.name == "object/leave":
        stream.leave(values[1])
        return
    stream._told.add(values[1])
    stream.see(values[1], dict(zip(OBJECT, values[2:], strict=True)), now_s)


def _hands_split(stream: Stream, what: Known, values: list, now_s: float) -> None:
    (value,) = values
    if what.name == "count":
        stream.step(None, now_s)
        stream.hand_frames += value
        return
    seated = stream._seats.get(what.slot)
    if what.name == "id" or (what.name == "active" and not value):
        if seated is not None and (what.name == "active" or seated != value):
            stream.leave(stream._seats.pop(what.slot))
        if what.name == "id":
            stream._seats[what.slot] = value
            stream.see(value, {"slot": what.slot}, now_s)
    elif what.name != "active" and seated is not None:
        stream.see(
            seated, {"score" if what.name == "conf" else "w" if what.name == "size" else what.name: value}, now_s
        )


def _wekinator(stream: Stream, what: Known, values: list, now_s: float) -> None:
    told = {
        slot: dict(zip(("x", "y", "open"), values[3 * slot : 3 * slot + 3], strict=True))
        for slot in range(len(values) // 3)
        if any(values[3 * slot : 3 * slot + 3])
    }
    stream.frame(None, list(told), told, now_s, single=True)


HEAR: dict[Protocol, Callable[[Stream, Known, list, float], None]] = {
    "tuio11": _tuio11,
    "tuio2": _tuio2,
    "augmenta2": _augmenta2,
    "hands": _hands,
    "hands-split": _hands_split,
    "wekinator": _wekinator,
}


class Ears:
    """Everything that was heard, on all ports."""

    def __init__(self, protocol: Protocol | None = None) -> None:
        self.protocol = protocol  # only this one; the others' messages count as unknown
        self.streams: dict[tuple[str, str, int, str], Stream] = {}
        self.unknown: Counter[str] = Counter()  # by address
        self.unreadable = 0
        self.fault = ""  # of the last one that was

    def hear(self, datagram: bytes, sender: str, port: int, now_s: float | None = None) -> None:
        """One datagram that came from `sender` to our `port`."""
        now_s = time.monotonic() if now_s is None else now_s
        try:
            messages = read(datagram)
        except OscError:
            self.unreadable += 1
            self.fault = f"{len(datagram)} bytes from {sender} that begin with {datagram[:12]!r}"
            return
        counted: set[int] = set()
        for message in messages:
            what = known(message)
            if what is None or (self.protocol is not None and what.protocol != self.protocol):
                count(self.unknown, message.address)
                continue
            key = what.protocol, sender, port, what.base
            stream = self.streams.get(key)
            if stream is None:
                if len(self.streams) >= MOST:
                    count(self.unknown, message.address)
                    continue
                stream = self.streams[key] = Stream(what.protocol, sender, port, what.base)
            if id(stream) not in counted:
                counted.add(id(stream))
                stream.datagrams += 1
                stream.bytes += len(datagram)
            stream.hear(what, message, now_s)

    def __iter__(self) -> Iterator[Stream]:
        return iter(self.streams.values())
