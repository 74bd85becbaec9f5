"""A circle: the path winds once round a middle that it keeps its distance to. Told after the first turn."""

import cmath
import math
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .paths import TICK_HZ
from .told import Told, margin

NAMES = ("circle_clockwise", "circle_counterclockwise")
WINDOWS = (18, 26, 38, 56, 82)  # ticks; the longest turn takes 2.7 s
POINTS = 16  # of each window that are looked at
TURNS = 1.0  # of a turn: seen as a whole one
ROUND = 0.25  # the distances' deviation from their mean, of that
SAME_WAY = 0.95  # of all angles gone through
WIDEST = 1.15  # radians from point to point: to and fro on a line, it leaps from end to end
END_S = 0.35
AFTER_S = 2.0
FULL = 3.0  # turns: progress 1
# Whether it is worth while to look: so far the way has turned of late, while the hand was so fast.
BENT, FADES_S, BENDS, SPEED = 3.6, 3.0, 1.4, 1.5
LOOK_S = 0.09  # and how often


class CircleSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand draws a circle."""

    radius: Annotated[float, Range(0.2, 10)] = 0.8  # sizes, at least
    largest: Annotated[float, Range(0.5, 20)] = 4.0


@dataclass(slots=True)
class CircleLine:
    """The circle that a hand draws, if it draws one."""

    velocity: complex = 0j  # sizes/s, a step before
    bent: float = 0.0  # radians: how far the way has turned, what is long ago forgotten
    way: int = 0  # 1 clockwise, -1 counterclockwise
    seen_s: float = -9.0
    turns: float = 0.0
    confidence: float = 0.0
    rate: float = 0.0
    radius: float = 0.0


class CircleDetector:
    """Tells circles."""

    def __init__(self, settings: CircleSettings) -> None:
        self.settings = settings
        self.lines = Lines(CircleLine)
        self._looked_s = -9.0
        self._picks = np.array([np.linspace(-w, -1, POINTS).round().astype(int) for w in WINDOWS])

    def step(self, motion: Motion) -> list[Told]:
        lines, now_s, told, rows = self.lines, motion.now_s, [], []
        lines.follow(motion)
        faded = math.exp(-motion.step_s / FADES_S)
        for slot in motion.slots:
            line, velocity = lines[slot], motion.velocity[slot]
            line.bent *= faded
            if motion.speed[slot] > SPEED:
                # A hand that turns round turns either way.
                if abs(bend := cmath.phase(velocity * line.velocity.conjugate())) < BENDS:
                    line.bent += bend
                line.velocity = velocity
                if abs(line.bent) > BENT and motion.ticks[slot] >= WINDOWS[0]:
                    rows.append(slot)
        if rows and not 0 <= now_s - self._looked_s < LOOK_S:
            self._looked_s = now_s
            self._judge(motion, rows)
        for slot in motion.slots:
            line = lines[slot]
            if line.way and now_s - line.seen_s > END_S:
                line.way, line.turns = 0, 0.0
            if line.way:
                progress = min(line.turns / FULL, 1.0)
                told.append(Told(NAMES[line.way < 0], slot, progress, line.confidence, line.rate, line.radius))
        return told

    def busy_until(self, slot: int) -> float:
        """When a hand that drew one is back: where it stops, it is not raised."""
        return self.lines[slot].seen_s + AFTER_S

    def _judge(self, motion: Motion, rows: list[int]) -> None:
        """All these hands at once, for all windows."""
        z = motion.places[rows][:, self._picks] / motion.sizes[rows][:, None, None]  # (rows, windows, points)
        z -= z.mean(axis=2, keepdims=True)
        steps = np.angle(z[:, :, 1:] * z[:, :, :-1].conj())
        turned = steps.sum(axis=2)
        distance = np.abs(z)
        radius = distance.mean(axis=2)
        whole, turns = np.abs(turned), np.abs(steps)
        good = (whole >= TURNS * 2 * np.pi) & (whole >= SAME_WAY * turns.sum(axis=2)) & (turns.max(axis=2) <= WIDEST)
        good &= (radius >= self.settings.radius) & (radius <= self.settings.largest)
        good &= distance.std(axis=2) <= ROUND * radius
        for row, slot in enumerate(rows):
            fits = [at for at, ticks in enumerate(WINDOWS) if good[row, at] and motion.ticks[slot] >= ticks]
            if fits:
                # The shortest window says best how it is now.
                self._found(motion, slot, float(turned[row, fits[0]]), WINDOWS[fits[0]], float(radius[row, fits[0]]))

    def _found(self, motion: Motion, slot: int, angle: float, ticks: int, radius: float) -> None:
        line = self.lines[slot]
        # y goes down, so a positive angle is clockwise as people see it.
        way = 1 if angle > 0 else -1
        rate = abs(angle) / math.tau / (ticks / TICK_HZ)
        line.turns = line.turns + rate * (motion.now_s - line.seen_s) if way == line.way else 1.0
        line.way, line.seen_s, line.rate, line.radius = way, motion.now_s, rate, radius
        line.confidence = margin(radius, self.settings.radius)
