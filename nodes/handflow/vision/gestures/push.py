"""A push towards the camera and a pull away from it: an open palm grows or shrinks in its place, and stops.

Radii tell little from far: half a metre is a quarter of two, and a twentieth of ten.
"""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns, margin
from .told import Told

NAMES = ("push", "pull")
# Ticks back from now: the last ones, those of before the move, and those before that, when it was at rest.
NOW, BEFORE, REST = slice(-5, None), slice(-25, -19), slice(-35, -29)
REST_CHANGE = 0.4  # of the whole change: as much may have come before it
ENDED = 0.25  # of it: as much may still come in a tenth of a second
TOGETHER_S = 1.2
AGAIN_S, BACK_S = 0.6, 2.5  # after one there is none for so long, and none the other way
SHOWN_S = 0.3
TURNED = 0.35  # how far a palm may open or close meanwhile: a fist is smaller too


class PushSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand is pushed or pulled."""

    growth: Annotated[float, Range(1.05, 5)] = 1.25  # its radius becomes so many times as large, or as small
    drift: Annotated[float, Range(0.1, 10)] = 1.0  # sizes that it may move sideways
    open: Annotated[float, Range(0, 1)] = 0.5  # at least


class PushDetector:
    """Tells pushes and pulls."""

    def __init__(self, settings: PushSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(told_s=-9, way=-1, confidence=0)

    def step(self, motion: Motion) -> list[Told]:
        line, now_s = self.line, motion.now_s
        line.follow(motion)
        radius = motion.radius[:, REST.start :]
        now, before = radius[:, NOW].mean(axis=1), radius[:, BEFORE].mean(axis=1)
        grown = np.log(np.maximum(now, 1e-6) / np.maximum(before, 1e-6))
        rows = np.flatnonzero((np.abs(grown) >= np.log(self.settings.growth)) & motion.known(TOGETHER_S))
        if len(rows):
            self._judge(motion, rows, grown[rows], np.log(radius[rows]))
        shown = motion.there & (now_s - line["told_s"] <= SHOWN_S)
        one = np.ones(motion.capacity)
        return [Told(name, shown & (line["way"] == way), one, line["confidence"]) for way, name in enumerate(NAMES)]

    def _judge(self, motion: Motion, rows: np.ndarray, grown: np.ndarray, radius: np.ndarray) -> None:
        line = self.line
        at_rest = radius[:, BEFORE].mean(axis=1) - radius[:, REST].mean(axis=1)
        still = radius[:, -3:].mean(axis=1) - radius[:, -6:-3].mean(axis=1)
        change = np.abs(grown)
        way = (grown < 0).astype(int)
        since_s = motion.now_s - line["told_s"][rows]
        good = (np.abs(at_rest) <= REST_CHANGE * change) & (np.sign(grown) * still <= ENDED * change)
        good &= (since_s > AGAIN_S) & ((way == line["way"][rows]) | (since_s > BACK_S))
        place = motion.history[rows, REST.start :, :2]
        drift = (place.max(axis=1) - place.min(axis=1)).max(axis=1) / motion.size[rows]
        opened = motion.open[rows, REST.start :]
        steady = np.abs(opened[:, NOW].mean(axis=1) - opened[:, BEFORE].mean(axis=1)) <= TURNED
        good &= (drift <= self.settings.drift) & (opened.mean(axis=1) >= self.settings.open) & steady
        told = rows[good]
        line["told_s"][told], line["way"][told] = motion.now_s, way[good]
        line["confidence"][told] = margin(change[good], np.log(self.settings.growth))
