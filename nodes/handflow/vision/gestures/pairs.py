"""Which two hands are one person's: by place, size and motion. Where it could be another's as well, nobody's.

Among many people most hands are near to several others; a wrong pair would clap for two strangers.
"""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns

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
    """The other hand of each: `other` (slots,), -1 none."""

    def __init__(self, settings: PairSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(other=-1)
        self._due_s = 0.0

    @property
    def other(self) -> np.ndarray:
        return self.line["other"]

    def step(self, motion: Motion) -> None:
        self.line.follow(motion)
        other = self.line["other"]
        # A pair ends with either of them.
        partner = np.where(other >= 0, other, 0).astype(int)
        ended = (other >= 0) & (~motion.there | ~motion.there[partner] | motion.began[partner])
        other[ended] = -1
        if motion.now_s < self._due_s and motion.now_s >= self._due_s - EVERY_S and not motion.began.any():
            return
        self._due_s = motion.now_s + EVERY_S
        rows = np.flatnonzero(motion.known(0.2))
        before = other.copy()
        other[:] = -1
        if len(rows) > 1:
            self._pair(motion, rows, before)

    def _pair(self, motion: Motion, rows: np.ndarray, before: np.ndarray) -> None:
        places, sizes = motion.history[rows, -1, :2], motion.size[rows]
        drift = (places - motion.history[rows, -LOOK_TICKS, :2]) * (30 / LOOK_TICKS)
        mean = np.sqrt(sizes[:, None] * sizes)
        offset = np.abs(places[:, None] - places) / mean[:, :, None]
        ratio = sizes[:, None] / sizes
        apart = np.abs(drift[:, None] - drift).max(axis=2) / mean
        was = before[rows][:, None] == rows
        cost = np.hypot(offset[:, :, 0], offset[:, :, 1]) + np.abs(np.log(ratio)) * 4
        fits = (cost <= self.settings.reach) & (offset[:, :, 1] <= HEIGHT) & (apart <= np.where(was, SPREADING, DRIFT))
        fits &= (ratio < SIZE_RATIO) & (ratio > 1 / SIZE_RATIO)
        cost = np.where(fits, cost, np.inf)
        np.fill_diagonal(cost, np.inf)
        nearest = cost.argmin(axis=1)
        best = cost.min(axis=1)
        row = np.arange(len(rows))
        rest = cost.copy()
        rest[row, nearest] = np.inf
        # Hands that touch are a pair even though two others are as near as a shoulder's width.
        alone = rest.min(axis=1) >= self.settings.clear * np.maximum(best, 1.0)
        mutual = np.isfinite(best) & (nearest[nearest] == row) & alone & alone[nearest]
        self.line["other"][rows[mutual]] = rows[nearest[mutual]]
