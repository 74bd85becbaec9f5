"""Paths of gestures of the user's own, and the file that holds them.

A path becomes 24 points, evenly spaced along it, about their middle and as large as one: the $1 recogniser (Wobbrock et
al. 2007) without its turning, for a stroke up is none to the side; compared as in Protractor (Li 2010), by the cosine.
"""

import json
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from handflow.errors import SetupError
from handflow.runtime.files import replacing
from handflow.runtime.node import Range

NAME = r"[a-z][a-z0-9_]{0,39}"
POINTS = 24
SHORTEST = 1.5  # sizes: a path shorter than this is a hand at rest
ALIKE = 0.85  # the cosine from which on two paths are the same gesture, unless examples differ more
LEAST_ALIKE = 0.75


class OwnGesture(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One gesture as its examples show it."""

    paths: list[list[tuple[float, float]]]  # each POINTS long, normalised
    seconds: list[Annotated[float, Range(0.05, 10)]]
    lengths: list[Annotated[float, Range(0.1, 1000)]]  # sizes, along the path


def normalised(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Paths (n, m, 2) -> (n, POINTS, 2) of length one in all, and how long each was (n,)."""
    steps = np.hypot(*np.moveaxis(np.diff(points, axis=1), 2, 0))
    along = np.concatenate([np.zeros((len(points), 1)), steps.cumsum(axis=1)], axis=1)
    length = np.maximum(along[:, -1], 1e-9)
    wanted = np.linspace(0, 1, POINTS)
    out = np.empty((len(points), POINTS, 2))
    for row in range(len(points)):
        for axis in range(2):
            out[row, :, axis] = np.interp(wanted, along[row] / length[row], points[row, :, axis])
    out -= out.mean(axis=1, keepdims=True)
    return out / np.maximum(np.linalg.norm(out, axis=(1, 2), keepdims=True), 1e-9), length


def threshold(paths: np.ndarray) -> float:
    """How alike a path must be to examples (n, POINTS, 2): nearly as much as they are to each other."""
    if len(paths) < 2:
        return ALIKE
    flat = paths.reshape(len(paths), -1)
    alike = flat @ flat.T - 2 * np.eye(len(flat))
    return float(np.clip(alike.max(axis=1).min() - 0.05, LEAST_ALIKE, ALIKE))


def load_own(file: Path) -> dict[str, OwnGesture]:
    """The gestures of a file. SetupError."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, OwnGesture])
    except (OSError, msgspec.DecodeError) as error:
        raise SetupError(f"{file}: expected gestures that `handflow gestures teach` wrote, got {error}") from error
    for name, gesture in found.items():
        sizes = {len(gesture.paths), len(gesture.seconds), len(gesture.lengths)}
        if len(sizes) != 1 or 0 in sizes or any(len(path) != POINTS for path in gesture.paths):
            raise SetupError(f"{file}: {name}: expected paths of {POINTS} points, with seconds and lengths for each")
    return found


def save_own(file: Path, gestures: dict[str, OwnGesture]) -> None:
    """Writes the file anew."""
    with replacing(file) as part:
        part.write_text(json.dumps(msgspec.to_builtins(gestures)) + "\n", "utf-8")


def example_of(times_s: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The gesture in a hand's path (n, 2), in sizes: from where it begins to move to where it rests again.

    Its normalised path, seconds and length. SetupError: it does not move.
    """
    speeds = np.hypot(*np.diff(points, axis=0).T) / np.maximum(np.diff(times_s), 1e-6)
    moving = np.flatnonzero(speeds > 0.15 * speeds.max(initial=0))
    if not len(moving):
        raise SetupError("expected a hand that moves, got one at rest")
    part = slice(moving[0], moving[-1] + 2)
    path, length = normalised(points[None, part])
    if length[0] < SHORTEST:
        raise SetupError(f"expected a path of at least {SHORTEST} hand sizes, got {length[0]:.1f}")
    return path[0], float(times_s[part][-1] - times_s[part][0]), float(length[0])
