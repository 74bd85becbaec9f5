"""The numbers of a hand, column by column, and how a target wants its coordinates."""

from typing import NamedTuple

import numpy as np

# Columns of FrameState.integers and FrameState.floats.
ID, SLOT, STATE, ZONE = range(4)
X, Y, W, H, VX, VY, SCORE, AGE, OPEN = range(9)

LIMIT = 1e6  # positions and speeds beyond this are no hand's
LEAST = np.array([-LIMIT, -LIMIT, 0, 0, -LIMIT, -LIMIT, -LIMIT, 0, -LIMIT], np.float32)
MOST = np.array([LIMIT, LIMIT, 0.5, 1, LIMIT, LIMIT, LIMIT, LIMIT, LIMIT], np.float32)  # w is still a radius
# What a target with plain coordinates gets: positions and sizes within the picture.
PLAIN_LEAST, PLAIN_MOST = LEAST.copy(), MOST.copy()
PLAIN_LEAST[:2], PLAIN_MOST[:2], PLAIN_MOST[W] = 0, 1, 1


class CoordinateTransform(NamedTuple):
    """How a target wants coordinates: flipped, x and y swapped, clamped to 0..1, scaled, moved; in that order."""

    flip: str = ""
    swap: bool = False
    clamp: bool = True
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def apply(self, floats: np.ndarray, velocities_before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """FrameState.floats (n, 9) and FrameState.velocities_before (n, 2) in the target's coordinates."""
        if self == PLAIN:
            return np.minimum(np.maximum(floats, PLAIN_LEAST), PLAIN_MOST), velocities_before
        floats, before = floats.copy(), velocities_before.copy()
        for axis, name in enumerate("xy"):
            if name in self.flip:
                floats[:, X + axis] = 1 - floats[:, X + axis]
                floats[:, VX + axis] *= -1
                before[:, axis] *= -1
        if self.swap:
            floats[:, [X, Y, W, H, VX, VY]] = floats[:, [Y, X, H, W, VY, VX]]
            before = before[:, ::-1]
        if self.clamp:
            np.clip(floats[:, : Y + 1], 0, 1, out=floats[:, : Y + 1])
        scale = np.asarray(self.scale, np.float32)
        floats[:, X : Y + 1] = floats[:, X : Y + 1] * scale + np.asarray(self.offset, np.float32)
        floats[:, W : H + 1] *= np.abs(scale)
        floats[:, VX : VY + 1] *= scale
        return floats, before * scale


PLAIN = CoordinateTransform()
