"""A raise: the hand is held well above where it came from, until it has come halfway down again."""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns, margin
from .paths import TICK_HZ
from .told import Told

STEADY_TICKS, STEADY = 6, 0.6  # held: it moves by less than so many sizes in a fifth of a second
LEANING = 1.0  # of its height: how far it may go sideways


class RaiseSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand is raised."""

    height: Annotated[float, Range(0.5, 20)] = 4.0  # sizes above where it came from
    longest_s: Annotated[float, Range(0.2, 2.8)] = 1.8  # the way up and a moment of holding


class RaiseDetector:
    """Tells raised hands."""

    def __init__(self, settings: RaiseSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(on=0, floor=0, top=0, confidence=0, busy_s=-9)

    def step(self, motion: Motion, busy: np.ndarray) -> list[Told]:
        """`busy`: slots of hands that have just swiped or drawn a circle, and are on their way back."""
        line, y = self.line, motion.xy[:, :, 1]
        line.follow(motion)
        ticks = round(self.settings.longest_s * TICK_HZ)
        line["busy_s"][busy] = motion.now_s
        past = motion.xy[:, -ticks:]
        counts = np.arange(ticks - 1, -1, -1) < (motion.now_s - line["busy_s"])[:, None] * TICK_HZ
        below = np.where(counts, past[:, :, 1], -np.inf)
        lowest = below.argmax(axis=1)
        height = below.max(axis=1) - y[:, -1]
        now = motion.xy[:, -STEADY_TICKS:]
        steady = (now.max(axis=1) - now.min(axis=1)).max(axis=1) <= STEADY
        aside = np.abs(past[np.arange(motion.capacity), lowest, 0] - past[:, -1, 0])
        starts = (line["on"] == 0) & motion.known(0.3) & steady & (height >= self.settings.height)
        starts &= (aside <= LEANING * height) & ~busy & motion.seen
        y_now = motion.places[:, -1, 1]
        line["on"][starts], line["top"][starts] = 1, y_now[starts]
        line["floor"][starts] = (y_now + height * motion.size)[starts]
        line["confidence"][starts] = margin(height, self.settings.height)[starts]
        np.minimum(line["top"], y_now, out=line["top"])
        line["on"][(y_now > (line["floor"] + line["top"]) / 2) | ~motion.there] = 0
        active = line["on"] == 1
        return [Told("raise", active, np.ones(motion.capacity), line["confidence"])]
