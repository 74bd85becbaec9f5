"""A plane seen by a camera: from the picture to the plane and back. Plain functions on arrays."""

from dataclasses import dataclass

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


@dataclass
class Plane:
    """A rectangle whose corners the picture shows. `mirror`: its left and right change places."""

    corners: Corners
    mirror: bool = False

    def __post_init__(self) -> None:
        matrix = homography(self.corners)
        self.matrix = MIRROR @ matrix if self.mirror else matrix

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
        near = closest(points * scale, np.array(self.corners) * scale)
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
