"""Heatmap -> the hands' positions: maxima refined to a fraction of a cell. Plain functions; 0.1 ms for 80x48 cells."""

from typing import Literal, NamedTuple

import cv2
import numpy as np

from handflow.messages import Heatmap

# The best ones: a map with more is noise, and pairs of them would cost milliseconds.
MAX_PEAKS = 256


class Peaks(NamedTuple):
    """The p peaks of one heatmap, best first."""

    xy: np.ndarray  # (p, 2) float32, 0..1 of the picture's width and height
    score: np.ndarray  # (p,) float32, 0..1, the map of any hand at the peak
    open: np.ndarray  # (p,) float32, 0..1, the map of open palms there
    radius: np.ndarray  # (p,) float32, 0..1 of the picture's width


def find_peaks(
    heatmap: Heatmap, min_score: float, subpixel: Literal["log", "offset", "mean"] = "log", merge: float = 0.5
) -> Peaks:
    """The maxima of the map of any hand that reach `min_score`, none outside the picture.

    Of two that are closer than `merge` x the better one's radius only that one is kept: a hand that is large on the map
    has peaks on its fingers as well. (At far, AP of digits218 rose from .90 to 1 by it, hagrid's from .83 to .90.)

    Within a cell the position comes from a parabola through the logarithm of the 3x3 neighbourhood (`log`: exact for a
    Gaussian), from the network's offset map (`offset`), or from the 3x3 weighted mean (`mean`).
    """
    values = heatmap.values
    rows, columns = maxima(values, min_score)  # (p,) each
    cells = neighbourhoods(values, rows, columns)  # (p, 3, 3)
    if subpixel == "log":
        step = log_parabola(cells)
    elif subpixel == "offset":
        step = heatmap.offset[rows, columns].clip(-1.5, 1.5)  # farther than the loss looked, it is noise
    else:
        step = weighted_mean(cells)
    positions = np.column_stack([columns, rows]) + 0.5 + step  # (p, 2), cells
    xy = positions * heatmap.scale + heatmap.shift
    inside = ((xy >= -heatmap.scale) & (xy <= 1 + heatmap.scale)).all(axis=1)  # farther out lie the letterbox's bars
    # The two maps may peak one cell apart: the best of the neighbourhood speaks for the hand.
    opens = neighbourhoods(heatmap.open, rows, columns).max(axis=(1, 2), initial=0)
    peaks = Peaks(
        xy=xy[inside].clip(0, 1).astype(np.float32),
        score=values[rows, columns][inside],
        open=opens[inside],
        radius=(heatmap.radius[rows, columns] * heatmap.scale[0])[inside].astype(np.float32),
    )
    return distinct(peaks, heatmap.height / heatmap.width, merge)


def distinct(peaks: Peaks, aspect: float, merge: float) -> Peaks:
    """The peaks without those closer to a better one than `merge` x its radius; `aspect`: picture's height / width."""
    kept: list[int] = []
    positions = [complex(x, y * aspect) for x, y in peaks.xy.tolist()]
    reach = (merge * peaks.radius).tolist()
    for n, position in enumerate(positions):
        if all(abs(position - positions[better]) > reach[better] for better in kept):
            kept.append(n)
    return peaks if len(kept) == len(positions) else Peaks(*(column[kept] for column in peaks))


def maxima(values: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the cells that reach `least` and are the largest of their 5x5 neighbourhood, best first.

    Equal cells within reach of each other (a plateau; int8 makes them) count once.
    """
    values = np.ascontiguousarray(values)
    rows, columns = np.nonzero((values >= least) & (values == cv2.dilate(values, KERNEL)))
    best = np.argsort(-values[rows, columns], kind="stable")[:MAX_PEAKS]
    kept: list[tuple[int, int]] = []
    better: list[tuple[int, int]] = []
    # A loop: for the few peaks of a map it is quicker than ten calls of numpy on a processor that has just woken up.
    for position in zip(rows[best].tolist(), columns[best].tolist(), strict=True):
        if all(abs(position[0] - row) > 2 or abs(position[1] - column) > 2 for row, column in better):
            kept.append(position)
        better.append(position)
    rows, columns = np.array(kept, np.intp).reshape(-1, 2).T
    return rows, columns


KERNEL = np.ones((5, 5), np.uint8)


def neighbourhoods(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The 3x3 cells around each peak, (p, 3, 3); beyond the map's edge it is mirrored, so that nothing pulls there."""
    height, width = values.shape
    y = abs(rows[:, None] + STEPS)  # (p, 3)
    x = abs(columns[:, None] + STEPS)
    y = np.minimum(y, 2 * (height - 1) - y).clip(0)
    x = np.minimum(x, 2 * (width - 1) - x).clip(0)
    return values[y[:, :, None], x[:, None, :]]


STEPS = np.array([-1, 0, 1])


def log_parabola(cells: np.ndarray) -> np.ndarray:
    """(p, 3, 3) -> (p, 2): where the parabola fitted to the logarithm has its top, x and y in -0.5..0.5 cells."""
    logs = np.log(np.maximum(cells, 1e-6))
    step = np.empty((len(cells), 2))
    for axis, line in enumerate((logs.sum(axis=1), logs.sum(axis=2))):  # (p, 3): along x, along y
        bend = line[:, 0] - 2 * line[:, 1] + line[:, 2]
        flat = bend > -1e-6  # no top to find
        step[:, axis] = np.where(flat, 0, (line[:, 0] - line[:, 2]) / np.where(flat, 1, 2 * bend))
    return step.clip(-0.5, 0.5)


def weighted_mean(cells: np.ndarray) -> np.ndarray:
    """(p, 3, 3) -> (p, 2): the centre of gravity, x and y in cells."""
    total = np.maximum(cells.sum(axis=(1, 2)), 1e-6)
    x = (cells.sum(axis=1) * STEPS).sum(axis=1) / total
    y = (cells.sum(axis=2) * STEPS).sum(axis=1) / total
    return np.column_stack([x, y])
