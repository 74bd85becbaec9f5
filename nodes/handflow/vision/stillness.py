"""Whether anything moves before the camera, by small grey cells: 0.15 ms at 720p. Knows no hand.

A cell moves when it differs from what it was at the last whole look by more than its own noise explains: one Gaussian a
cell, learnt all the time (Wren et al., Pfinder, 1997; Stauffer and Grimson 1999 take several). What is the same all
over the picture is no motion: of exposure, flicker and clouds gain and offset are fitted and taken off first.
"""

import cv2
import numpy as np

from .kalman import share

# Cells along the longer side: a hand of 2 % of the width still covers more than one.
CELLS = 80
# Lines of the picture that speak for a cell: all of them cost 0.7 ms, two 0.12, with 2.8 times the noise.
LINES = 2
# Deviations of a cell's noise: of 3600 cells at 30 fps two in one frame are farther out by chance once in years.
FARTHEST = 7.0
# A frame is still while fewer cells moved.
FEWEST = 2
# Grey levels of a cell. Less noise is not believed: a rounding would startle. More is not taken for noise.
LEAST_NOISE, MOST_NOISE = 0.5, 5.0
# Variances: of a normal distribution .5 % lies farther out.
OUTLIER = 8.0
# What flickers for so long has become noise.
NOISE_S = 3.0
# Cameras that share a stage: of more each begins anew whenever its turn comes.
MOST_STREAMS = 32


def cells_of(image: np.ndarray) -> np.ndarray:
    """`image` (height, width, 3) or (height, width) uint8 -> grey (rows, columns) float32, CELLS along the longer."""
    height, width = image.shape[:2]
    scale = CELLS / max(height, width)
    columns, rows = max(2, round(width * scale)), max(2, round(height * scale))
    step = max(1, height // (LINES * rows))
    small = cv2.resize(np.ascontiguousarray(image[step // 2 :: step]), (columns, rows), interpolation=cv2.INTER_AREA)
    return (small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)).astype(np.float32)


class Stillness:
    """Tells motion from noise. It compares with a reference: the cells of the last whole look."""

    def __init__(self) -> None:
        self.reference: np.ndarray | None = None
        self.last_ns = 0

    def moved(self, cells: np.ndarray, captured_ns: int) -> bool:
        """Whether something moved since the last whole look. Before the first, and in another size, everything did."""
        dt, self.last_ns = max(captured_ns - self.last_ns, 0) / 1e9, captured_ns
        reference, self.cells = self.reference, cells
        if reference is None or reference.shape != cells.shape:
            # Of an unknown camera it is better to take noise for motion than motion for noise.
            self.variance = np.full(cells.shape, LEAST_NOISE**2, np.float32)
            return True
        squared = np.square(cells - adjusted(reference, cells))
        moving = int(np.count_nonzero(squared > FARTHEST**2 * self.variance))
        # Of what moves little is learnt: a hand that passes by must leave its place as wakeful as it was.
        learnt = np.minimum(squared, OUTLIER * self.variance)
        self.variance += (learnt - self.variance) * np.float32(share(dt, NOISE_S))
        np.clip(self.variance, LEAST_NOISE**2, MOST_NOISE**2, out=self.variance)
        return moving >= FEWEST

    def looked(self) -> None:
        """The picture that `moved` was last asked about is looked at in whole."""
        self.reference = self.cells


def adjusted(reference: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """`reference` as bright as `cells`, by a gain and an offset for all of it.

    Fitted to all cells, then once more to the half that fit better: something that moves must not darken the rest.
    """
    x, y = reference.ravel(), cells.ravel()
    gain, offset = line(x, y)
    apart = np.abs(y - (gain * x + offset))
    # The median of every fourth is as good.
    some = apart[::4]
    close = apart <= np.partition(some, len(some) // 2)[len(some) // 2]
    gain, offset = line(x[close], y[close])
    return gain * reference + offset


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Gain and offset of the least squares line through points; of an even picture the offset alone."""
    # Of few calls: numpy takes longer to begin than for the cells.
    middle_x, middle_y = np.add.reduce(x) / len(x), np.add.reduce(y) / len(y)
    apart = x - middle_x
    spread = np.dot(apart, apart) / len(x)
    gain = float(np.dot(apart, y) / len(x) / spread) if spread > 1 else 1.0
    return gain, float(middle_y - gain * middle_x)
