"""A circle: the path winds once round a middle that it keeps its distance to. Told after the first turn."""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns, margin
from .told import Told

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


class CircleSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand draws a circle."""

    radius: Annotated[float, Range(0.2, 10)] = 0.8  # sizes, at least
    largest: Annotated[float, Range(0.5, 20)] = 4.0


class CircleDetector:
    """Tells circles."""

    def __init__(self, settings: CircleSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(way=0, seen_s=-9, turns=0, confidence=0, rate=0, radius=0)
        self._picks = np.array([np.linspace(-w, -1, POINTS).round().astype(int) for w in WINDOWS])
        self._window_s = np.array(WINDOWS) / 30

    def step(self, motion: Motion) -> list[Told]:
        line, now_s = self.line, motion.now_s
        line.follow(motion)
        reach = np.abs(motion.xy[:, -1] - motion.xy[:, -WINDOWS[0] // 2]).max(axis=1)
        rows = np.flatnonzero(motion.known(WINDOWS[0] / 30) & (reach > 0.5 * self.settings.radius))
        if len(rows):
            self._judge(motion, rows)
        over = now_s - line["seen_s"] > END_S
        line["way"][over], line["turns"][over] = 0, 0
        progress = np.minimum(line["turns"] / FULL, 1)
        return [
            Told(name, motion.there & (line["way"] == way), progress, line["confidence"], line["rate"], line["radius"])
            for name, way in zip(NAMES, (1, -1), strict=True)
        ]

    def lately(self, now_s: float) -> np.ndarray:
        """Slots of hands that have just drawn one: where they stop, they are not raised."""
        return now_s - self.line["seen_s"] < AFTER_S

    def _judge(self, motion: Motion, rows: np.ndarray) -> None:
        line = self.line
        points = motion.xy[rows][:, self._picks]  # (rows, windows, points, 2)
        z = points[..., 0] + 1j * points[..., 1]
        z = z - z.mean(axis=2, keepdims=True)
        steps = np.angle(z[:, :, 1:] * z[:, :, :-1].conj())
        turned = steps.sum(axis=2)
        distance = np.abs(z)
        radius = distance.mean(axis=2)
        off = distance.std(axis=2)
        good = (np.abs(turned) >= TURNS * 2 * np.pi) & (off <= ROUND * radius)
        good &= np.abs(turned) >= SAME_WAY * np.abs(steps).sum(axis=2)
        good &= np.abs(steps).max(axis=2) <= WIDEST
        good &= (radius >= self.settings.radius) & (radius <= self.settings.largest)
        good &= motion.ticks[rows, None] >= WINDOWS
        # The shortest window says best how it is now.
        best = good.argmax(axis=1)
        found = np.flatnonzero(good.any(axis=1))
        slots, best = rows[found], best[found]
        angle, seconds = turned[found, best], self._window_s[best]
        # y goes down, so a positive angle is clockwise as people see it.
        way = np.sign(angle)
        rate = np.abs(angle) / (2 * np.pi) / seconds
        goes_on = line["way"][slots] == way
        line["turns"][slots] = np.where(goes_on, line["turns"][slots] + rate * motion.step_s, 1.0)
        line["way"][slots], line["seen_s"][slots], line["rate"][slots] = way, motion.now_s, rate
        line["radius"][slots] = radius[found, best]
        line["confidence"][slots] = margin(radius[found, best], self.settings.radius)
