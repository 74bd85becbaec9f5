"""Which two hands are one person's: by place, size and motion. Where it could be another's as well, nobody's.

Among many people most hands are near to several others; a wrong pair would clap for two strangers.
"""

import math
from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion
from .paths import TICK_HZ

EVERY_S = 0.2  # pairs are looked for
SIZE_RATIO = 1.4  # one person's hands are equally far away
DRIFT = 4.0  # sizes/s: and go the same way, over a second
SPREADING = 15.0  # a pair may spread and pinch
LOOK_TICKS = 30
HEIGHT = 5.0  # sizes: one hand above the other


class PairSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Which hands are one person's."""

    reach: Annotated[float, Range(1, 30)] = 9.0  # sizes: from one outstretched hand to the other
    clear: Annotated[float, Range(1, 10)] = 1.5  # the next hand is so many times as far away


class Pairs:
    """The other hand of each slot: `other`, -1 none."""

    def __init__(self, settings: PairSettings) -> None:
        self.settings = settings
        self.other: list[int] = []
        self._due_s = 0.0

    def step(self, motion: Motion) -> None:
        self.other += [-1] * (motion.capacity - len(self.other))
        # A pair ends with either of them.
        for slot in motion.began:
            if (other := self.other[slot]) >= 0:
                self.other[slot] = self.other[other] = -1
        if self._due_s - EVERY_S <= motion.now_s < self._due_s and not motion.began:
            return
        self._due_s = motion.now_s + EVERY_S
        rows = [slot for slot in motion.slots if motion.known(slot, 0.2)]
        before, self.other = self.other, [-1] * motion.capacity
        if len(rows) > 1:
            for first, second in self._paired(motion, np.array(rows), np.array(before)):
                self.other[first] = second

    def _paired(self, motion: Motion, rows: np.ndarray, before: np.ndarray) -> list[tuple[int, int]]:
        """Slots and their other hands, both ways round."""
        places, sizes = motion.places[rows, -1], motion.sizes[rows]
        drift = (places - motion.places[rows, -LOOK_TICKS]) * (TICK_HZ / LOOK_TICKS)
        mean, logs = np.sqrt(sizes[:, None] * sizes), np.log(sizes)
        offset, ratio = (places[:, None] - places) / mean, np.abs(logs[:, None] - logs)
        apart = (drift[:, None] - drift) / mean
        was = before[rows][:, None] == rows
        cost = np.abs(offset) + 4 * ratio
        fits = (cost <= self.settings.reach) & (np.abs(offset.imag) <= HEIGHT) & (ratio < math.log(SIZE_RATIO))
        fits &= np.maximum(np.abs(apart.real), np.abs(apart.imag)) <= np.where(was, SPREADING, DRIFT)
        row = np.arange(len(rows))
        fits[row, row] = False
        cost = np.where(fits, cost, np.inf)
        nearest = cost.argmin(axis=1)
        best = cost[row, nearest]
        cost[row, nearest] = np.inf
        # Hands that touch are a pair even though two others are as near as a shoulder's width.
        alone = cost.min(axis=1) >= self.settings.clear * np.maximum(best, 1.0)
        mutual = np.isfinite(best) & (nearest[nearest] == row) & alone & alone[nearest]
        return list(zip(rows[mutual].tolist(), rows[nearest[mutual]].tolist(), strict=True))
