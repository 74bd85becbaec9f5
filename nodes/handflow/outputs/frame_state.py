"""Hands -> Sheet: the hands of a frame with slots, without what no game could bear; and News: what has changed."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from handflow.messages import Hands, State

MOST = 200  # hands in a frame: their alive list takes 1 kB in every datagram and leaves room for some hands
AT_ONCE_S = 1e-4  # between two frames nearly at one time no change of speed can be told
LEAVING = int(State.LEAVING)
FAR = 1e6  # places and speeds beyond this are no hand's
# Columns of Sheet.integers and Sheet.floats.
ID, SLOT, STATE, ZONE = range(4)
X, Y, W, H, VX, VY, SCORE, AGE, OPEN = range(9)


class View(NamedTuple):
    """How a target sees places: turned over, with x and y exchanged, kept within 0..1, scaled, moved; in that order."""

    flip: str = ""
    swap: bool = False
    clamp: bool = True
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def look(self, floats: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sheet.floats and Sheet.before, as seen so."""
        if self == PLAIN:
            return np.minimum(np.maximum(floats, LOWEST), HIGHEST), before
        seen, before = floats.copy(), before.copy()
        for axis, name in enumerate("xy"):
            if name in self.flip:
                seen[:, X + axis] = 1 - seen[:, X + axis]
                seen[:, VX + axis] *= -1
                before[:, axis] *= -1
        if self.swap:
            seen[:, [X, Y, W, H, VX, VY]] = seen[:, [Y, X, H, W, VY, VX]]
            before = before[:, ::-1]
        if self.clamp:
            np.clip(seen[:, : Y + 1], 0, 1, out=seen[:, : Y + 1])
        scale = np.asarray(self.scale, np.float32)
        seen[:, X : Y + 1] = seen[:, X : Y + 1] * scale + np.asarray(self.offset, np.float32)
        seen[:, W : H + 1] *= np.abs(scale)
        seen[:, VX : VY + 1] *= scale
        return seen, before * scale


PLAIN = View()
LOW = np.array([-FAR, -FAR, 0, 0, -FAR, -FAR, -FAR, 0, -FAR], np.float32)  # what a sheet's floats may be; w is a radius
HIGH = np.array([FAR, FAR, 0.5, 1, FAR, FAR, FAR, FAR, FAR], np.float32)
LOWEST, HIGHEST = LOW.copy(), HIGH.copy()  # and what a target with the plain view sees
LOWEST[:2], HIGHEST[:2], HIGHEST[W] = 0, 1, 1


def _floats(rows: int = 0) -> np.ndarray:
    return np.zeros((rows, 9), np.float32)


