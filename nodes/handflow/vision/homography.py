"""A plane seen by a camera: from the picture to the plane and back. Plain functions on arrays."""

from dataclasses import dataclass, field

import numpy as np

from .polygons import Closest, Point, closest

Corners = tuple[Point, Point, Point, Point]
PICTURE: Corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
MIN_HEIGHT = 0.01  # of the picture: a corner nearer than this to the line through its neighbours makes no area
MIRROR = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]])


def homography(corners: Corners) -> np.ndarray:
    """The 3x3 map from the picture to the plane: corners, clockwise from the top left, to (0, 0) (1, 0) (1, 1) (0, 1).

    Exact for four points: the inverse of the map from square to quadrangle in Heckbert, Fundamentals of Texture
    Mapping and Image Warping (1989), 2.2.3. The third coordinate is above 0 on this side of the horizon.
    """
    a, b, c, d = np.array(corners, np.float64)
    side, up, turn = b - c, d - c, a - b + c - d
    area = side[0] * up[1] - side[1] * up[0]
    g = (turn[0] * up[1] - turn[1] * up[0]) / area
    h = (side[0] * turn[1] - side[1] * turn[0]) / area
    return np.linalg.inv(np.vstack([np.column_stack([b - a + g * b, d - a + h * d, a]), [g, h, 1]]))


def warp(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, 2) through a homography: (n, 2); infinite beyond the horizon, where the picture shows no plane."""
    mapped = points @ matrix[:, :2].T + matrix[:, 2]  # (n, 3)
    depth = mapped[:, 2:]
    return np.where(depth > 1e-9, mapped[:, :2] / np.where(depth > 1e-9, depth, 1), np.inf)


def slopes(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How a mapped point changes with its point: the Jacobians (n, 2, 2) of a homography at points (n, 2)."""
    depth = points @ matrix[2, :2] + matrix[2, 2]  # (n,)
    return (matrix[:2, :2] - warp(matrix, points)[:, :, None] * matrix[2, :2]) / depth[:, None, None]


def corners_fault(corners: Corners) -> str | None:
    """Why no picture of a rectangle has these corners, or None."""
    points = np.array(corners)
    base = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)  # (4, 2), from each corner's neighbour to the other
    arm = points - np.roll(points, 1, axis=0)
    turns = base[:, 0] * arm[:, 1] - base[:, 1] * arm[:, 0]  # (4,), above 0 where the way around turns left
    heights = np.abs(turns) / np.hypot(base[:, 0], base[:, 1]).clip(1e-12)
    flat = int(heights.argmin())
    if heights[flat] < MIN_HEIGHT:
        return f"expected the corners of an area, got {_corner(corners, flat)} on a line with two others, or nearly"
    signs = np.sign(turns)
    if signs.sum() == 0:
        return "expected top left, top right, bottom right, bottom left, in this order, got sides that cross"
    if abs(signs.sum()) < 4:
        dent = int((signs == -np.sign(signs.sum())).argmax())
        return f"expected four corners of a rectangle seen at an angle, got {_corner(corners, dent)} between the others"
    return None


def _corner(corners: Corners, index: int) -> str:
    return "corner {} at ({:g}, {:g})".format(index + 1, *corners[index])


