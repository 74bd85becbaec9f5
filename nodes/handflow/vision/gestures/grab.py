"""A grab: an open palm closes quickly while it is at rest, and stays closed until its release."""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import Motion, SlotColumns
from .told import Told

SHOWN_S = 0.3


class GrabSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand grabs and lets go."""

    open: Annotated[float, Range(0, 1)] = 0.7  # above this it is open
    closed: Annotated[float, Range(0, 1)] = 0.3  # and below this closed; between the two as it was
    quick_s: Annotated[float, Range(0.1, 3)] = 0.7  # from one to the other
    rest_s: Annotated[float, Range(0, 3)] = 0.3  # it has been open for so long
    speed: Annotated[float, Range(0.5, 100)] = 4.0  # sizes/s: a faster hand is a blur, neither open nor closed


class GrabDetector:
    """Tells grabs and releases."""

    def __init__(self, settings: GrabSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(shut=1, open_s=-9, opened_s=-9, held=0, since_s=0, fast_s=-9, shut_s=-9, released_s=-9)

    def step(self, motion: Motion) -> list[Told]:
        line, now_s, settings = self.line, motion.now_s, self.settings
        line.follow(motion)
        opened = motion.open[:, -3:].mean(axis=1)
        wide, shut = opened >= settings.open, opened <= settings.closed
        line["fast_s"][motion.speed > settings.speed] = now_s
        slow = now_s - line["fast_s"] > settings.quick_s
        opens, closes = wide & (line["shut"] == 1), shut & (line["shut"] == 0)
        # It was open from opened_s to open_s.
        grabs = closes & slow & (now_s - line["open_s"] <= settings.quick_s)
        grabs &= line["open_s"] - line["opened_s"] >= settings.rest_s
        line["held"][grabs], line["since_s"][grabs] = 1, now_s
        releases = opens & (line["held"] == 1) & (now_s - line["shut_s"] <= settings.quick_s)
        line["released_s"][releases] = now_s
        line["held"][opens] = 0
        line["shut"][opens], line["opened_s"][opens] = 0, now_s
        line["shut"][closes] = 1
        line["open_s"][wide], line["shut_s"][shut] = now_s, now_s
        line["held"][~motion.there] = 0
        one = np.ones(motion.capacity)
        released = motion.there & (now_s - line["released_s"] <= SHOWN_S)
        return [
            Told("grab", line["held"] == 1, one, np.clip(1 - opened, 0, 1)),
            Told("release", released, one, np.clip(opened, 0, 1)),
        ]
