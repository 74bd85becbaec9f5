"""Hands -> the JSON line of a frame, as `detect` writes it and `publish` and the page send it: names and rounding."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from handflow.messages import Gestures, Hands, Phase, State
from handflow.runtime.names import written

Line = dict[str, Any]  # one frame's hands


def line_of(source: str, hands: Hands, first_ns: int) -> Line:
    """The line of a message; `first_ns`: when the first frame was captured."""
    t = (hands.captured_ns - first_ns) / 1e9
    return frame_line(source, hands.seq - 1, t, hands.width, hands.height, hand_lines(hands))


def frame_line(source: str, frame: int, t: float, width: int, height: int, hands: list[Line]) -> Line:
    """The line of frame number `frame` (from 0), `t` seconds after the first one, of what is called `source`."""
    return {
        "source": written(source),
        "frame": frame,
        "t": round(t, 4),
        "width": width,
        "height": height,
        "hands": hands,
    }


def hand_line(id_: int | None, xy: Sequence[float] | np.ndarray, radius: float, score: float, open_: float) -> Line:
    """One hand's part of the line."""
    x, y = xy
    return {
        "id": id_,
        "x": _rounded(x, 5),
        "y": _rounded(y, 5),
        "radius": _rounded(radius, 5),
        "score": _rounded(score, 4),
        "open": _rounded(open_, 4),
    }


def gesture_lines(gestures: Gestures) -> list[Line]:
    """A line for each gesture that begins, goes on or ends."""
    columns = (gestures.hand, gestures.phase, gestures.progress, gestures.confidence, gestures.rate, gestures.strength)
    lines = []
    for name, hands, phase, *numbers in zip(gestures.name, *(column.tolist() for column in columns), strict=True):
        progress, confidence, rate, strength = (_rounded(number, 3) for number in numbers)
        line: Line = {"name": name, "hands": [id_ for id_ in hands if id_ >= 0], "phase": Phase(phase).name.lower()}
        line |= {"progress": progress, "confidence": confidence}
        line |= {"rate": rate} if rate else {}
        line |= {"strength": strength} if strength else {}
        lines.append(line)
    return lines


def present_rows(hands: Hands) -> np.ndarray:
    """Indices of the hands that are listed: those that are not leaving and have a position."""
    return np.flatnonzero((hands.state != State.LEAVING) & np.isfinite(hands.xy).all(axis=1))


def hand_lines(hands: Hands) -> list[Line]:
    """A line for each of the `present_rows`; predicted ones say so, and so do those in a zone."""
    there = present_rows(hands)
    lines = []
    # Python's own numbers: reading numpy's one by one takes three times as long.
    columns = (hands.id, hands.xy, hands.radius, hands.score, hands.open, hands.state, hands.zone)
    for id_, xy, radius, score, open_, state, zone in zip(*(column[there].tolist() for column in columns), strict=True):
        line = hand_line(id_, xy, radius, score, open_)
        if state == State.PREDICTED:
            line["predicted"] = True
        if 0 <= zone < len(hands.zones):
            line["zone"] = hands.zones[zone]
        lines.append(line)
    return lines


def _rounded(number: float, digits: int) -> float:
    """0 where there is no number: JSON has no NaN and no infinity."""
    return round(float(number), digits) if math.isfinite(number) else 0.0
