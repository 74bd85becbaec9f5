"""Windows: square parts of a frame, all shown to the network at one size and in one batch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from handflow.messages import Heatmap
from handflow.vision.model import Model
from handflow.vision.model_input import light_gains, prepare

# Measured on the labelled pictures: of a hand that fills .3 to .5 of a window .9 are found as well as at near, of one
# that fills less of it the larger ones are not.
SHARE = 0.35  # of a window's side that a followed hand takes


class Window(NamedTuple):
    """A square part of a frame, in the frame's pixels."""

    left: int
    top: int
    side: int

    @property
    def centre(self) -> tuple[float, float]:
        return self.left + self.side / 2, self.top + self.side / 2

    def holds(self, x: float, y: float, reach: float) -> bool:
        """Whether what lies within `reach` (pixels) of a position lies in it."""
        return max(abs(x - self.centre[0]), abs(y - self.centre[1])) + reach <= self.side / 2


def window_at(x: float, y: float, side: float, width: int, height: int) -> Window:
    """The window around a position, pushed into the frame, and no larger than that."""
    whole = min(round(side), width, height)
    left, top = (min(max(round(middle - whole / 2), 0), most - whole) for middle, most in ((x, width), (y, height)))
    return Window(left, top, whole)


def window_for(x: float, y: float, radius: float, least: float, width: int, height: int) -> Window:
    """The window in which a hand of `radius` (all in pixels) is as large as the network likes it.

    `least`: how small a window may be; a smaller one would show nothing more.
    """
    return window_at(x, y, max(2 * radius / SHARE, least), width, height)


def look_at(model: Model, image: np.ndarray, windows: Sequence[Window], px: int) -> dict[str, Any]:
    """The maps of windows (one at least), each shown at `px` x `px`, as the fields of a Heatmap."""
    height, width = image.shape[:2]
    tensors = np.empty((len(windows), 3, px, px), np.uint8)
    scale, shift = np.empty((len(windows), 2)), np.empty((len(windows), 2))
    # Of the whole frame: a window may show nothing but a red coat. Every sixteenth pixel tells as much as all.
    gains = light_gains(np.ascontiguousarray(image[::16, ::16]))
    for n, (left, top, side) in enumerate(windows):
        part = image[top : top + side, left : left + side]
        prepared = prepare(part, px, px, tensors[n : n + 1], gains)
        size = np.array([side / width, side / height])
        scale[n] = prepared.scale * size * model.stride
        shift[n] = prepared.shift * size + [left / width, top / height]
    values, opens, radius, offset = model.run_batch(tensors)
    return {
        "window_values": values,
        "window_open": opens,
        "window_radius": radius,
        "window_offset": offset,
        "window_scale": scale,
        "window_shift": shift,
    }


def dark(like: Heatmap) -> Heatmap:
    """The heatmap of a frame of which nothing was looked at, with maps of the size of those of `like`."""
    return Heatmap(
        values=np.zeros_like(like.values),
        open=np.zeros_like(like.open),
        radius=np.zeros_like(like.radius),
        offset=np.zeros_like(like.offset),
        scale=like.scale,
        shift=like.shift,
        width=like.width,
        height=like.height,
        whole=False,
    )
