"""What two hands of one person do: clap, spread, pinch, both up. Each is told once, with the hand of the lower slot."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .paths import TICK_HZ
from .told import Told, margin

CLAP_TICKS = 14  # together and apart again
CLAP_SPEED = 6.0  # sizes/s at which the hands come together
SHARE = 0.25  # of the way that the lesser of the two goes
TILTED = 0.5  # of the gap: how far one may come from above the other
TOGETHER, APART = 0.6, 0.4  # cosines: so much against each other they come together, and part
BESIDE = 0.7  # a cosine: so much the same way hands go side by side
SPREAD_TICKS = 30
SHOWN_S = 0.3
FULL = 2.0  # times the distance that it takes: progress 1
STILL = 1.2  # sizes/s: a spread ends when the hands are slower
RESTS = 0.8  # sizes/s: where both hands are slower, nothing begins


class TwoHandSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When two hands clap, spread and pinch."""

    touch: Annotated[float, Range(0.1, 3)] = 1.0  # sizes between the middles of hands that clap
    rebound: Annotated[float, Range(0.1, 5)] = 0.6  # sizes: so far they come from farther away, and part again
    spread: Annotated[float, Range(0.5, 20)] = 3.8  # sizes that the distance grows or shrinks by


@dataclass(slots=True)
class PairLine:
    """What a pair of hands did last; the line of the lower slot."""

    clap_s: float = -9.0
    way: int = 0  # 1: it spreads, -1: it pinches
    slow_s: float = 0.0  # when it last did so fast
    progress: float = 0.0
    confidence: float = 0.0


