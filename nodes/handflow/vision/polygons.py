"""Polygons on the picture or on a surface: what lies inside, how far outside the rest is. Plain functions on arrays.

numpy only: cv2 would bring 30 MB into the surface's process, and tells of one point at a time.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np

from handflow.runtime.node import Range

Coordinate = Annotated[float, Range(-1, 2)]  # 0..1 of the width or height; a corner may lie outside the picture
Point = tuple[Coordinate, Coordinate]
Polygon = Annotated[list[Point], msgspec.Meta(min_length=3, max_length=100)]

FLAT = 0.005  # of the width: a polygon that is nowhere wider has no inside to speak of


class Closest(NamedTuple):
    """For each of n points: the nearest point that is not outside a polygon."""

    position: np.ndarray  # (n, 2), the point itself if it lies inside
    outside: np.ndarray  # (n,) bool
    along: np.ndarray  # (n, 2), which way `position` can move: the edge's direction, length 1; 0 at a corner


def closest(points: np.ndarray, polygon: np.ndarray) -> Closest:
    """The nearest point of a polygon (m, 2) for each of `points` (n, 2); both in units as long in x as in y."""
    start = polygon
    edge = np.roll(polygon, -1, axis=0) - polygon  # (m, 2)
    seen = points[:, None] - start  # (n, m, 2), from the edges' starts
    length = np.hypot(edge[:, 0], edge[:, 1]).clip(1e-12)  # (m,)
    share = (seen * edge).sum(axis=2) / length**2  # (n, m): 0 at the edge's start, 1 at its end
    on_edge = start + share.clip(0, 1)[..., None] * edge  # (n, m, 2)
    gap = on_edge - points[:, None]
    rows = np.arange(len(points))
    best = (gap**2).sum(axis=2).argmin(axis=1)  # (n,)
    outside = ~_inside(seen, edge)
    best_share = share[rows, best][:, None]
    along = np.where((best_share > 0) & (best_share < 1), (edge / length[:, None])[best], 0.0)
    return Closest(np.where(outside[:, None], on_edge[rows, best], points), outside, along)


def distances(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """How far each of `points` (n, 2) lies outside a polygon (m, 2): (n,), 0 inside. Units as in `closest`."""
    gap = closest(points, polygon).position - points
    return np.hypot(gap[:, 0], gap[:, 1])


def inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which of `points` (n, 2) lie inside a polygon (m, 2), in any units: (n,) bool."""
    return _inside(points[:, None] - polygon, np.roll(polygon, -1, axis=0) - polygon)


def _inside(seen: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Even-odd rule: a ray to the right crosses an odd number of edges."""
    rises = edge[:, 1] > 0
    crosses = (seen[..., 1] >= 0) != (seen[..., 1] - edge[:, 1] >= 0)
    left = (edge[:, 0] * seen[..., 1] - edge[:, 1] * seen[..., 0] > 0) == rises
    return (crosses & left).sum(axis=1) % 2 == 1


def allowed(points: np.ndarray, region: np.ndarray | None, ignored: Sequence[np.ndarray]) -> np.ndarray:
    """Which of `points` (n, 2) lie inside `region` (None: everywhere) and in none of the `ignored` polygons."""
    there = np.ones(len(points), bool) if region is None else inside(points, region)
    for polygon in ignored:
        there &= ~inside(points, polygon)
    return there


def polygon_fault(polygon: Sequence[Point]) -> str | None:
    """What is wrong with a polygon, or None."""
    points = np.array(polygon)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / np.sqrt(len(points))
    return "expected an area, got points on a line" if spread[1] < FLAT / 2 else None
