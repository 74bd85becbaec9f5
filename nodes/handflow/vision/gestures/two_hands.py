"""What two hands of one person do: clap, spread, pinch, both up. Each is told once, with the hand of the lower slot."""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns, margin
from .paths import TICK_HZ
from .told import Told

CLAP_TICKS = 14  # together and apart again
CLAP_SPEED = 6.0  # sizes/s at which the hands come together
SHARE = 0.25  # of the way that the lesser of the two goes
SPREAD_TICKS = 30
SHOWN_S = 0.3
FULL = 2.0  # times the distance that it takes: progress 1
STILL = 1.2  # sizes/s: a spread ends when the hands are slower


class TwoHandSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When two hands clap, spread and pinch."""

    touch: Annotated[float, Range(0.1, 3)] = 1.0  # sizes between the middles of hands that clap
    rebound: Annotated[float, Range(0.1, 5)] = 0.6  # sizes: so far they come from farther away, and part again
    spread: Annotated[float, Range(0.5, 20)] = 3.8  # sizes that the distance grows or shrinks by


class TwoHandDetector:
    """Tells what pairs of hands do."""

    def __init__(self, settings: TwoHandSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(clap_s=-9, clap=0, way=0, progress=0, slow_s=0, confidence=0)

    def mirrored(self, motion: Motion, other: np.ndarray) -> np.ndarray:
        """Which hands go the opposite way of their other hand, or went in the last moment."""
        first = np.flatnonzero(other >= 0)
        found = np.zeros(motion.capacity, bool)
        if len(first):
            second = other[first].astype(int)
            moves = motion.xy[:, -1] - motion.xy[:, -CLAP_TICKS]
            a, b = moves[first], moves[second]
            least = np.minimum(np.hypot(*a.T), np.hypot(*b.T))
            found[first] = ((a * b).sum(axis=1) < 0) & (least > 0.3)
        return found

    def step(self, motion: Motion, other: np.ndarray, raised: np.ndarray) -> list[Told]:
        self.line.follow(motion)
        first = np.flatnonzero(other > np.arange(motion.capacity))
        second = other[first].astype(int)
        line, one = self.line, np.ones(motion.capacity)
        if len(first):
            size = np.sqrt(motion.size[first] * motion.size[second])
            here = motion.places[first, -1:]
            paths = [(motion.places[rows] - here) / size[:, None, None] for rows in (first, second)]
            known = np.minimum(motion.ticks[first], motion.ticks[second])
            self._clap(motion, first, paths, known)
            self._spread(motion, first, paths, known)
        paired = other > np.arange(motion.capacity)
        line["way"][~paired] = 0
        both = paired & raised
        both[first] &= raised[second]
        clapped = paired & (motion.now_s - line["clap_s"] <= SHOWN_S)
        told = [
            Told("clap", clapped, one, line["confidence"]),
            Told("spread", paired & (line["way"] == 1), line["progress"], line["confidence"]),
            Told("pinch", paired & (line["way"] == -1), line["progress"], line["confidence"]),
            Told("both_up", both, one, one),
        ]
        return [each._replace(with_=other) for each in told]

    def _clap(self, motion: Motion, first: np.ndarray, paths: list[np.ndarray], known: np.ndarray) -> None:
        line, settings = self.line, self.settings
        a, b = (path[:, -CLAP_TICKS:] for path in paths)
        gap = np.hypot(*np.moveaxis(a - b, 2, 0))
        row, at = np.arange(len(first)), gap.argmin(axis=1)
        ticks = np.arange(CLAP_TICKS)
        before = np.where(ticks <= at[:, None], gap, 0)
        highest = before.argmax(axis=1)
        closed = before.max(axis=1) - gap[row, at]
        speed = closed / np.maximum(at - highest, 1) * TICK_HZ
        good = (gap[row, at] <= settings.touch) & (closed >= 2 * settings.rebound) & (speed >= CLAP_SPEED)
        good &= (gap[:, -1] - gap[row, at] >= settings.rebound) & (at < CLAP_TICKS - 1)
        good &= (known >= CLAP_TICKS) & (motion.now_s - line["clap_s"][first] > SHOWN_S * 0.8)
        # Hands that swing past each other change sides.
        between = a - b
        good &= (between[row, highest] * between[:, -1]).sum(axis=1) > 0.5 * gap[row, highest] * gap[:, -1]
        good &= motion.seen[first]
        for way in (a, b):
            there = np.hypot(*(way[row, at] - way[row, highest]).T)
            again = np.hypot(*(way[:, -1] - way[row, at]).T)
            good &= (there >= SHARE * closed) & (again >= SHARE * settings.rebound)
        told = first[good]
        line["clap_s"][told], line["confidence"][told] = motion.now_s, margin(closed[good], 2 * settings.rebound)

    def _spread(self, motion: Motion, first: np.ndarray, paths: list[np.ndarray], known: np.ndarray) -> None:
        line, needed = self.line, self.settings.spread
        a, b = (path[:, -SPREAD_TICKS:] for path in paths)
        between = b - a
        gap = np.hypot(between[:, :, 0], between[:, :, 1])
        axis = between / np.maximum(gap, 1e-6)[:, :, None]
        # How much each goes outwards in a tick; only what both do at a time counts.
        middle = (axis[:, 1:] + axis[:, :-1]) / 2
        out_a, out_b = -(np.diff(a, axis=1) * middle).sum(axis=2), (np.diff(b, axis=1) * middle).sum(axis=2)
        smooth = np.array([0.25, 0.5, 0.25])
        out_a, out_b = (o[:, :-2] * smooth[0] + o[:, 1:-1] * smooth[1] + o[:, 2:] * smooth[2] for o in (out_a, out_b))
        for way in (1, -1):
            shared = 2 * np.maximum(np.minimum(way * out_a, way * out_b), 0).sum(axis=1)
            change = way * (gap[:, -1] - (gap.min(axis=1) if way == 1 else gap.max(axis=1)))
            starts = (
                (shared >= 0.75 * needed) & (change >= needed) & (known >= SPREAD_TICKS) & (line["way"][first] == 0)
            )
            line["way"][first[starts]], line["confidence"][first[starts]] = way, margin(change, needed)[starts]
            line["slow_s"][first[starts]] = motion.now_s
            on = line["way"][first] == way
            line["progress"][first[on]] = np.clip(change[on] / (FULL * needed), 0, 1)
        rate = (gap[:, -1] - gap[:, -4]) * TICK_HZ / 3 * line["way"][first]
        line["slow_s"][first[rate > STILL]] = motion.now_s
        line["way"][first[motion.now_s - line["slow_s"][first] > SHOWN_S]] = 0
