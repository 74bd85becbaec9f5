"""A hold: an open palm stays where it is. Begins at half of its time, with progress up to 1 when it is complete."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .told import Told


class HoldSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand holds still."""

    seconds: Annotated[float, Range(0.2, 60)] = 1.5
    radius: Annotated[float, Range(0.1, 5)] = 0.6  # sizes: it stays within
    open: Annotated[float, Range(0, 1)] = 0.6  # at least; 0: a fist holds too


@dataclass(slots=True)
class HoldLine:
    """Where a hand holds still, and since when."""

    place: complex | None = None  # widths
    since_s: float = 0.0


class HoldDetector:
    """Tells holds."""

    def __init__(self, settings: HoldSettings) -> None:
        self.settings = settings
        self.lines = Lines(HoldLine)

    def step(self, motion: Motion) -> list[Told]:
        lines, now_s, settings, told = self.lines, motion.now_s, self.settings, []
        lines.follow(motion)
        for slot in motion.slots:
            line, place, opened = lines[slot], motion.place[slot], motion.opened[slot]
            if (
                opened < settings.open
                or line.place is None
                or abs(place - line.place) > settings.radius * motion.size[slot]
            ):
                line.place, line.since_s = place, now_s
            elif (progress := (now_s - line.since_s) / settings.seconds) >= 0.5:
                told.append(Told("hold", slot, min(progress, 1.0), min(opened, 1.0)))
        return told
