"""What the renderer draws, and what comes of it."""

from typing import NamedTuple

import numpy as np

# What a vertex has, and how many numbers that is.
FIELDS = {"position": 3, "normal": 3, "uv": 2, "layer": 1, "tint": 4, "skin": 1, "owner": 1}


class DrawnParts(NamedTuple):
    """Everything to draw: arrays of all vertices, and triangles (m, 3)."""

    vertices: dict[str, np.ndarray]  # by FIELDS
    triangles: np.ndarray
    hands: np.ndarray  # the triangles of hands alone


class Drawn(NamedTuple):
    """A drawn picture; arrays of (height, width, ...)."""

    colour: np.ndarray  # (h, w, 4) uint8 RGBA
    owners: np.ndarray  # (h, w) int32: whose each pixel is, 0 nobody's
    hands: np.ndarray  # the same with nothing but hands, as if nothing hid them
    shadow: np.ndarray  # (h / 4, w / 4, 3) 0..1: how much of its light the ground keeps
