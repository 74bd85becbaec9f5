"""The looks that a heatmap holds, at the whole picture and at windows of it, and their peaks joined into one list.

Each look sees some hands better than the others do: a window one that is small, the whole one that is larger than the
window, and neither one that it cuts off. So of the peaks at one place those of the look count that suits the hand.
"""

from typing import NamedTuple

import numpy as np

from handflow.messages import Heatmap

# A window cannot judge a hand that is longer than this share of its side: what is a palm to it may be a finger.
LARGEST = 0.6
# A hand is whole in a window if its centre is so many of its radii away from where the window is cut off.
CUT = 0.6
# Of two looks the finer one counts if it shows a place so many times as large.
FINER = 1.2
# Peaks of two windows closer than so many radii are of one hand: where one of them cuts it a little, it is off.
ACROSS = 0.75
# A large hand that the coarser look is so sure of has its fingers' peaks in finer looks taken away.
SURE = 0.3


class Peaks(NamedTuple):
    """The p peaks of one heatmap, best first."""

    xy: np.ndarray  # (p, 2) float32, 0..1 of the picture's width and height
    score: np.ndarray  # (p,) float32, 0..1, the map of any hand at the peak
    open: np.ndarray  # (p,) float32, 0..1, the map of open palms there
    radius: np.ndarray  # (p,) float32, 0..1 of the picture's width


class Looks(NamedTuple):
    """A stack of l looks of one size: the whole picture alone, or windows. Cells as in `Heatmap`."""

    values: np.ndarray  # (l, rows, columns)
    open: np.ndarray
    radius: np.ndarray
    offset: np.ndarray  # (l, rows, columns, 2)
    scale: np.ndarray  # (l, 2)
    shift: np.ndarray  # (l, 2)


class Frames(NamedTuple):
    """What l looks show of a picture, in 0..1 of its width and height."""

    low: np.ndarray  # (l, 2) top left
    high: np.ndarray  # (l, 2) bottom right
    cell: np.ndarray  # (l,) a cell, of the width
    side: np.ndarray  # (l,) how wide it is; infinite: the whole

    def hold(self, peaks: Peaks, aspect: float) -> np.ndarray:
        """Which hands they show from border to border, not so large that they could be wrong about them: (l, p)."""
        low, high, xy = self.low[:, None], self.high[:, None], peaks.xy
        reach = CUT * peaks.radius[:, None] * [1, 1 / aspect]
        # Where the picture ends nothing is cut off by the window.
        after = (xy - reach >= low) | ((low <= 0) & (xy >= low))
        before = (xy + reach <= high) | ((high >= 1) & (xy <= high))
        fits: np.ndarray = 2 * peaks.radius <= LARGEST * self.side[:, None]
        return np.asarray((after & before).all(axis=2)) & fits

    def cover(self, xy: np.ndarray) -> np.ndarray:
        """Which positions (p, 2) one of them shows: (p,)."""
        shown = ((xy >= self.low[:, None]) & (xy <= self.high[:, None])).all(axis=2)
        return np.asarray(shown.any(axis=0))


def whole_of(heatmap: Heatmap) -> Looks:
    """The look at the whole picture."""
    h = heatmap
    return Looks(h.values[None], h.open[None], h.radius[None], h.offset[None], h.scale[None], h.shift[None])


def windows_of(heatmap: Heatmap) -> Looks:
    """The windows."""
    h = heatmap
    return Looks(h.window_values, h.window_open, h.window_radius, h.window_offset, h.window_scale, h.window_shift)


def frames_of(heatmap: Heatmap) -> Frames:
    """What was looked at: the windows, and behind them the whole, if it was."""
    rows, columns = heatmap.window_values.shape[1:]
    high = heatmap.window_shift + heatmap.window_scale * [columns, rows]
    cell = heatmap.window_scale[:, 0]
    frames = Frames(heatmap.window_shift, high, cell, cell * columns)
    if not heatmap.whole:
        return frames
    # The picture's border and some more: the whole cuts off nothing.
    all_of_it = Frames(np.full((1, 2), -1.0), np.full((1, 2), 2.0), heatmap.scale[None, 0], np.full(1, np.inf))
    return Frames(*(np.concatenate(parts) for parts in zip(frames, all_of_it, strict=True)))


def was_looked_at(heatmap: Heatmap, xy: np.ndarray) -> np.ndarray:
    """Which positions (p, 2) were looked at: where one was not, that no peak is there says nothing."""
    return frames_of(heatmap).cover(xy)


def joined(frames: Frames, found: Peaks, look: np.ndarray, aspect: float) -> Peaks:
    """The peaks that looks found, without those that another look knows better, best first.

    `look` (p,): whose each is; `aspect`: picture's height / width. A hand that a window cuts off is left to the look
    that has all of it: another window, the whole, or the window that is laid around it in the next frame.
    """
    holds = frames.hold(found, aspect)
    cell = frames.cell[look]
    kept = holds[look, np.arange(len(look))]
    kept &= ~(holds & (frames.cell[:, None] * FINER < cell)).any(axis=0)
    # What lies on a hand that a coarser look has found and that is too large for this window is a part of it.
    apart = np.hypot(*((found.xy[:, None] - found.xy) * [1, aspect]).transpose(2, 0, 1))
    large = 2 * found.radius > LARGEST * frames.side[look][:, None]
    parts = (apart < found.radius) & large & (found.score >= SURE) & (cell > FINER * cell[:, None])
    kept &= ~parts.any(axis=1)
    same = (apart < ACROSS * found.radius) & (look != look[:, None]) & kept
    kept &= ~(same & (found.score > found.score[:, None])).any(axis=1)
    order = np.flatnonzero(kept)
    order = order[np.argsort(-found.score[order], kind="stable")]
    return Peaks(*(column[order] for column in found))
