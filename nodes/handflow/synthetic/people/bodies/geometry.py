"""Directions and rotations of limbs, and meshes as arrays."""

import math
from collections.abc import Sequence

import numpy as np

UP = np.array([0.0, 1.0, 0.0])


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector (3,) at length 1."""
    return vector / max(math.sqrt(vector @ vector), 1e-9)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product of two vectors (3,), ten times as fast as numpy's, which takes any arrays."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def rotation(axis: Sequence[float] | np.ndarray, angle: float) -> np.ndarray:
    """The rotation (3, 3) by `angle` (radians) about `axis`: Rodrigues' formula."""
    x, y, z = unit(np.asarray(axis, float))
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew


def axes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The right-handed frame (3, 3, columns) whose first axis is `first` and whose second is nearest to `second`."""
    first = unit(first)
    second = unit(second - first * (first @ second))
    return np.stack([first, second, cross(first, second)], 1)


def twist(start: np.ndarray, goal: np.ndarray, axis: np.ndarray) -> float:
    """The angle about `axis` that best turns the rotation `start` into `goal`."""
    d = goal @ start.T
    sine = axis @ np.array([d[2, 1] - d[1, 2], d[0, 2] - d[2, 0], d[1, 0] - d[0, 1]])
    return float(np.arctan2(sine, np.trace(d) - axis @ d @ axis))


def reach(shoulder: np.ndarray, lengths: tuple[float, float], goal: np.ndarray, pole: np.ndarray) -> np.ndarray:
    """Directions (2, 3) of upper arm and forearm that bring the wrist to `goal`, the elbow out towards `pole`."""
    a, b = lengths
    way = goal - shoulder
    distance = float(np.clip(np.linalg.norm(way), abs(a - b) + 0.02, a + b - 0.005))
    along = unit(way)
    aside = unit(pole - along * (pole @ along))
    cosine = np.clip((a * a + distance * distance - b * b) / (2 * a * distance), -1, 1)
    elbow = a * (cosine * along + np.sqrt(1 - cosine * cosine) * aside)
    return np.stack([unit(elbow), unit(along * distance - elbow)])


def vertex_normals(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Normals (n, 3) of vertices: of the triangles around each, weighted by their areas."""
    corner = positions[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros_like(positions)
    for k in range(3):
        np.add.at(normals, triangles[:, k], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
