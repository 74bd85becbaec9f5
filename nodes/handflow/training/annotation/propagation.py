"""Boxes propagated from one picture to the next by optical flow: Median Flow (Kalal et al. 2010), from either side.

A grid of points in each box is followed by pyramidal Lucas-Kanade, there and back again. Points that do not come back
to where they started are dropped; the box moves by the median of the others' shifts and grows by the median of how
much their distances do.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

LONGER_PX = 1280  # of the picture searched: larger ones have nothing more to say about where a hand went
POINTS = 10  # a side of the grid; the paper's
INNER = 0.6  # share of the box's sides that the grid covers: its rim shows what is behind the hand
FEWEST = 20  # of its 100 points must come back, else the hand is lost; with 6 many had wandered off and nobody said so
BACK = 0.06  # of the box's longer side (and at least a pixel): a point that comes back farther away went astray
GROWTH = 1.15  # of a hand from one frame to the next at most
SEEN = 1 / 3  # share of a box inside the picture; with less the hand has left
APART = 0.5  # of the box's longer side: where both directions differ by more, both are doubtful


class Propagated(NamedTuple):
    """Boxes in the next picture, in the order of those in this one."""

    boxes: np.ndarray  # (n, 4) float: x, y, width, height in pixels
    sure: np.ndarray  # (n,) bool: False where the hand was lost, and its box stayed


def grey(image: np.ndarray) -> np.ndarray:
    """The picture (height, width, 3) as one to search in."""
    scale = LONGER_PX / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def propagate(before: np.ndarray, after: np.ndarray, boxes: np.ndarray, width: int) -> Propagated:
    """Where `boxes` (n, 4), in pixels of pictures `width` wide, have gone between two grey pictures (see `grey`)."""
    scale = before.shape[1] / width
    moved, sure = np.array(boxes, float).reshape(-1, 4), np.zeros(len(boxes), bool)
    if len(boxes) == 0:
        return Propagated(moved, sure)
    points = [grid(box, *before.shape[::-1]) for box in moved * scale]
    there, back, good = there_and_back(before, after, np.concatenate(points))
    for n, start in enumerate(points):
        part = slice(n * POINTS**2, (n + 1) * POINTS**2)
        kept = good[part] & (np.linalg.norm(back[part] - start, axis=1) <= reach(moved[n] * scale))
        found = median_move(start[kept], there[part][kept]) if kept.sum() >= FEWEST else None
        if found is not None:
            shift, growth = found
            middle = moved[n, :2] + moved[n, 2:] / 2 + shift / scale
            moved[n, 2:] *= growth
            moved[n, :2] = middle - moved[n, 2:] / 2
            sure[n] = True
    return Propagated(moved, sure)


def grid(box: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Points (POINTS ** 2, 2) spread evenly over what the picture shows of the inner part of a box."""
    middle, reach = box[:2] + box[2:] / 2, box[2:] * INNER / 2
    first, last = (np.clip(middle + way * reach, 0, [columns - 1, rows - 1]) for way in (-1, 1))
    steps = (np.arange(POINTS) + 0.5) / POINTS
    across, down = np.meshgrid(*(first + steps[:, None] * (last - first)).T)
    return np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32)


def there_and_back(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, ...]:
    """Points (p, 2) followed to the other picture (p, 2), back again (p, 2), and whether both could be done (p,)."""
    there, went = follow(before, after, points)
    back, came = follow(after, before, there)
    return there, back, went & came


def follow(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (p, 2) in the other picture (p, 2), and whether they were found there (p,)."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, points.copy(),
        winSize=(11, 11),
        maxLevel=5,  # 32 times smaller at the top: a hand may move by a tenth of the width
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01),
    )  # fmt: skip
    return np.asarray(there), np.asarray(found).ravel() > 0


def reach(box: np.ndarray) -> float:
    """How far from its start a point of the box may come back."""
    return max(1.0, BACK * float(box[2:].max()))


def median_move(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, float]:
    """The median shift (2,) of points (p, 2), and the growth of the box: half of that of the points' distances.

    Fingers that spread, and background that is taken along, make all of it too much.
    """
    shift = np.median(end - start, axis=0)
    one, other = np.triu_indices(len(start), 1)
    was = np.linalg.norm(start[one] - start[other], axis=1)
    now = np.linalg.norm(end[one] - end[other], axis=1)
    far = was > 0.5  # all but a line of a hand has left
    growth = np.median(now[far] / was[far]) if far.any() else 1
    return shift, float(np.clip(growth, 1 / GROWTH, GROWTH)) ** 0.5


def inside(box: Sequence[float] | np.ndarray, width: int, height: int) -> float:
    """The share of a box's area that lies in the picture."""
    x, y, w, h = box
    across = min(x + w, width) - max(x, 0)
    down = min(y + h, height) - max(y, 0)
    return float(max(across, 0) * max(down, 0) / (w * h))


def blend(forward: Propagated, backward: Propagated, share: float) -> Propagated:
    """Boxes propagated from the key frame before and from the one after; `share` of the way between them lies behind.

    Where only one of the two was sure, it counts alone. Where both were and lie apart, neither is.
    """
    weight = np.full(len(forward.boxes), share)
    weight[forward.sure & ~backward.sure] = 0
    weight[~forward.sure & backward.sure] = 1
    boxes = forward.boxes * (1 - weight[:, None]) + backward.boxes * weight[:, None]
    off = np.abs(middles(forward.boxes) - middles(backward.boxes)).max(axis=1)
    apart = off > APART * boxes[:, 2:].max(axis=1)
    sure = np.where(forward.sure & backward.sure, ~apart, forward.sure | backward.sure)
    return Propagated(boxes, sure)


def middles(boxes: np.ndarray) -> np.ndarray:
    """The middles (n, 2) of boxes (n, 4) of x, y, width, height."""
    return np.asarray(boxes[:, :2] + boxes[:, 2:] / 2)
