"""A wave: the hand turns round again and again, from side to side. Told at the third turn.

Strokes are what lies between two turns (a zigzag with hysteresis). A circle also goes from side to side, but as far up
and down; an arm that swings while its owner walks has strokes of unequal length.
"""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns, margin
from .paths import TICK_HZ
from .told import Told

SHORTEST_S = 0.08  # a stroke; faster is noise
UNEQUAL = 2.2  # a stroke may be so many times the one before
FULL = 6  # strokes: three times there and back, progress 1


class WaveSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand waves."""

    stroke: Annotated[float, Range(0.3, 10)] = 1.5  # sizes: shorter strokes are none
    stroke_s: Annotated[float, Range(0.1, 3)] = 0.7  # nor are slower ones
    height: Annotated[float, Range(0.1, 2)] = 0.5  # of its width: what goes farther up and down is no wave
    open: Annotated[float, Range(0, 1)] = 0.4  # at least, over half a second; 0: a fist waves too
    end_s: Annotated[float, Range(0.1, 5)] = 0.8  # after the last turn it is over


class WaveDetector:
    """Tells waves."""

    def __init__(self, settings: WaveSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(
            direction=0,
            extreme=0,
            extreme_s=0,
            turn=0,
            turn_s=-1,
            before_s=-1,
            first_s=-1,
            stroke=0,
            period=0,
            chain=0,
            on=0,
        )

    def step(self, motion: Motion) -> list[Told]:
        line, x, now_s = self.line, motion.places[:, -1, 0], motion.now_s  # widths
        line.follow(motion)
        fresh = motion.began | (line["extreme_s"] == 0)
        line["extreme"][fresh], line["turn"][fresh], line["extreme_s"][fresh] = x[fresh], x[fresh], now_s
        # Until it has turned once, the direction is the one that it leaves its place in.
        back = (line["extreme"] - x) * line["direction"]
        farther = back < 0
        line["extreme"][farther], line["extreme_s"][farther] = x[farther], now_s
        enough = self.settings.stroke / 2 * motion.size
        undecided = (line["direction"] == 0) & (np.abs(x - line["extreme"]) > enough)
        turned = back > enough
        line["direction"][undecided] = np.sign(x - line["extreme"])[undecided]
        if turned.any():
            self._turn(motion, np.flatnonzero(turned))
        moved = undecided | turned
        line["extreme"][moved], line["extreme_s"][moved] = x[moved], now_s
        over = now_s - line["turn_s"] > self.settings.end_s
        line["chain"][over] = 0
        starts = (line["chain"] >= 2) & (line["on"] == 0) & (motion.open[:, -15:].mean(axis=1) >= self.settings.open)
        if starts.any():
            starts[starts] = self._is_flat(motion, np.flatnonzero(starts))
        line["on"][starts] = 1
        line["on"][line["chain"] == 0] = 0
        active = (line["on"] == 1) & motion.there
        rate = 0.5 / np.maximum(line["period"], SHORTEST_S)
        confidence = margin(line["stroke"], self.settings.stroke)
        return [Told("wave", active, np.minimum(line["chain"] / FULL, 1), confidence, rate, line["stroke"])]

    def _turn(self, motion: Motion, rows: np.ndarray) -> None:
        """The hands of `rows` have turned round where they were farthest."""
        line = self.line
        stroke = np.abs(line["extreme"][rows] - line["turn"][rows]) / motion.size[rows]
        period = line["extreme_s"][rows] - line["turn_s"][rows]
        counts = (stroke >= self.settings.stroke) & (period >= SHORTEST_S) & (period <= self.settings.stroke_s)
        counts &= line["turn_s"][rows] >= 0
        ratio = np.array([stroke, period]) / np.maximum([line["stroke"][rows], line["period"][rows]], 1e-6)
        even = ((ratio < UNEQUAL) & (ratio > 1 / UNEQUAL)).all(axis=0)
        goes_on = counts & ((line["chain"][rows] == 0) | even)
        line["first_s"][rows], line["before_s"][rows] = line["before_s"][rows], line["turn_s"][rows]
        line["chain"][rows] = np.where(goes_on, line["chain"][rows] + 1, counts)
        line["stroke"][rows], line["period"][rows] = stroke, period
        line["turn"][rows], line["turn_s"][rows] = line["extreme"][rows], line["extreme_s"][rows]
        line["direction"][rows] *= -1

    def _is_flat(self, motion: Motion, rows: np.ndarray) -> np.ndarray:
        """Whether the last two strokes go less up and down than from side to side."""
        spread = np.empty((len(rows), 2))
        for number, row in enumerate(rows.tolist()):
            ticks = round((motion.now_s - self.line["first_s"][row]) * TICK_HZ) + 1
            spread[number] = motion.xy[row, -ticks:].std(axis=0)
        return spread[:, 1] <= self.settings.height * spread[:, 0]
