"""A hold: an open palm stays where it is. Begins at half of its time, with progress up to 1 when it is complete."""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns
from .told import Told


class HoldSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand holds still."""

    seconds: Annotated[float, Range(0.2, 60)] = 1.5
    radius: Annotated[float, Range(0.1, 5)] = 0.6  # sizes: it stays within
    open: Annotated[float, Range(0, 1)] = 0.6  # at least; 0: a fist holds too


class HoldDetector:
    """Tells holds."""

    def __init__(self, settings: HoldSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(x=np.nan, y=np.nan, since_s=0)

    def step(self, motion: Motion) -> list[Told]:
        line, place = self.line, motion.places[:, -1]
        line.follow(motion)
        away = np.hypot(place[:, 0] - line["x"], place[:, 1] - line["y"])
        # `not <=`: nor is a hand at its place that has none yet.
        moved = ~(away <= self.settings.radius * motion.size) | (motion.opened < self.settings.open) | ~motion.there
        line["x"][moved], line["y"][moved], line["since_s"][moved] = place[moved, 0], place[moved, 1], motion.now_s
        progress = np.minimum((motion.now_s - line["since_s"]) / self.settings.seconds, 1)
        active = motion.there & (progress >= 0.5)
        return [Told("hold", active, progress, np.clip(motion.opened, 0, 1))]
