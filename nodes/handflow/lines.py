"""Hands -> the JSON line of a frame, as `detect` writes it and `publish` sends it: its names and its rounding."""

from typing import Any

import numpy as np

from .messages import Hands, State

Line = dict[str, Any]  # one frame's hands


def frame_line(source: str, frame: int, t: float, width: int, height: int, hands: list[Line]) -> Line:
    """The line of frame number `frame` (from 0), `t` seconds after the first one."""
    return {"source": source, "frame": frame, "t": round(t, 4), "width": width, "height": height, "hands": hands}


def hand_line(id_: int | None, xy: np.ndarray, radius: float, score: float, open_: float) -> Line:
    """One hand's part of the line."""
    x, y = (round(float(v), 5) for v in xy)
    numbers = {"radius": round(float(radius), 5), "score": round(float(score), 4), "open": round(float(open_), 4)}
    return {"id": id_, "x": x, "y": y, **numbers}


def listed(hands: Hands) -> list[Line]:
    """The hands of a message: leaving ones are left out, predicted ones say so, and so do those in a zone."""
    lines = []
    for i in np.flatnonzero(hands.state != State.LEAVING):
        line = hand_line(int(hands.id[i]), hands.xy[i], hands.radius[i], hands.score[i], hands.open[i])
        if hands.state[i] == State.PREDICTED:
            line["predicted"] = True
        if 0 <= hands.zone[i] < len(hands.zones):
            line["zone"] = hands.zones[hands.zone[i]]
        lines.append(line)
    return lines
