"""A swipe: one fast straight stroke that begins from rest and stops. Told as the hand slows down.

The way back is none, and neither are the strokes of a wave: they do not begin from rest.
"""

from typing import Annotated

import msgspec
import numpy as np

from handflow.runtime.node import Range

from .motion import SPAN, Motion, SlotColumns, margin
from .paths import TICK_HZ
from .told import Told

NAMES = ("swipe_left", "swipe_right", "swipe_up", "swipe_down")
LOOK_TICKS = 27  # a swipe lasts for less
FAST, SLOWED = 0.25, 0.5  # of its highest speed: where it begins, and where it is told
REST_TICKS, REST = 8, 0.3  # before it the hand has gone less than this part of its length, for so long
ASIDE = 0.5  # of its length: how far it may go along the other axis
BENT = 0.2  # of its length: how far it may leave the straight line
AGAIN_S, BACK_S = 0.4, 1.4  # after one there is none for so long, and none the other way
SHOWN_S = 0.3
RETURN_S = 2.4  # a hand that swiped is back where it was


class SwipeSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a hand swipes."""

    length: Annotated[float, Range(0.5, 20)] = 2.8  # sizes, at least
    speed: Annotated[float, Range(1, 100)] = 8.0  # sizes/s, at its fastest at least
    longest_s: Annotated[float, Range(0.1, 0.8)] = 0.42


class SwipeDetector:
    """Tells swipes."""

    def __init__(self, settings: SwipeSettings) -> None:
        self.settings = settings
        self.line = SlotColumns(told_s=-9, way=-1, confidence=0)

    def step(self, motion: Motion, mirrored: np.ndarray) -> list[Told]:
        """`mirrored`: slots whose other hand goes the other way, as in a clap: those do not swipe."""
        line, now_s = self.line, motion.now_s
        line.follow(motion)
        moved = motion.xy[:, -LOOK_TICKS:] - motion.xy[:, -LOOK_TICKS - SPAN : -SPAN]
        speeds = np.hypot(moved[:, :, 0], moved[:, :, 1]) * (TICK_HZ / SPAN)
        highest = speeds[:, -round(self.settings.longest_s * TICK_HZ) :].max(axis=1)
        ended = motion.seen & (highest >= self.settings.speed) & (speeds[:, -1] <= SLOWED * highest)
        ended &= motion.known((REST_TICKS + 6) / TICK_HZ) & (now_s - line["told_s"] > AGAIN_S) & ~mirrored
        rows = np.flatnonzero(ended)
        if len(rows):
            self._judge(motion, rows, speeds[rows], highest[rows])
        shown = motion.there & (now_s - line["told_s"] <= SHOWN_S)
        one = np.ones(motion.capacity)
        return [Told(name, shown & (line["way"] == way), one, line["confidence"]) for way, name in enumerate(NAMES)]

    def upright(self, now_s: float) -> np.ndarray:
        """Slots of hands that lately swiped up or down: where they stay or go back to, they are not raised."""
        return (self.line["way"] >= NAMES.index("swipe_up")) & (now_s - self.line["told_s"] < RETURN_S)

    def _judge(self, motion: Motion, rows: np.ndarray, speeds: np.ndarray, highest: np.ndarray) -> None:
        ticks, line = np.arange(LOOK_TICKS), self.line
        top = speeds.argmax(axis=1)
        slow = (speeds < FAST * highest[:, None]) & (ticks < top[:, None])
        first = np.where(slow, ticks, -1).max(axis=1)
        seconds = (np.where(speeds > FAST * highest[:, None], ticks, 0).max(axis=1) - first) / TICK_HZ
        begun = motion.xy.shape[1] - LOOK_TICKS + first - SPAN + 1
        start, rested = motion.xy[rows, begun], motion.xy[rows, np.maximum(begun - REST_TICKS, 0)]
        way = motion.xy[rows, -1] - start
        length = np.hypot(way[:, 0], way[:, 1])
        across = np.abs(way).argmax(axis=1) == 0
        major, minor = np.abs(way).max(axis=1), np.abs(way).min(axis=1)
        points = motion.xy[rows, -LOOK_TICKS:] - start[:, None]
        aside = points[:, :, 0] * way[:, None, 1] - points[:, :, 1] * way[:, None, 0]
        bent = np.abs(np.where(ticks >= first[:, None], aside, 0)).max(axis=1) / np.maximum(length, 1e-6) ** 2
        before = np.hypot(*(start - rested).T)
        kind = np.where(across, 0 + (way[:, 0] > 0), 2 + (way[:, 1] > 0))
        last_kind, since_s = line["way"][rows], motion.now_s - line["told_s"][rows]
        back = (kind == (last_kind.astype(int) ^ 1)) & (since_s < BACK_S)
        good = (first >= 0) & (seconds <= self.settings.longest_s) & (length >= self.settings.length)
        good &= (minor <= ASIDE * major) & (bent <= BENT) & (before <= REST * length) & ~back
        good &= motion.ticks[rows] >= motion.xy.shape[1] - begun + REST_TICKS
        told = rows[good]
        line["told_s"][told], line["way"][told] = motion.now_s, kind[good]
        line["confidence"][told] = margin(length[good], self.settings.length)
