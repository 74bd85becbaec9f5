"""Gestures as people make them: where a hand is, how large and how open, at any time of its turn. In hand sizes."""

import math
from collections.abc import Callable
from typing import NamedTuple

TURN_S = 5.5  # each gesture has begun and ended
OPEN, HALF, CLOSED = 0.85, 0.4, 0.1


class GesturePose(NamedTuple):
    """A hand, seen from where it rests."""

    x: float = 0.0  # sizes, to the right
    y: float = 0.0  # down
    open: float = HALF
    size: float = 1.0  # times its usual one


class Gesture(NamedTuple):
    """How many hands make it, and where hand 0 or 1 is at a time."""

    hands: int
    pose: Callable[[int, float], GesturePose]


def ramp(time_s: float, begins_s: float, lasts_s: float) -> float:
    """0 before, 1 after: the least jerk (Flash and Hogan 1985)."""
    t = min(max((time_s - begins_s) / lasts_s, 0.0), 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


def _there_and_back(time_s: float, lasts_s: float, stays_s: float, back_s: float) -> float:
    return ramp(time_s, 1, lasts_s) - ramp(time_s, 1 + lasts_s + stays_s, back_s)


def _wave(hand: int, time_s: float) -> GesturePose:
    waves = 1 <= time_s < 3
    return GesturePose(1.5 * math.sin(math.tau * 1.5 * (time_s - 1)) if waves else 0.0, 0.0, OPEN)


def _swipe(x: int, y: int) -> Gesture:
    def pose(hand: int, time_s: float) -> GesturePose:
        along = 4.5 * _there_and_back(time_s, 0.3, 0.6, 0.9)
        return GesturePose(x * along, y * along)

    return Gesture(1, pose)


def _raise(hand: int, time_s: float) -> GesturePose:
    return GesturePose(0.0, -5.2 * _there_and_back(time_s, 0.8, 1.2, 1.0))


def _circle(way: int) -> Gesture:
    def pose(hand: int, time_s: float) -> GesturePose:
        angle = way * math.tau * 2 * min(max((time_s - 1) / 2.2, 0), 1)
        return GesturePose(1.6 * (math.cos(angle) - 1), 1.6 * math.sin(angle))

    return Gesture(1, pose)


def _hold(hand: int, time_s: float) -> GesturePose:
    return GesturePose(open=CLOSED + (OPEN - CLOSED) * _there_and_back(time_s, 0.5, 2.2, 1.0))


def _push(way: int) -> Gesture:
    return Gesture(
        1, lambda hand, time_s: GesturePose(open=OPEN, size=1.6 ** (way * _there_and_back(time_s, 0.45, 0.8, 0.8)))
    )


def _grab(hand: int, time_s: float) -> GesturePose:
    closed = _there_and_back(time_s, 0.25, 1.2, 0.25)
    return GesturePose(open=OPEN + (CLOSED - OPEN) * closed, size=1 - 0.2 * closed)


def _clap(hand: int, time_s: float) -> GesturePose:
    claps = 2.2 * min(max(time_s - 1, 0), 3 / 2.2)
    return GesturePose((1, -1)[hand] * 1.2 * (1 - math.cos(math.tau * claps)) / 2)


def _apart(hand: int, apart: float) -> GesturePose:
    return GesturePose((-1, 1)[hand] * 2.4 * apart)


# The way back is slow, or it would be the opposite.
def _spread(hand: int, time_s: float) -> GesturePose:
    return _apart(hand, _there_and_back(time_s, 0.7, 0.3, 3.2))


def _pinch(hand: int, time_s: float) -> GesturePose:
    return _apart(hand, ramp(time_s, 0, 3.2) - ramp(time_s, 3.7, 0.7))


GESTURES: dict[str, Gesture] = {
    "wave": Gesture(1, _wave),
    "raise": Gesture(1, _raise),
    "swipe_left": _swipe(-1, 0),
    "swipe_right": _swipe(1, 0),
    "swipe_up": _swipe(0, -1),
    "swipe_down": _swipe(0, 1),
    "circle_clockwise": _circle(1),
    "circle_counterclockwise": _circle(-1),
    "hold": Gesture(1, _hold),
    "push": _push(1),
    "pull": _push(-1),
    "grab": Gesture(1, _grab),
    "release": Gesture(1, _grab),
    "clap": Gesture(2, _clap),
    "spread": Gesture(2, _spread),
    "pinch": Gesture(2, _pinch),
    "both_up": Gesture(2, _raise),
}
