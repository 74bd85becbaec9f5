"""Hands -> where each was in the last three seconds, at 30 ticks a second whatever the frame rate.

Arrays have a slot for each hand. A hand that is lost and found again close by, with a new id, keeps its slot.
"""

import math

import numpy as np

from handflow.messages import Hands, State

TICK_HZ = 30
TICKS = 90
GAP_S = 1.0  # after this long without any frame, nobody knows which hand is which
KEEP_S = 0.5  # a hand unseen for longer is gone
# A new id this near to where a hand was lost is that hand, in its sizes; and as much more as a hand goes in a second.
ADOPT_SIZES, ADOPT_SPEED = 1.0, 6.0
SIZE_RATIO = 1.7
# A hand cannot have gone farther: sizes, and sizes a second. A track that did has jumped to another hand.
JUMP_SIZES, JUMP_SPEED = 2.0, 40.0
SIZE_S = 0.4  # sizes are averaged over about this time
X, Y, RADIUS, OPEN = range(4)


class Paths:
    """The paths of the hands that are there."""

    def __init__(self, capacity: int = 8) -> None:
        self.id = np.zeros(capacity, np.int32)  # 0: the slot is free
        self.ticks = np.zeros(capacity, np.int64)  # that are known of each, at most TICKS
        self.size = np.ones(capacity)  # picture widths
        self.history = np.zeros((capacity, TICKS, 4))  # x y radius (widths) open, the newest last
        self.last = np.zeros((capacity, 4))  # the last sample
        self.seen_s = np.zeros(capacity)  # when that was, since the first frame
        self.began = np.zeros(capacity, bool)  # in this step: whatever was known of the slot is void
        self.now_s = 0.0
        self._ticked = 0  # ticks since the first frame
        self._first_ns: int | None = None
        self._stream = 0
        self._ids: list[int] | None = None  # of the last frame; None: their slots are to be looked up
        self._slots = np.zeros(0, np.int64)  # of `_ids`

    @property
    def capacity(self) -> int:
        return len(self.id)

    def add(self, hands: Hands) -> int:
        """Takes a frame; how many ticks have passed. `began` says which slots are another hand's than before."""
        self.began[:] = False
        elapsed_s = 0.0 if self._first_ns is None else (hands.captured_ns - self._first_ns) / 1e9
        if self._first_ns is None or hands.stream != self._stream or not 0 <= elapsed_s - self.now_s <= GAP_S:
            self._clear(hands)
            elapsed_s = 0.0
        self.now_s = elapsed_s
        rows = np.flatnonzero((hands.state != State.LEAVING) & (hands.state != State.PREDICTED))
        samples = _samples(hands, rows)
        good = np.isfinite(samples).all(axis=1) & (samples[:, RADIUS] > 0)
        if not good.all():
            rows, samples = rows[good], samples[good]
        slots = self._slots_of(hands.id[rows].tolist(), samples)
        # A camera at just this rate has its frames on the ticks, give or take their rounding.
        ticked = math.floor(elapsed_s * TICK_HZ + 0.05)
        passed, self._ticked = ticked - self._ticked, ticked
        self._advance(slots, samples, passed)
        lost = (self.id != 0) & (self.now_s - self.seen_s > KEEP_S)
        if lost.any():
            self.id[lost], self.began[lost], self._ids = 0, True, None
        return passed

    def _clear(self, hands: Hands) -> None:
        self._first_ns, self._stream, self._ticked, self._ids = hands.captured_ns, hands.stream, 0, None
        self.began[:] = self.id != 0
        self.id[:] = 0

    def _slots_of(self, ids: list[int], samples: np.ndarray) -> np.ndarray:
        """Each hand's slot."""
        if ids == self._ids:
            return self._slots
        by_id = {id_: slot for slot, id_ in enumerate(self.id.tolist()) if id_}
        slots = [by_id.get(id_, -1) for id_ in ids]
        new = [row for row, slot in enumerate(slots) if slot < 0]
        if new:
            waiting = [slot for id_, slot in by_id.items() if id_ not in ids]
            for row in new:
                slots[row] = self._adopt(waiting, samples[row])
            for row in new:
                if slots[row] < 0:
                    slots[row] = self._begin(samples[row])
                self.id[slots[row]] = ids[row]
        self._ids, self._slots = ids, np.array(slots, np.int64)
        return self._slots

    def _adopt(self, waiting: list[int], sample: np.ndarray) -> int:
        """The slot of the lost hand that a new one is, which is taken from `waiting`; -1: it is none of them."""
        best, nearest = -1, 1.0
        for slot in waiting:
            ratio = sample[RADIUS] * 2 / self.size[slot]
            reach = self.size[slot] * (ADOPT_SIZES + ADOPT_SPEED * (self.now_s - self.seen_s[slot]))
            distance = math.hypot(*(sample[:2] - self.last[slot, :2])) / reach
            if distance < nearest and 1 / SIZE_RATIO < ratio < SIZE_RATIO:
                best, nearest = slot, distance
        if best >= 0:
            waiting.remove(best)
        return best

    def _begin(self, sample: np.ndarray) -> int:
        """A free slot, whose path begins here."""
        free = np.flatnonzero(self.id == 0)
        if not len(free):
            self._grow()
            free = np.flatnonzero(self.id == 0)
        self._restart(free[:1], sample[None])
        return int(free[0])

    def _restart(self, slots: np.ndarray, samples: np.ndarray) -> None:
        self.history[slots], self.last[slots] = samples[:, None], samples
        self.size[slots], self.ticks[slots] = 2 * samples[:, RADIUS], 0
        self.seen_s[slots], self.began[slots] = self.now_s, True

    def _grow(self) -> None:
        for name, array in list(vars(self).items()):
            if isinstance(array, np.ndarray) and name != "_slots":
                setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        self.size[self.size == 0] = 1.0

    def _advance(self, slots: np.ndarray, samples: np.ndarray, passed: int) -> None:
        """Moves all histories on by `passed` ticks; those of `slots` to their new samples, in straight lines."""
        before, before_s = self.last[slots], self.seen_s[slots]
        seconds = self.now_s - before_s
        way = np.hypot(samples[:, X] - before[:, X], samples[:, Y] - before[:, Y])
        jumped = way > self.size[slots] * (JUMP_SIZES + JUMP_SPEED * seconds)
        if jumped.any():
            self._restart(slots[jumped], samples[jumped])
            before, before_s = self.last[slots], self.seen_s[slots]
            seconds = self.now_s - before_s
        if passed:
            shift = min(passed, TICKS)
            self.history[:, :-shift] = self.history[:, shift:].copy() if shift < TICKS else 0
            self.history[:, -shift:] = self.last[:, None]
            np.minimum(self.ticks + passed, TICKS, out=self.ticks)
        if len(slots) and passed:
            # Also those that passed while the hand was not seen.
            count = min(max(passed, math.ceil(float(seconds.max()) * TICK_HZ)), TICKS)
            times = (self._ticked - np.arange(count - 1, -1, -1)) / TICK_HZ
            part = (times - before_s[:, None]) / np.maximum(seconds, 1e-9)[:, None]
            lines = before[:, None] + (samples - before)[:, None] * part[:, :, None]
            kept = self.history[slots, -count:]
            self.history[slots, -count:] = np.where((part > 0)[:, :, None], lines, kept)
        share = 1 - np.exp(-seconds / SIZE_S)
        self.size[slots] += (2 * samples[:, RADIUS] - self.size[slots]) * share
        self.last[slots], self.seen_s[slots] = samples, self.now_s


def _samples(hands: Hands, rows: np.ndarray) -> np.ndarray:
    """(n, 4) x y radius in widths, and open."""
    aspect = hands.height / hands.width if hands.width and hands.height else 1.0
    samples = np.empty((len(rows), 4))
    samples[:, X], samples[:, Y] = hands.xy[rows, 0], hands.xy[rows, 1] * aspect
    samples[:, RADIUS], samples[:, OPEN] = hands.radius[rows], hands.open[rows]
    return samples
