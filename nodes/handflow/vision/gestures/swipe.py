"""A swipe: one fast straight stroke that begins from rest and stops. Told as the hand slows down.

The way back is none, and neither are the strokes of a wave: they do not begin from rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .paths import SPAN, TICK_HZ
from .told import Told, margin

NAMES = ("swipe_left", "swipe_right", "swipe_up", "swipe_down")
DOWN = NAMES.index("swipe_down")
LOOK_TICKS = 27  # a swipe lasts for less
FAST, SLOWED = 0.25, 0.57  # of its highest speed: where it begins, and where it is told
REST_TICKS, REST = 15, 0.14  # before it the hand has gone less than this part of its length, for so long
SUDDEN = 3.2  # of its length in a second: slower at its fastest, a hand is raised or lowered
ASIDE = 0.5  # of its length: how far it may go along the other axis
BENT = 0.2  # of its length: how far it may leave the straight line
AGAIN_S, BACK_S = 0.4, 1.4  # after one there is none for so long, and none the other way
SHOWN_S = 0.3
RETURN_S = 2.4  # a hand that swiped is back where it was


class SwipeSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand swipes."""

    length: Annotated[float, Range(0.5, 20)] = 2.8  # sizes, at least
    speed: Annotated[float, Range(1, 100)] = 8.0  # sizes/s, at its fastest at least
    longest_s: Annotated[float, Range(0.1, 0.7)] = 0.34  # and as much longer as a frame
    open: Annotated[float, Range(0, 1)] = 0.25  # at least, before a swipe down: hands are lowered all the time


@dataclass(slots=True)
class SwipeLine:
    """A hand's highest speed of late, and its last swipe."""

    top: float = 0.0  # sizes/s
    top_s: float = -9.0
    told_s: float = -9.0
    kind: int = -1  # of NAMES
    confidence: float = 0.0


class SwipeDetector:
    """Tells swipes."""

    def __init__(self, settings: SwipeSettings) -> None:
        self.settings = settings
        self.lines = Lines(SwipeLine)

    def step(self, motion: Motion, in_pair: Callable[[int], bool]) -> list[Told]:
        """`in_pair`: whether a slot's other hand moves with it, as in a clap or when arms are lowered: no swipe."""
        lines, now_s, settings, told = self.lines, motion.now_s, self.settings, []
        lines.follow(motion)
        for slot in motion.slots:
            line, speed = lines[slot], motion.speed[slot]
            if speed >= line.top or now_s - line.top_s > settings.longest_s + motion.step_s:
                line.top, line.top_s = speed, now_s
            if (
                line.top >= settings.speed
                and speed <= SLOWED * line.top
                and now_s - line.told_s > AGAIN_S
                and motion.seen[slot]
                and (kind := self._judge(motion, slot, line)) is not None
                and not in_pair(slot)
            ):
                line.told_s, line.kind = now_s, kind
            if now_s - line.told_s <= SHOWN_S:
                told.append(Told(NAMES[line.kind], slot, 1.0, line.confidence))
        return told

    def busy_until(self, slot: int) -> float:
        """When a hand that swiped up or down is back: where it stays or goes back to, it is not raised."""
        line = self.lines[slot]
        return line.told_s + RETURN_S if line.kind >= NAMES.index("swipe_up") else -9.0

    def _judge(self, motion: Motion, slot: int, line: SwipeLine) -> int | None:
        """Which of NAMES the stroke is that ends now."""
        path = motion.path(slot, LOOK_TICKS + SPAN + REST_TICKS)
        if float(np.abs(path[-LOOK_TICKS:]).max()) < self.settings.length:
            return None
        speeds = np.abs(path[SPAN:] - path[:-SPAN])[-LOOK_TICKS:] * (TICK_HZ / SPAN)
        top = int(speeds.argmax())
        fast = speeds > FAST * float(speeds[top])
        slow = np.flatnonzero(~fast[:top])
        if not len(slow):
            return None
        first = int(slow[-1])
        ended = int(np.flatnonzero(fast)[-1])
        begun = len(path) - LOOK_TICKS + first - SPAN + 1
        start = complex(path[begun])
        way = complex(path[-1]) - start
        length, across, up = abs(way), abs(way.real), abs(way.imag)
        if (
            length < self.settings.length
            or speeds[top] < SUDDEN * length
            or (ended - first) / TICK_HZ > self.settings.longest_s + motion.step_s
        ):
            return None
        bent = float(np.abs(((path[-LOOK_TICKS + first :] - start) * way.conjugate()).imag).max()) / length**2
        before = float(np.abs(path[begun - REST_TICKS : begun] - start).max())
        kind = 0 + (way.real > 0) if across > up else 2 + (way.imag > 0)
        since_s = motion.now_s - line.told_s
        back = kind == line.kind ^ 1 and since_s < BACK_S
        if (
            min(across, up) <= ASIDE * max(across, up)
            and bent <= BENT
            and before <= REST * length
            and not back
            and motion.ticks[slot] >= len(path) - begun + REST_TICKS
            and (kind != DOWN or motion.open_over(slot, REST_TICKS, len(path) - begun) >= self.settings.open)
        ):
            line.confidence = margin(length, self.settings.length)
            return kind
        return None