class TwoHandDetector:
    """Tells what pairs of hands do."""

    def __init__(self, settings: TwoHandSettings) -> None:
        self.settings = settings
        self.lines = Lines(PairLine)

    def step(self, motion: Motion, other: list[int], raised: Container[int]) -> list[Told]:
        """`other`: each slot's other hand; `raised`: slots of hands that are raised."""
        self.lines.follow(motion)
        told: list[Told] = []
        pairs = []
        for first in motion.slots:
            line, second = self.lines[first], other[first]
            if second <= first:
                line.way = 0
                continue
            pairs.append((first, second))
            if first in raised and second in raised:
                told.append(Told("both_up", first, other=second))
        if motion.looks:
            moving = [pair for pair in pairs if self._moves(motion, *pair)]
            if moving:
                self._look(motion, moving)
        for first, second in pairs:
            line = self.lines[first]
            if motion.now_s - line.clap_s <= SHOWN_S:
                told.append(Told("clap", first, 1.0, line.confidence, other=second))
            if line.way:
                name = "spread" if line.way > 0 else "pinch"
                told.append(Told(name, first, line.progress, line.confidence, other=second))
        return told

    def _moves(self, motion: Motion, first: int, second: int) -> bool:
        return self.lines[first].way != 0 or max(motion.speed[first], motion.speed[second]) > RESTS

    def _look(self, motion: Motion, pairs: list[tuple[int, int]]) -> None:
        """What these pairs begin, and how far what they do is."""
        rows = np.array(pairs)
        a, b = motion.places[rows[:, 0], -SPREAD_TICKS:], motion.places[rows[:, 1], -SPREAD_TICKS:]
        gaps = np.abs(a - b) / np.sqrt(motion.sizes[rows[:, 0]] * motion.sizes[rows[:, 1]])[:, None]  # (pairs, ticks)
        now, before = gaps[:, -1].tolist(), gaps[:, -4].tolist()
        least, most = (reduce(gaps, axis=1).tolist() for reduce in (np.minimum.reduce, np.maximum.reduce))
        touched = np.minimum.reduce(gaps[:, -CLAP_TICKS:], axis=1).tolist()
        for row, (first, second) in enumerate(pairs):
            line = self.lines[first]
            if touched[row] <= self.settings.touch and now[row] - touched[row] >= self.settings.rebound:
                self._clap(motion, line, first, second, gaps[row, -CLAP_TICKS:].tolist())
            if not line.way:
                opened, closed = now[row] - least[row], most[row] - now[row]
                if max(opened, closed) >= self.settings.spread:
                    self._spread(motion, line, first, second, 1 if opened > closed else -1, max(opened, closed))
            if line.way:
                self._go_on(motion, line, now[row] - (least if line.way > 0 else most)[row], now[row] - before[row])

    def _go_on(self, motion: Motion, line: PairLine, change: float, moved: float) -> None:
        """A spread or a pinch goes on until the hands are slow; `moved`: by so much their gap grew in three ticks."""
        line.progress = min(max(line.way * change / (FULL * self.settings.spread), 0.0), 1.0)
        if moved * line.way * TICK_HZ / 3 > STILL:
            line.slow_s = motion.now_s
        if motion.now_s - line.slow_s > SHOWN_S:
            line.way = 0

    def _clap(self, motion: Motion, line: PairLine, first: int, second: int, gap: list[float]) -> None:
        """`gap`: of CLAP_TICKS."""
        settings = self.settings
        at = gap.index(min(gap))
        highest = gap.index(max(gap[: at + 1]))
        closed, parted = gap[highest] - gap[at], gap[-1] - gap[at]
        if (
            parted < settings.rebound
            or closed < 2 * settings.rebound
            or closed < CLAP_SPEED / TICK_HZ * max(at - highest, 1)
            or motion.now_s - line.clap_s <= SHOWN_S * 0.8
            or min(motion.ticks[first], motion.ticks[second]) < CLAP_TICKS
            or not motion.seen[first]
        ):
            return
        a, b = _of_a_pair(motion, first, second, CLAP_TICKS)
        between = a - b
        # Hands come from the sides; those that swing past each other change them.
        if abs(between[highest].imag) > TILTED * gap[highest]:
            return
        if (between[highest] * between[-1].conj()).real <= 0.5 * gap[highest] * gap[-1]:
            return
        for begun, ended, least, way in (
            (highest, at, SHARE * closed, TOGETHER),
            (at, -1, SHARE * settings.rebound, APART),
        ):
            moves = complex(a[ended] - a[begun]), complex(b[ended] - b[begun])
            lesser, product = min(map(abs, moves)), (moves[0] * moves[1].conjugate()).real
            if lesser < least or product > -way * abs(moves[0]) * abs(moves[1]):
                return
        line.clap_s, line.confidence = motion.now_s, margin(closed, 2 * settings.rebound)

    def _spread(self, motion: Motion, line: PairLine, first: int, second: int, way: int, change: float) -> None:
        if min(motion.ticks[first], motion.ticks[second]) < SPREAD_TICKS:
            return
        a, b = _of_a_pair(motion, first, second, SPREAD_TICKS)
        between = b - a
        axis = between / np.maximum(np.abs(between), 1e-6)
        # How much each goes outwards in a tick; only what both do at a time counts.
        middle = ((axis[1:] + axis[:-1]) / 2).conj()
        out_a, out_b = -(np.diff(a) * middle).real, (np.diff(b) * middle).real
        out_a, out_b = ((out[:-2] + 2 * out[1:-1] + out[2:]) / 4 for out in (out_a, out_b))
        shared = 2 * float(np.maximum(np.minimum(way * out_a, way * out_b), 0).sum())
        if shared >= 0.75 * self.settings.spread:
            line.way, line.slow_s, line.confidence = way, motion.now_s, margin(change, self.settings.spread)


def moving_together(motion: Motion, first: int, second: int) -> bool:
    """Whether two hands went opposite ways in the last moment, or side by side."""
    a, b = (complex(motion.path(slot, CLAP_TICKS)[0]) for slot in (first, second))
    alike, lesser = (a * b.conjugate()).real, min(abs(a), abs(b))
    return (alike < 0 and lesser > 0.3) or (alike > BESIDE * abs(a) * abs(b) and lesser > max(abs(a), abs(b)) / 2)


def _of_a_pair(motion: Motion, first: int, second: int, ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """(ticks,) x + iy of each, in their sizes."""
    a, b = motion.places[first, -ticks:], motion.places[second, -ticks:]
    size = np.sqrt(motion.size[first] * motion.size[second])
    return (a - a[-1]) / size, (b - a[-1]) / size
