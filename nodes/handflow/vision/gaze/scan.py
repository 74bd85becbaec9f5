"""The slow scan of a gaze over the rest of a frame: how long nobody has looked where, and what moves there."""

from collections.abc import Sequence

import numpy as np

from handflow.messages import Flow

from .spots import Spot
from .windows import Window, window_at

# What moves faster than this, in widths/s, moves; camera noise stays below.
MOVES = 0.08
# A moving part is looked at as if it had waited so many times as long.
MOTION = 6.0
OVERLAP = 0.2  # of a window with the next
# What moves within so many radii of a hand moves with it: the hand and some of its arm.
ARM = 3.0


class Scan:
    """A frame cut into windows that overlap; knows when each part was last looked at closely, and what moves there."""

    def __init__(self, width: int, height: int, side: float) -> None:
        counts = [max(1, int(np.ceil((most - side) / (side * (1 - OVERLAP)))) + 1) for most in (width, height)]
        xs, ys = (
            np.linspace(min(side, most) / 2, most - min(side, most) / 2, count)
            for most, count in zip((width, height), counts, strict=True)
        )
        self.windows = [window_at(x, y, side, width, height) for y in ys for x in xs]
        self.shape = len(ys), len(xs)
        self.size, self.side = (width, height), side
        centres = np.array([window.centre for window in self.windows])
        self.centres = centres / [width, height]  # (n, 2), 0..1
        # Not one beside the other: spread over the frame from the first one on (golden ratio).
        order = np.argsort(np.arange(len(centres)) * 0.6180339887498949 % 1, kind="stable")
        self.waited = np.empty(len(centres))
        self.waited[order] = np.linspace(1, 2, len(centres))
        self.moving = np.zeros(len(centres))  # 0..1, the share of each that moves

    def see(self, flow: Flow | None, known: Sequence[Spot] = ()) -> float:
        """A frame later: takes what moves in it, save with a `known` hand; gives the share of the frame that does."""
        self.waited += 1
        self.moving *= 0.8
        if flow is None or not flow.vectors.size or flow.captured_ns <= flow.since_ns:
            return 0.0
        span_s = (flow.captured_ns - flow.since_ns) / 1e9
        aspect = self.size[1] / self.size[0]
        moves = (np.hypot(flow.vectors[..., 0], flow.vectors[..., 1] * aspect) > MOVES * span_s).astype(np.float32)
        rows, columns = moves.shape
        for hand in known:
            low, high = (np.array([hand.x, hand.y]) + side * ARM * hand.radius for side in (-1, 1))
            left, right = (int(max(x, 0) * columns) for x in (low[0], high[0] + 1 / columns))
            top, bottom = (int(max(y, 0) / aspect * rows) for y in (low[1], high[1] + aspect / rows))
            moves[top:bottom, left:right] = 0
        sums = np.zeros((rows + 1, columns + 1))
        sums[1:, 1:] = moves.cumsum(axis=0).cumsum(axis=1)
        sides = np.array([window.side for window in self.windows])[:, None] / self.size  # (n, 2)
        low = ((self.centres - sides / 2).clip(0, 1) * [columns, rows]).astype(int)
        high = np.ceil((self.centres + sides / 2).clip(0, 1) * [columns, rows]).astype(int)
        (x0, y0), (x1, y1) = low.T, high.T
        area = np.maximum((x1 - x0) * (y1 - y0), 1)
        self.moving = np.maximum(self.moving, (sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]) / area)
        return float(moves.mean())

    def next(self, count: int) -> list[Window]:
        """The `count` windows that are due most."""
        best = np.argsort(-self.waited * (1 + MOTION * self.moving), kind="stable")[:count]
        return [self.windows[n] for n in best.tolist()]

    def looked(self, windows: Sequence[Window]) -> None:
        """Whoever lies in one of `windows` has been looked at."""
        for left, top, side in windows:
            low = np.array([left, top]) / self.size
            high = np.array([left + side, top + side]) / self.size
            self.waited[((self.centres > low) & (self.centres < high)).all(axis=1)] = 0
