"""Gestures of the user's own: whether the path that ends now is one of the examples. Told as the hand slows down."""

import numpy as np

from .motion import Motion, SlotColumns
from .paths import TICK_HZ
from .templates import OwnGesture, normalised, threshold
from .told import Told

PACES = (0.7, 0.85, 1.0, 1.2, 1.45)  # of the examples' time
LENGTHS = 1.8  # times as long, or as short
SLOWED = 0.5  # of its highest speed: then the gesture has ended
SHOWN_S, AGAIN_S = 0.3, 0.7


class OwnDetector:
    """Tells gestures that examples taught."""

    def __init__(self, gestures: dict[str, OwnGesture]) -> None:
        self.gestures = gestures
        self.lines = {name: SlotColumns(told_s=-9, confidence=0) for name in gestures}
        self._paths = {name: np.array(each.paths) for name, each in gestures.items()}
        self._alike = {name: threshold(paths) for name, paths in self._paths.items()}

    def step(self, motion: Motion) -> list[Told]:
        told = []
        for name, gesture in self.gestures.items():
            line = self.lines[name]
            line.follow(motion)
            seconds = float(np.median(gesture.seconds))
            ticks = sorted({min(max(round(seconds * pace * TICK_HZ), 4), motion.xy.shape[1]) for pace in PACES})
            steps = np.diff(motion.xy[:, -ticks[-1] :], axis=1)
            highest = np.hypot(steps[:, :, 0], steps[:, :, 1]).max(axis=1) * TICK_HZ
            ended = motion.seen & motion.known(ticks[0] / TICK_HZ) & (motion.speed < SLOWED * highest)
            ended &= (highest > 0.5 * np.median(gesture.lengths) / seconds) & (motion.now_s - line["told_s"] > AGAIN_S)
            for slot in np.flatnonzero(ended).tolist():
                self._judge(motion, name, slot, ticks)
            shown = motion.there & (motion.now_s - line["told_s"] <= SHOWN_S)
            told.append(Told(name, shown, np.ones(motion.capacity), line["confidence"]))
        return told

    def _judge(self, motion: Motion, name: str, slot: int, ticks: list[int]) -> None:
        usual = np.median(self.gestures[name].lengths)
        # What was told already is no part of the next one.
        since = (motion.now_s - self.lines[name]["told_s"][slot]) * TICK_HZ
        best = 0.0
        for count in ticks:
            if count > min(motion.ticks[slot], since):
                continue
            path, length = normalised(motion.xy[None, slot, -count:])
            if usual / LENGTHS <= length[0] <= usual * LENGTHS:
                best = max(best, float((self._paths[name] * path).sum(axis=(1, 2)).max()))
        if best >= self._alike[name]:
            self.lines[name]["told_s"][slot], self.lines[name]["confidence"][slot] = motion.now_s, best
