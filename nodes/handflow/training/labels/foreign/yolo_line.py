"""A line of YOLO's labels: a class, then a box, a box with keypoints, or the corners of a polygon, all 0..1.

Where programs write what they found, a confidence and the number of a track may follow.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from handflow.errors import LabelError

from .shapes import around

LARGEST = 1.5  # a position above it is in pixels
FEW = 3  # lines; so many do not look alike by chance
ASTRAY = 0.25  # of a polygon's extent: what lies so far from all other corners is no corner
EDGE = 1e-3  # by which keypoints may stick out of their box: the digits that are written


class YoloLine(NamedTuple):
    """The numbers of one line."""

    number: int  # of the class
    values: list[float]

    @property
    def is_long(self) -> bool:
        """Whether it says more than a box, a confidence and a track."""
        return len(self.values) > 6


class YoloShape(NamedTuple):
    """What a line shows: a box (x, y, width, height, 0..1), and keypoints (n, 2) where all are there."""

    box: list[float]
    points: np.ndarray | None = None


class LineLayout(NamedTuple):
    """What stands in the long lines of a data set, as far as one line alone does not tell."""

    points: tuple[int, int] | None  # keypoints in each line, and values each
    polygons: bool  # lines that may be polygons or boxes with keypoints are polygons
    tracked: bool  # they end on the number of a track


def parse_yolo_line(line: str, where: str) -> YoloLine:
    """The numbers of a line. Raises LabelError."""
    words = line.split()
    try:
        first, values = float(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        first, values = math.nan, []
    if len(values) < 4 or not all(map(math.isfinite, [first, *values])) or not first.is_integer():
        raise LabelError(f"{where}: expected class x y width height, each 0..1, got {line.strip()[:60]!r}")
    return YoloLine(int(first), values)


def layout_of(lines: Iterable[YoloLine], points: tuple[int, int] | None) -> LineLayout:
    """What all lines of a data set tell together; `points`: what its description says of keypoints."""
    longer = [line.values for line in lines if line.is_long and _flagged(line.values) is None]
    ends = [values[-1] for values in longer]
    # One polygon may end on the border, at 1; several do not.
    tracked = bool(ends) and all(map(_is_whole, ends)) and (max(ends) > LARGEST or len(ends) >= FEW)
    bodies = [_without_tail(values, tracked) for values in longer]
    told = [_is_pose(body) for body in bodies]
    alike = len(set(map(len, bodies))) == 1 and False not in told
    if points is None and alike and (True in told or len(told) >= FEW):
        points = ((len(bodies[0]) - 4) // 2, 2)
    return LineLayout(points, False in told and True not in told, tracked)


def shape_of(line: YoloLine, layout: LineLayout, where: str) -> YoloShape:
    """What a line shows. Raises LabelError where that cannot be told."""
    values, count = line.values, len(line.values)
    if layout.points is not None and (line.is_long or count == 4 + math.prod(layout.points)):
        return _posed(values, layout.points, where)
    if count < 6 or (count == 6 and _is_track(values, layout)):
        return YoloShape(_boxed(values, where))
    if line.is_long and (flagged := _flagged(values)) is not None:
        return _posed(values, flagged, where)
    body = _without_tail(values, layout.tracked)
    posed = line.is_long and not layout.polygons and _is_pose(body)
    points = (len(body) - 4) // 2
    if posed:
        return _posed(values, (points, 2), where)
    if posed is None:
        raise LabelError(
            f"{where}: may be a polygon or a box with keypoints; say in data.yaml of the latter: "
            f"kpt_shape: [{points}, 2]"
        )
    if max(body) > LARGEST:
        raise LabelError(f"{where}: expected positions of 0..1, got pixels: {_shown(values)}")
    return YoloShape(around(np.reshape(body, (-1, 2))))


def _boxed(values: list[float], where: str) -> list[float]:
    x, y, width, height = values[:4]
    if max(values[:4]) > LARGEST:
        raise LabelError(f"{where}: expected positions of 0..1, got pixels: {_shown(values)}")
    return [x - width / 2, y - height / 2, width, height]


def _posed(values: list[float], points: tuple[int, int], where: str) -> YoloShape:
    count, each = points
    expected = 4 + count * each
    # A confidence and a track may follow.
    if not expected <= len(values) <= expected + 2:
        raise LabelError(f"{where}: expected a box and {count} keypoints of {each} values, got {len(values)} values")
    places = np.reshape(values[4:expected], (count, each))
    # Not there: of no visibility where that is written, else in the corner.
    there = places[:, 2] > 0 if each == 3 else places.any(axis=1)
    return YoloShape(_boxed(values, where), places[:, :2] if there.all() else None)


def _without_tail(values: list[float], tracked: bool) -> list[float]:
    """The numbers in pairs, without a confidence or a track behind them, or both."""
    behind = len(values) % 2 or (2 if tracked else 0)
    return values[: len(values) - behind]


def _is_track(values: list[float], layout: LineLayout) -> bool:
    """Whether six values are a box, a confidence and a track, and not a triangle."""
    x, y, width, height, _, track = values
    if track > LARGEST or layout.points is not None:
        return True
    inside = min(x - width / 2, y - height / 2) > -EDGE and max(x + width / 2, y + height / 2) < 1 + EDGE
    return _is_whole(track) and inside and (layout.tracked or not layout.polygons)


def _is_pose(values: list[float]) -> bool | None:
    """Whether the numbers behind a box are keypoints of it, x and y each, or corners of a polygon; None: may be both.

    Keypoints lie in the box. Its size, taken for a corner, lies away from them, if the hand is not large and central.
    """
    places = np.reshape(values[4:], (-1, 2))
    if len(places) <= 4 or not _in_box(values, places[places.any(axis=1)]):
        return False
    others = np.vstack([values[:2], places[places.any(axis=1)]])
    low, high = others.min(axis=0), others.max(axis=0)
    margin = ASTRAY * (high - low)
    return True if (values[2:4] < low - margin).any() or (values[2:4] > high + margin).any() else None


def _flagged(values: list[float]) -> tuple[int, int] | None:
    """How many keypoints of x, y and whether it is seen stand behind a box: no polygon has 0, 1 or 2 at each third."""
    for behind in range(3):
        count, rest = divmod(len(values) - behind - 4, 3)
        places = np.reshape(values[4 : 4 + 3 * count], (-1, 3))
        if count > 0 and rest == 0 and np.isin(places[:, 2], (0, 1, 2)).all():
            return (count, 3) if _in_box(values, places[places[:, 2] > 0, :2]) else None
    return None


def _in_box(values: list[float], places: np.ndarray) -> bool:
    x, y, width, height = values[:4]
    return bool((abs(places - [x, y]) <= np.array([width, height]) / 2 + EDGE).all())


def _is_whole(value: float) -> bool:
    return value >= 0 and value.is_integer()


def _shown(values: list[float]) -> str:
    return repr(" ".join(f"{value:g}" for value in values)[:60])