def fitted(picture: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """The 3x3 map from the picture to the plane that takes points `picture` (n, 2) nearest to `plane` (n, 2), n >= 4.

    The normalised direct linear transform: Hartley and Zisserman, Multiple View Geometry (2003), algorithm 4.2. The
    third coordinate is above 0 on the points' side of the horizon.
    """
    (a, from_), (b, to) = _normalised(picture), _normalised(plane)
    ones, none = np.ones((len(a), 1)), np.zeros((len(a), 3))
    a = np.hstack([a, ones])
    rows = np.vstack([np.hstack([a, none, -b[:, :1] * a]), np.hstack([none, a, -b[:, 1:] * a])])
    matrix = np.linalg.inv(to) @ np.linalg.svd(rows)[2][-1].reshape(3, 3) @ from_
    return matrix if (picture @ matrix[2, :2] + matrix[2, 2]).sum() > 0 else -matrix


def points_fault(picture: np.ndarray, plane: np.ndarray) -> str | None:
    """Why points (n, 2) of the picture and of a plane do not say how it is seen, or None."""
    if len(picture) < 4:
        return f"expected at least 4, got {len(picture)}"
    for points, where in ((picture, "in the picture"), (plane, "on the floor")):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if spread[1] < 0.05 * spread[0] or spread[0] == 0:
            return f"expected points of an area, got all of them on a line {where}, or nearly"
    matrix = fitted(picture, plane)
    # Three of four on a line, or a floor seen from below.
    depth = picture @ matrix[2, :2] + matrix[2, 2]
    singular = np.linalg.svd(_normalised(plane)[1] @ matrix @ np.linalg.inv(_normalised(picture)[1]), compute_uv=False)
    if singular[-1] < 1e-3 * singular[0] or depth.min() <= 0:
        return "expected points as a camera sees a floor, got three on a line, or some that have changed places"
    return None


def _normalised(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points about 0, 1 from it on average; and the 3x3 map that makes them so."""
    middle = points.mean(axis=0)
    scale = 1 / max(np.hypot(*(points - middle).T).mean(), 1e-12)
    matrix = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])
    return (points - middle) * scale, matrix


def seen_part(matrix: np.ndarray) -> np.ndarray:
    """The part of the picture, and of three times its size about it, that shows the rectangle 0..1 of a plane: (m, 2).

    Each border of the rectangle, and the horizon, is a line in the picture: what lies beyond one is cut off.
    """
    polygon = np.array([(-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0)])
    horizon = matrix[2] - [0, 0, 1e-3 * np.abs(matrix[2]).max()]
    for line in (matrix[0], matrix[2] - matrix[0], matrix[1], matrix[2] - matrix[1], horizon):
        polygon = _cut(polygon, line)
    return polygon


def _cut(polygon: np.ndarray, line: np.ndarray) -> np.ndarray:
    """What of a convex polygon (m, 2) lies where `line` . (x, y, 1) is not below 0 (Sutherland and Hodgman 1974)."""
    side = polygon @ line[:2] + line[2] if len(polygon) else np.empty(0)
    kept = []
    for here, there, a, b in zip(polygon, np.roll(polygon, -1, axis=0), side, np.roll(side, -1), strict=True):
        if a >= 0:
            kept.append(here)
        if (a >= 0) != (b >= 0):
            kept.append(here + (there - here) * a / (a - b))
    return np.array(kept).reshape(-1, 2)


@dataclass
class Plane:
    """A rectangle that the picture shows: by its four corners, or by the map of `matrix` (then without corners).

    `mirror`: its left and right change places.
    """

    corners: Corners | None
    mirror: bool = False
    matrix: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if self.corners is not None:
            self.border = np.array(self.corners)
            self.matrix = homography(self.corners)
        else:
            self.border = seen_part(self.matrix)
        if self.mirror:
            self.matrix = MIRROR @ self.matrix

    @staticmethod
    def through(picture: np.ndarray, plane: np.ndarray, mirror: bool = False) -> "Plane":
        """The one that points `picture` (n, 2) show nearest to `plane` (n, 2), 0..1 of the rectangle; n >= 4."""
        return Plane(None, mirror, fitted(picture, plane))

    def pixel_size(self, positions: np.ndarray, width: int) -> np.ndarray:
        """How long a pixel of a picture of `width` is at positions (n, 2) of the rectangle, in its widths: (n,)."""
        # Infinite for what lies behind the camera.
        points = warp(np.linalg.inv(self.matrix), positions)
        size = np.full(len(positions), np.inf)
        there = np.isfinite(points).all(axis=1)
        # The picture's height counts as its width does: cameras' pixels are square, and lenses differ by more.
        size[there] = np.sqrt(np.abs(np.linalg.det(slopes(self.matrix, points[there])))) / width
        return np.minimum(size, 1.0)

    def gaps(self, points: np.ndarray, aspect: float) -> np.ndarray:
        """How far points of the picture lie beside the rectangle, in its widths: (n,). `aspect`: its height / width."""
        positions = warp(self.matrix, points)
        beside = np.maximum(np.maximum(-positions, positions - 1), 0) * [1, aspect]
        return np.hypot(beside[:, 0], beside[:, 1])

    def nearest(self, points: np.ndarray, aspect: float) -> Closest:
        """Points of the picture, those beside the rectangle moved to its nearest border. `aspect`: of the picture.

        Nearest in the picture, which is as near beyond the horizon as on this side of it.
        """
        scale = np.array([1, aspect])
        near = closest(points * scale, self.border * scale)
        return near._replace(position=near.position / scale)

    def positions(self, nearest: Closest) -> np.ndarray:
        """0..1 of the rectangle's width and height: (n, 2)."""
        return warp(self.matrix, nearest.position).clip(0, 1)

    def velocities(self, nearest: Closest, velocity: np.ndarray, aspect: float) -> np.ndarray:
        """Velocities (n, 2) in the picture as those of the positions; what is held at the border moves along it."""
        scale = np.array([1, aspect])
        share = (velocity * scale * nearest.along).sum(axis=1, keepdims=True)
        moved = np.where(nearest.outside[:, None], share * nearest.along / scale, velocity)
        return (slopes(self.matrix, nearest.position) @ moved[..., None])[..., 0]

    def stretch(self, nearest: Closest) -> np.ndarray:
        """How much larger areas are on the rectangle than in the picture, each of the two counted as 1: (n,)."""
        return np.abs(np.linalg.det(slopes(self.matrix, nearest.position)))