@dataclass(eq=False)
class Sheet:
    """The hands of one frame. Every number is finite and fits its tag. `Sheet()` says that there are none."""

    seq: int = 0  # of the camera's frame
    captured_ns: int = 0
    latency_ms: float = 0.0
    width: int = 0  # of the picture, pixels
    height: int = 0
    integers: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int32))  # id slot state zone
    floats: np.ndarray = field(default_factory=_floats)  # x y w h vx vy score age open: 0..1, and per second
    before: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))  # velocity in the frame before
    seconds: float = 0.0  # since the frame before
    is_open: list[bool] = field(default_factory=list)
    dwelt: list[bool] = field(default_factory=list)  # in its zone for as long as that asks for
    zones: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)  # of `integers`
    _seen: dict[View, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def seen(self, view: View) -> np.ndarray:
        """`floats` (n, 9), as a target sees them."""
        return self._looked(view)[0]

    def speeding(self, view: View) -> np.ndarray:
        """(n, 1) the change of speed per second, TUIO's m."""
        floats, before = self._looked(view)
        if not self.seconds > AT_ONCE_S:
            return np.zeros((len(floats), 1), np.float32)
        speed = np.hypot(floats[:, VX : VX + 1], floats[:, VY : VY + 1])
        return (speed - np.hypot(before[:, :1], before[:, 1:])) / self.seconds

    def pick(self, which: list[int], state: State | None = None) -> "Sheet":
        """Some of the hands; all in `state`, if given."""
        integers = self.integers[which]
        if state is not None:
            integers[:, STATE] = state
        return Sheet(
            self.seq, self.captured_ns, self.latency_ms, self.width, self.height, integers, self.floats[which],
            self.before[which], self.seconds, [self.is_open[i] for i in which], [self.dwelt[i] for i in which],
            self.zones, [self.ids[i] for i in which],
        )  # fmt: skip

    def zone_of(self, row: int) -> str | None:
        """The name of the zone that a hand is in."""
        zone = int(self.integers[row, ZONE])
        if zone < 0:
            return None
        return self.zones[zone] if zone < len(self.zones) else str(zone)

    def _looked(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        found = self._seen.get(view)
        if found is None:
            found = self._seen[view] = view.look(self.floats, self.before)
        return found


class Zoned(NamedTuple):
    """A hand that has come into a zone or left it, or has been in it for as long as it asks for."""

    id: int
    slot: int
    zone: str


@dataclass(eq=False)
class News:
    """What a sheet tells beyond the one before it."""

    entered: list[int] = field(default_factory=list)  # rows of the sheet
    turned: list[int] = field(default_factory=list)  # rows: opened or closed
    left: Sheet = field(default_factory=Sheet)  # those that are no longer there, as they were last
    out: list[Zoned] = field(default_factory=list)
    into: list[Zoned] = field(default_factory=list)
    dwelt: list[Zoned] = field(default_factory=list)


NONE = News()


def news(sheet: Sheet, before: Sheet) -> News:
    """What has changed from one sheet to another."""
    facts, facts_before = [(s.ids, s.is_open, s.dwelt, s.zones) for s in (sheet, before)]
    if facts == facts_before and (sheet.integers[:, ZONE] == before.integers[:, ZONE]).all():
        return NONE
    found = News()
    old = {id_: row for row, id_ in enumerate(before.ids)}
    for row, id_ in enumerate(sheet.ids):
        was = old.pop(id_, None)
        if was is None:
            found.entered.append(row)
        if sheet.is_open[row] != (was is not None and before.is_open[was]):
            found.turned.append(row)
        zone, zone_was = sheet.zone_of(row), None if was is None else before.zone_of(was)
        slot = int(sheet.integers[row, SLOT])
        if zone != zone_was:
            found.out += [Zoned(id_, slot, zone_was)] if zone_was is not None else []
            found.into += [Zoned(id_, slot, zone)] if zone is not None else []
        stayed = was is not None and before.dwelt[was] and zone == zone_was
        if zone is not None and sheet.dwelt[row] and not stayed:
            found.dwelt.append(Zoned(id_, slot, zone))
    if old:
        found.left = before.pick(list(old.values()), State.LEAVING)
        for row, id_ in enumerate(found.left.ids):
            zone = found.left.zone_of(row)
            found.out += [Zoned(id_, int(found.left.integers[row, SLOT]), zone)] if zone is not None else []
    return found


def remembered(slots: dict[int, int]) -> Sheet:
    """The sheet of hands of which only ids and slots are known."""
    integers = np.zeros((len(slots), 4), np.int32)
    integers[:, ID], integers[:, SLOT], integers[:, ZONE] = list(slots), list(slots.values()), -1
    rows = len(slots)
    return Sheet(
        integers=integers, floats=_floats(rows), before=np.zeros((rows, 2), np.float32), is_open=[False] * rows,
        dwelt=[False] * rows, ids=list(slots),
    )  # fmt: skip


class Register:
    """What is known of the hands from one frame to the next: who has which slot, and how fast each was."""

    def __init__(self, slots: dict[int, int] | None = None) -> None:
        self.slots = slots or {}  # id -> slot
        self.last = Sheet()
        self.faulty = self.crowded = 0  # hands left out: no number as a place; more than a datagram can tell of

    def take(self, hands: Hands, now: int) -> Sheet:
        """The frame's sheet. A missing hand has left, whether the tracker said so or that message was skipped."""
        ids = hands.id & 0x7FFFFFFF
        floats = _measures(hands)
        finite = np.isfinite(floats)
        every = ids.tolist()
        which: slice | np.ndarray = slice(None)
        if LEAVING in hands.state.tolist() or len(every) > MOST or len(set(every)) < len(every) or not finite.all():
            which = self._those_told(ids, hands.state != LEAVING, finite[:, : Y + 1].all(axis=1))
            floats[~finite] = 0
            floats = floats[which]
            every = ids[which].tolist()
        integers = np.empty((len(every), 4), np.int32)
        integers[:, ID], integers[:, STATE] = ids[which], hands.state[which]
        integers[:, SLOT] = self._seats(every)
        integers[:, ZONE] = np.maximum(hands.zone[which], -1)
        aspect = hands.width / hands.height if hands.height > 0 else 1.0
        last, self.last = (
            self.last,
            Sheet(
                hands.seq & 0x7FFFFFFF,
                hands.captured_ns,
                min(max(0.0, (now - hands.captured_ns) / 1e6), 1e9),
                hands.width,
                hands.height,
                integers,
                _bounded(floats, aspect),
                floats,
                (hands.captured_ns - self.last.captured_ns) / 1e9,
                hands.is_open[which].tolist(),
                hands.dwelt[which].tolist(),
                list(hands.zones),
                every,
            ),
        )
        self.last.before = _velocities_before(self.last, last)
        return self.last

    def clear(self) -> Sheet:
        """The sheet of a picture that nobody is in any more."""
        self.slots = {}
        last = self.last
        self.last = Sheet(last.seq, last.captured_ns, 0.0, last.width, last.height)
        return self.last

    def _those_told(self, ids: np.ndarray, there: np.ndarray, placed: np.ndarray) -> np.ndarray:
        """Which hands are there, have a place, are not the second of two with one id, and fit."""
        which = np.flatnonzero(there & placed)
        which = which[np.sort(np.unique(ids[which], return_index=True)[1])]
        self.faulty += int(np.count_nonzero(there)) - len(which)
        if len(which) > MOST:
            self.crowded += len(which) - MOST
            which = which[np.argsort(ids[which])[:MOST]]  # always the same ones: the oldest
        return which

    def _seats(self, ids: list[int]) -> list[int]:
        """Each hand's slot: the one it had, or the lowest that was not taken in the frame before."""
        old = self.slots
        if ids != self.last.ids or len(old) != len(ids):
            taken = set(old.values())
            free = (slot for slot in range(2 * len(ids) + len(taken)) if slot not in taken)
            self.slots = {id_: old[id_] if id_ in old else next(free) for id_ in ids}
        return list(self.slots.values())


def _measures(hands: Hands) -> np.ndarray:
    """Sheet.floats as they came; w is still the radius."""
    floats = np.empty((len(hands.id), 9), np.float32)
    floats[:, X : Y + 1], floats[:, VX : VY + 1] = hands.xy, hands.velocity
    floats[:, W], floats[:, H] = hands.radius, 0
    floats[:, SCORE], floats[:, AGE], floats[:, OPEN] = hands.score, hands.age, hands.open
    return floats


def _bounded(floats: np.ndarray, aspect: float) -> np.ndarray:
    """Nothing beyond what makes sense; w and h from the radius, in the picture's widths and heights."""
    np.minimum(np.maximum(floats, LOW, out=floats), HIGH, out=floats)
    floats[:, W] *= 2
    np.minimum(floats[:, W] * aspect, 1, out=floats[:, H])
    return floats


def _velocities_before(sheet: Sheet, last: Sheet) -> np.ndarray:
    """(n, 2); of a new hand its first, so that its speed has not changed."""
    then, now = last.floats[:, VX : VY + 1], sheet.floats[:, VX : VY + 1]
    if sheet.ids == last.ids:
        return then
    row = {id_: number for number, id_ in enumerate(last.ids)}
    return np.array([then[row[i]] if i in row else now[n] for n, i in enumerate(sheet.ids)], np.float32).reshape(-1, 2)
