"""A raise: the hand is held well above where it came from, until it has come halfway down again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .paths import TICK_HZ, TICKS, Y
from .told import Told, margin

STEADY_TICKS, STEADY = 6, 0.6  # held: it moves by less than so many sizes in a fifth of a second
FIRST_LOOK = 0.9  # of its height: then it is looked at closely
PAUSE = 0.05  # of its highest speed: slower on the way, it has stopped
SWIPES = 3.05  # of its height in a second: faster, it is a swipe
QUICKEST_S = 0.38  # from a tenth of its height to nine
RETURNS = 0.5  # of its height: where it was lately, it only comes back to
LEANING = 1.0  # of its height: how far it may go sideways


class RaiseSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand is raised."""

    height: Annotated[float, Range(0.5, 20)] = 4.0  # sizes above where it came from
    longest_s: Annotated[float, Range(0.2, 2.8)] = 1.8  # the way up and a moment of holding


@dataclass(slots=True)
class RaiseLine:
    """A raised hand."""

    on: bool = False
    floor: float = 0.0  # widths down: where it came from, and the highest it was
    top: float = 0.0
    seen_s: float = -9.0  # when it was so last
    confidence: float = 0.0


class RaiseDetector:
    """Tells raised hands."""

    def __init__(self, settings: RaiseSettings) -> None:
        self.settings = settings
        self.lines = Lines(RaiseLine)

    def step(self, motion: Motion, busy_until: Callable[[int], float]) -> list[Told]:
        """`busy_until`: when a slot's hand is back from what it did last, if that was a swipe or a circle."""
        lines, told = self.lines, []
        lines.follow(motion)
        ticks = round(self.settings.longest_s * TICK_HZ)
        heights = self._heights(motion, ticks) if motion.looks else None
        for slot in motion.slots:
            line, y = lines[slot], motion.place[slot].imag
            if heights and not line.on and heights[slot] >= FIRST_LOOK * self.settings.height:
                since = min(ticks, int((motion.now_s - busy_until(slot)) * TICK_HZ))
                if since > 0 and motion.seen[slot] and motion.known(slot, 0.3):
                    self._judge(motion, slot, line, since)
            elif line.on:
                line.top, line.seen_s = min(line.top, y), motion.now_s
                line.on = y <= (line.floor + line.top) / 2
            if line.on:
                told.append(Told("raise", slot, 1.0, line.confidence))
        return told

    def _heights(self, motion: Motion, ticks: int) -> list[float]:
        """How high each hand is above where it was, seen from a single sample: a little too high."""
        down = motion.history[Y, :, -ticks:]
        heights: list[float] = ((np.maximum.reduce(down, axis=1) - down[:, -1]) / motion.sizes).tolist()
        return heights

    def _judge(self, motion: Motion, slot: int, line: RaiseLine, ticks: int) -> None:
        path = motion.path(slot, TICKS)
        from_below = TICKS - ticks + int(path[-ticks:].imag.argmax())
        height, aside = float(path[from_below].imag), abs(float(path[from_below].real))
        held = path[-STEADY_TICKS:]
        steady = max(float(np.ptp(held.real)), float(np.ptp(held.imag))) <= STEADY
        if not steady or height < self.settings.height or aside > LEANING * height:
            return
        # Since it was raised last: it may be raised again.
        since = max(TICKS - int((motion.now_s - line.seen_s) * TICK_HZ), 0)
        before = path[min(since, from_below) : from_below + 1].imag.min()
        if height - before <= RETURNS * height and self._at_once(path[from_below:]):
            y = motion.place[slot].imag
            line.on, line.top, line.floor = True, y, y + height * motion.size[slot]
            line.confidence = margin(height, self.settings.height)

    def _at_once(self, path: np.ndarray) -> bool:
        """Whether a hand came up in one movement: who talks with the hands gets there by and by; who swipes, faster."""
        risen = path[0].imag - path.imag
        height = risen[-1]
        first = int(np.flatnonzero(risen < 0.1 * height)[-1])
        last = max(int(np.flatnonzero(risen >= 0.9 * height)[0]), first + 1)
        speed = np.convolve(np.diff(risen), np.full(3, TICK_HZ / 3), "same")
        fastest = speed.max()
        return (
            QUICKEST_S <= (last - first) / TICK_HZ <= self.settings.longest_s / 2
            and fastest <= SWIPES * height
            and speed[first:last].min() > PAUSE * fastest
        )
