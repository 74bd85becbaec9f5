"""Where hands are expected, drawn as a map."""

from collections.abc import Callable

import numpy as np

from handflow.messages import Hands, State

# Draws a map (rows, columns) of where hands are expected, given a map's scale, shift and shape.
PriorMap = Callable[[np.ndarray, np.ndarray, tuple[int, int]], np.ndarray]


def expected_map(
    prior: Hands, elapsed_s: float, scale: np.ndarray, shift: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """A map of `shape` (rows, columns), 0..1: Gaussians where the prior's hands should be by now."""
    alive = prior.state != State.LEAVING
    xy = prior.xy[alive] + prior.velocity[alive] * np.float32(elapsed_s)
    return blobs((xy - shift) / scale - 0.5, prior.radius[alive] / scale[0], *shape)


def blobs(centre: np.ndarray, radius: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Gaussians on a map (rows, columns): `centre` (n, 2) x, y and `radius` (n,) in cells; 0, 0 is a cell's middle."""
    sigma = np.maximum(radius / 2, 1)[:, None]  # a quarter of a hand, but not under a cell
    x = np.exp(-((np.arange(columns) - centre[:, :1]) ** 2) / (2 * sigma**2))  # (n, columns)
    y = np.exp(-((np.arange(rows) - centre[:, 1:]) ** 2) / (2 * sigma**2))  # (n, rows)
    return (y[:, :, None] * x[:, None, :]).max(axis=0, initial=0)
