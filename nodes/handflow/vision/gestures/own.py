"""Gestures of the user's own: whether the path that ends now is one of the examples. Told as the hand slows down."""

from dataclasses import dataclass

import numpy as np

from .motion import Lines, Motion
from .paths import TICK_HZ, TICKS
from .templates import OwnGesture, normalised, threshold
from .told import Told

PACES = (0.7, 0.85, 1.0, 1.2, 1.45)  # of the examples' time
LENGTHS = 1.8  # times as long, or as short
SLOWED = 0.5  # of its highest speed: then the gesture has ended
SHOWN_S, AGAIN_S = 0.3, 0.7


@dataclass(slots=True)
class OwnLine:
    """When a hand last made the gesture."""

    told_s: float = -9.0
    confidence: float = 0.0


class OwnDetector:
    """Tells gestures that examples taught."""

    def __init__(self, gestures: dict[str, OwnGesture]) -> None:
        self.gestures = gestures
        self.lines = {name: Lines(OwnLine) for name in gestures}
        self._paths = {name: np.array(each.paths) for name, each in gestures.items()}
        self._alike = {name: threshold(paths) for name, paths in self._paths.items()}

    def step(self, motion: Motion) -> list[Told]:
        told = []
        for name, gesture in self.gestures.items():
            lines = self.lines[name]
            lines.follow(motion)
            seconds = float(np.median(gesture.seconds))
            ticks = sorted({min(max(round(seconds * pace * TICK_HZ), 4), TICKS) for pace in PACES})
            slowest = 0.5 * float(np.median(gesture.lengths)) / seconds
            steps = np.abs(np.diff(motion.places[:, -ticks[-1] :], axis=1)).max(axis=1)
            highest = (steps * TICK_HZ / motion.sizes).tolist()
            for slot in motion.slots:
                line = lines[slot]
                ended = motion.seen[slot] and highest[slot] > slowest and motion.speed[slot] < SLOWED * highest[slot]
                if ended and motion.now_s - line.told_s > AGAIN_S:
                    self._judge(motion, name, slot, line, ticks)
                if motion.now_s - line.told_s <= SHOWN_S:
                    told.append(Told(name, slot, 1.0, line.confidence))
        return told

    def _judge(self, motion: Motion, name: str, slot: int, line: OwnLine, ticks: list[int]) -> None:
        usual = np.median(self.gestures[name].lengths)
        # What was told already is no part of the next one.
        since = (motion.now_s - line.told_s) * TICK_HZ
        best = 0.0
        for count in ticks:
            if count > min(motion.ticks[slot], since):
                continue
            points = motion.path(slot, count)
            path, length = normalised(np.stack([points.real, points.imag], axis=1)[None])
            if usual / LENGTHS <= length[0] <= usual * LENGTHS:
                best = max(best, float((self._paths[name] * path).sum(axis=(1, 2)).max()))
        if best >= self._alike[name]:
            line.told_s, line.confidence = motion.now_s, best
