"""A wave: the hand turns round again and again, from side to side. Told at the third turn.

Strokes are what lies between two turns (a zigzag with hysteresis). A circle also goes from side to side, but as far up
and down; an arm that swings while its owner walks has strokes of unequal length.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .paths import TICK_HZ
from .told import Told, margin

SHORTEST_S = 0.08  # a stroke; faster is noise
UNEQUAL = 2.2  # a stroke may be so many times the one before
BACK = 0.35  # of the shortest stroke: so far back, a hand has turned round
FULL = 6  # strokes: three times there and back, progress 1


class WaveSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand waves."""

    stroke: Annotated[float, Range(0.3, 10)] = 1.5  # sizes: shorter strokes are none
    stroke_s: Annotated[float, Range(0.1, 3)] = 0.7  # nor are slower ones
    height: Annotated[float, Range(0.1, 2)] = 0.35  # of its width: what goes farther up and down is no wave
    open: Annotated[float, Range(0, 1)] = 0.45  # at least, over these strokes; 0: a fist waves too
    end_s: Annotated[float, Range(0.1, 5)] = 0.8  # after the last turn it is over


@dataclass(slots=True)
class WaveLine:
    """A hand's last turns."""

    direction: float = 0.0  # 1 to the right, -1 to the left; 0 until it has left its first place
    extreme: float | None = None  # widths: the farthest place in that direction, and when the hand was there
    extreme_s: float = 0.0
    turn: float = 0.0  # widths: the last turn, and its time; the two turns before it
    turn_s: float = -1.0
    before_s: float = -1.0
    first_s: float = -1.0
    stroke: float = 0.0  # sizes: the last one
    period_s: float = 0.0  # that it took
    chain: int = 0  # strokes of a wave one after the other
    on: bool = False


class WaveDetector:
    """Tells waves."""

    def __init__(self, settings: WaveSettings) -> None:
        self.settings = settings
        self.lines = Lines(WaveLine)

    def step(self, motion: Motion) -> list[Told]:
        lines, now_s, settings, told = self.lines, motion.now_s, self.settings, []
        lines.follow(motion)
        for slot in motion.slots:
            line, x = lines[slot], motion.place[slot].real
            self._follow(line, x, motion.size[slot], now_s)
            if not line.chain:
                continue
            if now_s - line.turn_s > settings.end_s:
                line.chain, line.on = 0, False
            elif line.chain >= 2 and not line.on:
                line.on = self._is_one(motion, slot, line)
            if line.on:
                rate, confidence = 0.5 / max(line.period_s, SHORTEST_S), margin(line.stroke, settings.stroke)
                told.append(Told("wave", slot, min(line.chain / FULL, 1), confidence, rate, line.stroke))
        return told

    def _follow(self, line: WaveLine, x: float, size: float, now_s: float) -> None:
        if line.extreme is None:
            line.extreme = line.turn = x
            line.extreme_s = now_s
            return
        if line.direction:
            back = (line.extreme - x) * line.direction
            if back < 0:
                line.extreme, line.extreme_s = x, now_s
            elif back > BACK * self.settings.stroke * size:
                self._turn(line, size)
                line.extreme, line.extreme_s = x, now_s
        elif abs(x - line.extreme) > self.settings.stroke / 2 * size:
            line.direction = 1.0 if x > line.extreme else -1.0
            line.extreme, line.extreme_s = x, now_s

    def _turn(self, line: WaveLine, size: float) -> None:
        """The hand has turned round where it was farthest."""
        assert line.extreme is not None
        stroke = abs(line.extreme - line.turn) / size
        period_s = line.extreme_s - line.turn_s
        counts = (
            stroke >= self.settings.stroke and SHORTEST_S <= period_s <= self.settings.stroke_s and line.turn_s >= 0
        )
        even = _alike(stroke, line.stroke) and _alike(period_s, line.period_s)
        line.chain = line.chain + 1 if counts and (line.chain == 0 or even) else int(counts)
        line.on = line.on and line.chain > 0
        line.first_s, line.before_s = line.before_s, line.turn_s
        line.stroke, line.period_s = stroke, period_s
        line.turn, line.turn_s = line.extreme, line.extreme_s
        line.direction = -line.direction

    def _is_one(self, motion: Motion, slot: int, line: WaveLine) -> bool:
        """Whether the hand was open in its last two strokes, and went less up and down than from side to side."""
        ticks = round((motion.now_s - line.first_s) * TICK_HZ) + 1
        if motion.open_over(slot, ticks) < self.settings.open:
            return False
        path = motion.path(slot, ticks)
        return float(path.imag.std()) <= self.settings.height * float(path.real.std())


def _alike(value: float, before: float) -> bool:
    return value < UNEQUAL * before and before < UNEQUAL * value
