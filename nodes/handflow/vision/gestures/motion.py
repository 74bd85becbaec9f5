"""What all gestures are told from: the paths of one step in hand sizes, smoothed, and how fast each hand is."""

import numpy as np

from .paths import OPEN, RADIUS, TICK_HZ, Paths

SPAN = 3  # ticks over which speeds are measured


class Motion:
    """One step. Arrays have a slot for each hand; the newest tick is the last."""

    def __init__(self, paths: Paths, passed: int) -> None:
        self.now_s, self.step_s = paths.now_s, passed / TICK_HZ
        self.there, self.began, self.ticks, self.id = paths.id != 0, paths.began, paths.ticks, paths.id
        self.seen = self.there & (paths.seen_s == paths.now_s)  # the others are only believed to be where they were
        self.size, self.history, self.capacity = paths.size, paths.history, paths.capacity
        # Averaged over three ticks: a far hand's place is off by a sixth of its size.
        places = paths.history[:, :, :2]
        self.places = (places[:, 2:] + places[:, 1:-1] + places[:, :-2]) / 3  # (slots, ticks, 2) widths
        # From where the hand is now: across the whole picture, sizes that waver would shake it.
        self.xy = (self.places - self.places[:, -1:]) / paths.size[:, None, None]  # sizes
        self.velocity = (self.xy[:, -1] - self.xy[:, -1 - SPAN]) * (TICK_HZ / SPAN)  # (slots, 2) sizes/s
        self.speed = np.hypot(self.velocity[:, 0], self.velocity[:, 1])
        self.radius, self.open = paths.history[:, :, RADIUS], paths.history[:, :, OPEN]
        self.opened = self.open[:, -6:].mean(axis=1)  # over a fifth of a second

    def known(self, seconds: float) -> np.ndarray:
        """Which hands have been followed for so long."""
        return self.there & (self.ticks >= seconds * TICK_HZ)


class SlotColumns:
    """Columns that live from step to step, a slot for each hand; a slot that begins anew takes the first values."""

    def __init__(self, **first: float) -> None:
        self._first = first
        self._columns = {name: np.zeros(0) for name in first}

    def follow(self, motion: Motion) -> None:
        """Makes room for all slots, and begins those anew that are another hand's."""
        grown = motion.capacity - len(next(iter(self._columns.values())))
        for name, first in self._first.items():
            if grown:
                self._columns[name] = np.concatenate([self._columns[name], np.full(grown, first)])
            self._columns[name][motion.began] = first

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]


def margin(value: np.ndarray, needed: np.ndarray | float) -> np.ndarray:
    """A confidence: 0.5 where `value` is just what is needed, 1 at twice that."""
    return 0.5 + 0.5 * np.clip(value / needed - 1, 0, 1)
