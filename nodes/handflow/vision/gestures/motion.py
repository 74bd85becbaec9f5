"""What all gestures are told from: the paths of one step in hand sizes, smoothed, and how fast each hand is.

Whatever all hands need is worked out at once, in arrays; what follows from it is decided hand by hand, for most hands
need little. With 20 hands the calls count: an operation on one number costs as much as one on twenty, and
`np.add.reduce` less than `sum`, which calls it.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from .paths import OPEN, RADIUS, SPAN, TICK_HZ, Paths

Line = TypeVar("Line")

OPEN_TICKS, SHORT_TICKS = 6, 3  # that openness is averaged over: a fifth and a tenth of a second


class Motion:
    """One step. Lists have a place for each slot; the newest tick of an array is the last."""

    def __init__(self, paths: Paths, passed: int, looks: bool = True) -> None:
        # Whether gestures that last longer are looked for: at thirty frames a second in every other one.
        self.looks = looks
        self.now_s, self.step_s, self.capacity = paths.now_s, passed / TICK_HZ, paths.capacity
        self.slots: list[int] = np.flatnonzero(paths.id).tolist()  # of hands that are there
        self.began: list[int] = np.flatnonzero(paths.began).tolist()
        self.sizes, self.places, self.history = paths.size, paths.places, paths.history
        self.size: list[float] = paths.size.tolist()
        self.id: list[int] = paths.id.tolist()
        self.ticks: list[int] = paths.ticks.tolist()
        # The others are only believed to be where they were.
        self.seen: list[bool] = (paths.seen_s == paths.now_s).tolist()
        self.place: list[complex] = self.places[:, -1].tolist()  # x + iy, widths
        velocity = (self.places[:, -1] - self.places[:, -1 - SPAN]) * (TICK_HZ / SPAN) / paths.size
        self.velocity: list[complex] = velocity.tolist()  # sizes/s
        self.speed: list[float] = np.abs(velocity).tolist()
        opened = self.history[OPEN]
        self.opened: list[float] = (np.add.reduce(opened[:, -OPEN_TICKS:], axis=1) / OPEN_TICKS).tolist()
        self.opened_now: list[float] = (np.add.reduce(opened[:, -SHORT_TICKS:], axis=1) / SHORT_TICKS).tolist()

    def path(self, slot: int, ticks: int) -> np.ndarray:
        """(ticks,) x + iy of a hand in its sizes, from where it is now: sizes that waver would shake what is far."""
        path = self.places[slot, -ticks:]
        return (path - path[-1]) / self.size[slot]

    def known(self, slot: int, seconds: float) -> bool:
        """Whether a hand has been followed for so long."""
        return self.ticks[slot] >= seconds * TICK_HZ

    def open_over(self, slot: int, ticks: int, until: int = 0) -> float:
        """The mean openness of a hand over its last ticks, or over those before the last `until` ones."""
        end = self.history.shape[2] - until
        return float(self.history[OPEN, slot, end - ticks : end].mean())

    @property
    def radii(self) -> np.ndarray:
        """(slots, TICKS) widths."""
        return self.history[RADIUS]


class Lines(Generic[Line]):
    """What a detector remembers of each hand; of another hand than before, nothing."""

    def __init__(self, first: Callable[[], Line]) -> None:
        self._first = first
        self._lines: list[Line] = []

    def follow(self, motion: Motion) -> None:
        """Makes room for all slots, and begins those anew that are another hand's."""
        while len(self._lines) < motion.capacity:
            self._lines.append(self._first())
        for slot in motion.began:
            self._lines[slot] = self._first()

    def __getitem__(self, slot: int) -> Line:
        return self._lines[slot]
