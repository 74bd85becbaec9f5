"""A grab: an open palm closes quickly while it is at rest, and stays closed until its release."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from handflow.runtime.node import Range

from .motion import Lines, Motion
from .told import Told

SHOWN_S = 0.3


class GrabSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand grabs and lets go."""

    open: Annotated[float, Range(0, 1)] = 0.7  # above this it is open
    closed: Annotated[float, Range(0, 1)] = 0.3  # and below this closed; between the two as it was
    quick_s: Annotated[float, Range(0.1, 3)] = 0.7  # from one to the other
    rest_s: Annotated[float, Range(0, 3)] = 0.3  # it has been open for so long
    speed: Annotated[float, Range(0.5, 100)] = 4.0  # sizes/s: a faster hand is a blur, neither open nor closed


@dataclass(slots=True)
class GrabLine:
    """When a hand was open, closed and fast."""

    shut: bool = True
    opened_s: float = -9.0  # it opened
    open_s: float = -9.0  # and was last seen open
    shut_s: float = -9.0  # it was last seen closed
    fast_s: float = -9.0
    held: bool = False  # it grabbed, and has not let go
    released_s: float = -9.0


class GrabDetector:
    """Tells grabs and releases."""

    def __init__(self, settings: GrabSettings) -> None:
        self.settings = settings
        self.lines = Lines(GrabLine)

    def step(self, motion: Motion) -> list[Told]:
        lines, now_s, settings, told = self.lines, motion.now_s, self.settings, []
        lines.follow(motion)
        for slot in motion.slots:
            line, opened = lines[slot], motion.opened_now[slot]
            if motion.speed[slot] > settings.speed:
                line.fast_s = now_s
            if opened >= settings.open:
                if line.shut:
                    self._open(line, now_s)
                line.open_s = now_s
            elif opened <= settings.closed:
                if not line.shut:
                    self._close(line, now_s)
                line.shut_s = now_s
            if line.held:
                told.append(Told("grab", slot, 1.0, min(max(1 - opened, 0.0), 1.0)))
            elif now_s - line.released_s <= SHOWN_S:
                told.append(Told("release", slot, 1.0, min(max(opened, 0.0), 1.0)))
        return told

    def _open(self, line: GrabLine, now_s: float) -> None:
        if line.held and now_s - line.shut_s <= self.settings.quick_s:
            line.released_s = now_s
        line.held, line.shut, line.opened_s = False, False, now_s

    def _close(self, line: GrabLine, now_s: float) -> None:
        quick_s = self.settings.quick_s
        line.held = (
            now_s - line.fast_s > quick_s
            and now_s - line.open_s <= quick_s
            and line.open_s - line.opened_s >= self.settings.rest_s
        )
        line.shut = True
