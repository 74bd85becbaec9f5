"""A push towards the camera and a pull away from it: an open palm grows or shrinks in its place, and stops.

Radii tell little from far: half a metre is a quarter of two, and a twentieth of ten.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .paths import OPEN
from .told import Told, margin

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


@dataclass(slots=True)
class PushLine:
    """A hand's last push or pull."""

    told_s: float = -9.0
    way: int = -1  # of NAMES
    confidence: float = 0.0


class PushDetector:
    """Tells pushes and pulls."""

    def __init__(self, settings: PushSettings) -> None:
        self.settings = settings
        self.lines = Lines(PushLine)

    def step(self, motion: Motion) -> list[Told]:
        lines, now_s, told = self.lines, motion.now_s, []
        lines.follow(motion)
        if motion.looks:
            self._look(motion)
        for slot in motion.slots:
            line = lines[slot]
            if now_s - line.told_s <= SHOWN_S:
                told.append(Told(NAMES[line.way], slot, 1.0, line.confidence))
        return told

    def _look(self, motion: Motion) -> None:
        radii, growth = motion.radii, self.settings.growth
        # The sums are of 5 and of 6 ticks.
        now, before = np.add.reduce(radii[:, NOW], axis=1) / 5, np.add.reduce(radii[:, BEFORE], axis=1) / 6
        grown = (now / before).tolist()
        for slot in motion.slots:
            if not 1 / growth < grown[slot] < growth and motion.known(slot, TOGETHER_S):
                self._judge(motion, slot, self.lines[slot], math.log(grown[slot]))

    def _judge(self, motion: Motion, slot: int, line: PushLine, grown: float) -> None:
        change, way, since_s = abs(grown), int(grown < 0), motion.now_s - line.told_s
        if since_s <= AGAIN_S or (way != line.way and since_s <= BACK_S):
            return
        radius = np.log(motion.radii[slot, REST.start :])
        at_rest = abs(radius[BEFORE].mean() - radius[REST].mean())
        still = math.copysign(1, grown) * (radius[-3:].mean() - radius[-6:-3].mean())
        opened = motion.history[OPEN, slot, REST.start :]
        turned = abs(opened[NOW].mean() - opened[BEFORE].mean())
        path = motion.path(slot, -REST.start)
        drift = max(float(np.ptp(path.real)), float(np.ptp(path.imag)))
        if (
            at_rest <= REST_CHANGE * change
            and still <= ENDED * change
            and drift <= self.settings.drift
            and turned <= TURNED
            and opened.mean() >= self.settings.open
        ):
            line.told_s, line.way = motion.now_s, way
            line.confidence = margin(change, math.log(self.settings.growth))
