"""A gesture of the user's own, learnt while it is made before the camera: five movements from rest to rest."""

from dataclasses import dataclass

import numpy as np

from handflow.errors import SetupError

from .motion import Lines, Motion
from .paths import TICK_HZ, TICKS
from .templates import OwnGesture, example_of

EXAMPLES = 5
FAST, SLOW = 2.0, 1.0  # sizes/s: where a movement begins, and below which the hand rests
RESTS_S = 0.4  # the rest after it, and a little of the one before
ALIKE = 0.6  # the cosine between an example and the first: less is another movement


@dataclass(slots=True)
class MovementLine:
    """A hand's movement: since when, and when it was last fast."""

    since_s: float | None = None
    moved_s: float = -9.0


class Lesson:
    """Gathers examples; `said` tells how far it is."""

    def __init__(self, name: str) -> None:
        self.name, self.said = name, f"{name}: make it {EXAMPLES} times, with a rest between"
        self.examples: list[tuple[np.ndarray, float, float]] = []
        self._lines = Lines(MovementLine)

    def step(self, motion: Motion) -> OwnGesture | None:
        """One frame. The gesture, as soon as there are enough examples."""
        self._lines.follow(motion)
        for slot in motion.slots:
            line = self._lines[slot]
            if motion.speed[slot] > (FAST if line.since_s is None else SLOW):
                line.since_s = motion.now_s if line.since_s is None else line.since_s
                line.moved_s = motion.now_s
            elif line.since_s is not None and motion.now_s - line.moved_s > RESTS_S:
                self._take(motion, slot, motion.now_s - line.since_s + RESTS_S)
                line.since_s = None
        if len(self.examples) < EXAMPLES:
            return None
        self.said = f"{self.name}: learnt"
        paths, seconds, lengths = zip(*self.examples, strict=True)
        return OwnGesture(
            paths=[[(x, y) for x, y in path.round(4).tolist()] for path in paths],
            seconds=list(seconds),
            lengths=list(lengths),
        )

    def _take(self, motion: Motion, slot: int, seconds: float) -> None:
        ticks = min(round(seconds * TICK_HZ), motion.ticks[slot], TICKS)
        if ticks < RESTS_S * TICK_HZ:
            return
        path = motion.path(slot, ticks)
        try:
            example = example_of(np.arange(ticks) / TICK_HZ, np.stack([path.real, path.imag], axis=1))
        except SetupError:
            # A hand that shakes at rest is no example.
            return
        if self.examples and float((self.examples[0][0] * example[0]).sum()) < ALIKE:
            self.said = f"{self.name}: that was another movement than the first; {len(self.examples)} of {EXAMPLES}"
            return
        self.examples.append(example)
        self.said = f"{self.name}: {len(self.examples)} of {EXAMPLES}"
