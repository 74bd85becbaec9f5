"""A floor, wall or screen as settings describe it, by corners or by points of a plan -> the plane in the picture."""

from collections.abc import Sequence

import msgspec
import numpy as np

from .homography import Corners, Plane
from .polygons import Point


class FloorPoint(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A place that the picture shows and the plan of the surface has."""

    picture: Point  # 0..1 of the picture
    floor: tuple[float, float]  # on the plan: in the unit of the surface's size, from its top left


def point_arrays(points: Sequence[FloorPoint], size: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    """Points in the picture and on the surface, 0..1 of each: (n, 2) both."""
    picture = np.array([point.picture for point in points], np.float64).reshape(-1, 2)
    return picture, np.array([point.floor for point in points], np.float64).reshape(-1, 2) / (size or (1, 1))


def plane_of(
    corners: Corners, points: Sequence[FloorPoint], size: tuple[float, float] | None, mirror: bool = False
) -> Plane:
    """The plane that is seen; `points` count where there are any."""
    return Plane.through(*point_arrays(points, size), mirror) if points else Plane(corners, mirror)
