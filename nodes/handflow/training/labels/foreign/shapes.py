"""Boxes around what other programs draw: turned boxes and ellipses, points, and masks in runs."""

import math
from collections.abc import Sequence

import numpy as np

from handflow.errors import LabelError

MASK_PIXELS = 1 << 28  # of the largest mask: four times the largest picture that a camera takes


def around(points: Sequence[Sequence[float]] | np.ndarray) -> list[float]:
    """The box [x, y, width, height] around points (n, 2). LabelError if there is none."""
    places = np.asarray(points, float).reshape(-1, 2)
    if not len(places):
        raise LabelError("expected at least one point, got none")
    low, high = places.min(axis=0), places.max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]


def around_turned(box: Sequence[float], degrees: float) -> list[float]:
    """The box around a box that is turned clockwise about its middle."""
    x, y, width, height = box
    c, s = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    return _about(x + width / 2, y + height / 2, width * c + height * s, width * s + height * c)


def around_ellipse(cx: float, cy: float, rx: float, ry: float, degrees: float) -> list[float]:
    """The box around an ellipse that is turned clockwise about its middle."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _about(cx, cy, 2 * math.hypot(rx * c, ry * s), 2 * math.hypot(rx * s, ry * c))


def _about(x: float, y: float, width: float, height: float) -> list[float]:
    return [x - width / 2, y - height / 2, width, height]


def around_runs(runs: Sequence[int], width: int, height: int, by_columns: bool) -> list[float]:
    """The box around a mask given as lengths of runs, outside first: along columns as COCO has it, else along rows."""
    lengths = np.asarray(runs)
    if width < 1 or height < 1 or width * height > MASK_PIXELS:
        raise LabelError(f"expected the size of a mask, got {width}x{height}")
    if lengths.ndim != 1 or (lengths < 0).any() or sum(map(int, runs)) != width * height:
        raise LabelError(f"expected the runs of a mask of {width}x{height} pixels, got {sum(map(int, runs))}")
    filled = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths.astype(int))
    mask = filled.reshape(width, height).T if by_columns else filled.reshape(height, width)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise LabelError("expected a mask with pixels in it, got an empty one")
    return [float(columns[0]), float(rows[0]), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)]


def runs_of(text: str) -> list[int]:
    """The runs in COCO's packed form: five bits a character, each run from the third on as the change from two before.

    Source: rleFrString in https://github.com/cocodataset/cocoapi, common/maskApi.c.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise LabelError(f"expected the characters of a packed mask, got {character!r}")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
