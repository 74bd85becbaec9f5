"""Hands -> where each was in the last three seconds, at 30 ticks a second whatever the frame rate.

Arrays have a slot for each hand. A hand that is lost and found again close by, with a new id, keeps its slot.
"""

import math

import numpy as np

from handflow.messages import Hands, State

TICK_HZ = 30
TICKS = 90
LENGTH = TICKS + 60  # columns that are kept: the last ones move to the front when there is no room for the next
GAP_S = 1.0  # after this long without any frame, nobody knows which hand is which
KEEP_S = 0.5  # a hand unseen for longer is gone
# A new id this near to where a hand was lost is that hand, in its sizes; and as much more as a hand goes in a second.
ADOPT_SIZES, ADOPT_SPEED = 1.0, 6.0
SIZE_RATIO = 1.7
# A hand cannot have gone farther: sizes, and sizes a second. A track that did has jumped to another hand.
JUMP_SIZES, JUMP_SPEED = 2.0, 40.0
SPAN = 3  # ticks over which speeds are measured
SIZE_S = 0.4  # sizes are averaged over about this time
X, Y, RADIUS, OPEN = range(4)
_STEPS = np.arange(1 - TICKS, 1)  # ticks from now


class Paths:
    """The paths of the hands that are there."""

    def __init__(self, capacity: int = 20, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s  # what places are predicted by: it is taken back
        self.id = np.zeros(capacity, np.int32)  # 0: the slot is free
        self.ticks = np.zeros(capacity, np.int64)  # that are known of each, at most TICKS
        self.size = np.ones(capacity)  # picture widths
        self.last = np.full((4, capacity), 0.5)  # the last sample: x y radius (widths) open
        self.seen_s = np.zeros(capacity)  # when that was, since the first frame
        self.began = np.zeros(capacity, bool)  # in this step: whatever was known of the slot is void
        self.now_s = 0.0
        self._history = np.full((4, capacity, LENGTH), 0.5)  # as `last`, a column for each tick
        self._places = np.zeros((capacity, LENGTH), complex)  # x + iy, averaged over three ticks
        self._end = TICKS  # of the columns that are filled
        self._ticked = 0  # ticks since the first frame
        self._first_ns: int | None = None
        self._stream = 0
        self._slots: dict[int, int] = {}  # by id

    @property
    def capacity(self) -> int:
        return len(self.id)

    @property
    def history(self) -> np.ndarray:
        """(4, slots, TICKS) x y radius (widths) open, the newest last."""
        return self._history[:, :, self._end - TICKS : self._end]

    @property
    def places(self) -> np.ndarray:
        """(slots, TICKS) x + iy, widths; averages of three ticks: a far hand's place is off by a sixth of its size."""
        return self._places[:, self._end - TICKS : self._end]

    def add(self, hands: Hands) -> int:
        """Takes a frame; how many ticks have passed. `began` says which slots are another hand's than before."""
        self.began[:] = False
        elapsed_s = 0.0 if self._first_ns is None else (hands.captured_ns - self._first_ns) / 1e9
        if self._first_ns is None or hands.stream != self._stream or not 0 <= elapsed_s - self.now_s <= GAP_S:
            self._clear(hands)
            elapsed_s = self.now_s = 0.0
        since_s, self.now_s = elapsed_s - self.now_s, elapsed_s
        ids, samples = _samples(hands, self.ahead_s)
        slots = np.array(self._slots_of(ids, samples), np.int64)
        # A camera at just this rate has its frames on the ticks, give or take their rounding.
        ticked = math.floor(elapsed_s * TICK_HZ + 0.05)
        passed, self._ticked = ticked - self._ticked, ticked
        self._advance(slots, samples, passed, since_s)
        if len(ids) < len(self._slots):
            for id_ in self._slots.keys() - ids:
                slot = self._slots[id_]
                if elapsed_s - self.seen_s[slot] > KEEP_S:
                    del self._slots[id_]
                    self.id[slot], self.began[slot] = 0, True
        return passed

    def _clear(self, hands: Hands) -> None:
        self._first_ns, self._stream, self._ticked, self._slots = hands.captured_ns, hands.stream, 0, {}
        self.began[:] = self.id != 0
        self.id[:] = 0

    def _slots_of(self, ids: list[int], samples: np.ndarray) -> list[int]:
        """Each hand's slot."""
        slots = [self._slots.get(id_, -1) for id_ in ids]
        new = [row for row, slot in enumerate(slots) if slot < 0]
        if new:
            there = set(ids)
            waiting = [slot for id_, slot in self._slots.items() if id_ not in there]
            for row in new:
                slots[row] = self._adopt(waiting, samples[:, row])
            for row in new:
                if slots[row] < 0:
                    slots[row] = self._begin(samples[:, row])
                self._slots.pop(int(self.id[slots[row]]), None)
                self.id[slots[row]], self._slots[ids[row]] = ids[row], slots[row]
        return slots

    def _adopt(self, waiting: list[int], sample: np.ndarray) -> int:
        """The slot of the lost hand that a new one is, which is taken from `waiting`; -1: it is none of them."""
        best, nearest = -1, 1.0
        for slot in waiting:
            ratio = sample[RADIUS] * 2 / self.size[slot]
            reach = self.size[slot] * (ADOPT_SIZES + ADOPT_SPEED * (self.now_s - self.seen_s[slot]))
            way = complex(sample[X], sample[Y]) - complex(self.last[X, slot], self.last[Y, slot])
            # Where it was, or where it was about to be.
            went = complex(self.places[slot, -1] - self.places[slot, -1 - SPAN]) * TICK_HZ / SPAN
            distance = min(abs(way), abs(way - went * (self.now_s - self.seen_s[slot]))) / reach
            if distance < nearest and 1 / SIZE_RATIO < ratio < SIZE_RATIO:
                best, nearest = slot, distance
        if best >= 0:
            waiting.remove(best)
        return best

    def _begin(self, sample: np.ndarray) -> int:
        """A free slot, whose path begins here."""
        if self.id.all():
            self._grow()
        slot = int(self.id.argmin())
        self._restart(slot, sample)
        return slot

    def _restart(self, slot: int, sample: np.ndarray) -> None:
        self._history[:, slot] = sample[:, None]
        self._places[slot] = complex(sample[X], sample[Y])
        self.last[:, slot] = sample
        self.size[slot], self.ticks[slot] = 2 * sample[RADIUS], 0
        self.seen_s[slot], self.began[slot] = self.now_s, True

    def _grow(self) -> None:
        """Twice as many slots."""
        for name, array in list(vars(self).items()):
            if isinstance(array, np.ndarray):
                axis = 1 if name in ("last", "_history") else 0
                setattr(self, name, np.concatenate([array, np.zeros_like(array)], axis=axis))
        free = self.id == 0
        self.size[free], self.last[:, free], self._history[:, free] = 1.0, 0.5, 0.5

    def _advance(self, slots: np.ndarray, samples: np.ndarray, passed: int, since_s: float) -> None:
        """Moves all paths on by `passed` ticks; those of `slots` to their new samples, in straight lines."""
        new = self.last.copy()
        new[:, slots] = samples
        way, unseen_s = new - self.last, self.now_s - self.seen_s
        # Most frames none has: the sizes of all are asked for only where one went far.
        if np.maximum.reduce(np.abs(way[:2]), axis=None) > JUMP_SIZES / 2 * min(self.size.tolist()):
            jumped = np.hypot(way[X], way[Y]) > self.size * (JUMP_SIZES + JUMP_SPEED * unseen_s)
            for slot in np.flatnonzero(jumped).tolist():
                self._restart(slot, new[:, slot])
            way, unseen_s = new - self.last, self.now_s - self.seen_s
        if passed:
            self._move_on(min(passed, TICKS))
            self.ticks = np.minimum(self.ticks + passed, TICKS)
            # Also those ticks that passed while a hand was not seen.
            longest_s = max(unseen_s[slots].tolist(), default=0.0)
            count = min(max(passed, math.ceil(longest_s * TICK_HZ)), TICKS - 2)
            self._write(count, way, unseen_s)
        self.last = new
        self.seen_s[slots] = self.now_s
        self.size += (2 * new[RADIUS] - self.size) * (1 - math.exp(-since_s / SIZE_S))

    def _write(self, count: int, way: np.ndarray, unseen_s: np.ndarray) -> None:
        """The last `count` ticks, on straight lines from the last samples, `unseen_s` ago, by `way` to the new ones."""
        columns = slice(self._end - count, self._end)
        times = (_STEPS[-count:] + self._ticked) / TICK_HZ
        part = (times - self.seen_s[:, None]) / np.maximum(unseen_s, 1e-9)[:, None]
        lines = way[:, :, None] * part
        lines += self.last[:, :, None]
        # What was before the last sample stays as it is.
        np.copyto(self._history[:, :, columns], lines, where=part > 0)
        x, y = self._history[:2, :, columns.start - 2 : self._end]
        raw = x + 1j * y
        self._places[:, columns] = (raw[:, 2:] + raw[:, 1:-1] + raw[:, :-2]) / 3

    def _move_on(self, passed: int) -> None:
        """Room for new columns; until they are written, hands stay where they were last."""
        if self._end + passed > LENGTH:
            self._history[:, :, :TICKS], self._places[:, :TICKS] = self.history.copy(), self.places.copy()
            self._end = TICKS
        self._end += passed
        self._history[:, :, self._end - passed : self._end] = self.last[:, :, None]


def _samples(hands: Hands, ahead_s: float) -> tuple[list[int], np.ndarray]:
    """The ids of those hands that were seen, and (4, n) their x y radius in widths, and open."""
    aspect = hands.height / hands.width if hands.width and hands.height else 1.0
    ids: list[int] = hands.id.tolist()
    samples = np.empty((4, len(ids)))
    samples[:2] = hands.xy.T
    if ahead_s:
        samples[:2] -= hands.velocity.T * ahead_s
    samples[Y] *= aspect
    samples[RADIUS], samples[OPEN] = hands.radius, hands.open
    # One number tells that all are: nothing but finite ones has a finite sum.
    finite = math.isfinite(np.add.reduce(samples, axis=None)) and min(hands.radius.tolist(), default=1.0) > 0
    if finite and _UNSEEN.isdisjoint(hands.state.tolist()):
        return ids, samples
    good = np.isfinite(samples).all(axis=0) & (samples[RADIUS] > 0) & ~np.isin(hands.state, list(_UNSEEN))
    return hands.id[good].tolist(), samples[:, good]


_UNSEEN = {int(State.LEAVING), int(State.PREDICTED)}
