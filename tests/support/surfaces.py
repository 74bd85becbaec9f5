"""Surfaces to walk on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handflow import Hands, State
from handflow.stages.surface import Surface, Zone
from handflow.vision.homography import Corners

SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
SIZE = (1600, 900)
FPS = 30
HALF: Corners = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))  # the middle of the picture, straight on
LEFT = Zone(name="left", polygon=[(0, 0), (0.5, 0), (0.5, 1), (0, 1)], dwell_s=0.5)
RIGHT = Zone(name="right", polygon=[(0.5, 0), (1, 0), (1, 1), (0.5, 1)])


def hands_at(*positions: tuple[float, float], frame: float = 0, **values: Any) -> Hands:
    """Tracked hands with ids from 1."""
    n = len(positions)
    fields: dict[str, Any] = {
        "id": np.arange(1, n + 1),
        "state": np.full(n, State.TRACKED),
        "velocity": np.zeros((n, 2)),
        "radius": np.full(n, 0.02),
        "score": np.full(n, 0.9),
        "open": np.full(n, 0.8),
        "is_open": np.ones(n, bool),
        "age": np.ones(n),
        "captured_ns": 10**18 + round(frame * 1e9 / FPS),
    }
    return Hands(xy=np.array(positions).reshape(-1, 2), width=SIZE[0], height=SIZE[1], **fields | values)


def surface(**settings: Any) -> Surface:
    made = Surface(**settings)
    made.start()
    return made


def walk(node: Surface, positions: Sequence[tuple[float, float] | None]) -> list[Hands]:
    """What `node` says while one hand goes from place to place, a frame each; None: the tracker has no hand."""
    return [node.process(hands_at(*([] if p is None else [p]), frame=k)) for k, p in enumerate(positions)]
