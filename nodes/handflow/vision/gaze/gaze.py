"""A gaze: the whole frame now and then, and windows at its own resolution where hands are or may be.

Where to look is said by the hands that are followed (each in every frame, if the budget lets it), by doubt (weak peaks
of the looks before), by what moves, and by chance: a slow scan over the rest. A look at a window of 96x96 costs a sixth
of one at the whole frame at near, and shows a hand four times as large.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from handflow.messages import Flow, Frame, Hands, Heatmap
from handflow.vision.looks import frames_of, whole_of
from handflow.vision.model import Model
from handflow.vision.peaks import MERGE, NONE, distinct, join, peaks_in

from .budget import Budget
from .scan import Scan
from .spots import DOUBT, SpotMemory, followed_by
from .windows import Window, dark, look_at, window_for

# Pixels across a frame in which the scan looks: a hand of 1.5 % of it has 14. (Rendered pictures, palms of 1 to 4 %:
# AP .26 at 512, .44 at 640, .63 at 960, .64 at 1280.)
SCANNED_PX = 960
# A frame of which more than this moves is looked at as a whole sooner: somebody may come in.
MUCH_MOVES = 0.02
SOONER = 2
GAP_S = 1.0  # after this long nothing is where it was
# A frame that is not so many times as large as it is shown as a whole is looked at as a whole each time.
FINER = 1.3
# A hand that takes more of its window than this is left to looks at the whole, in each frame.
TOO_LARGE = 0.6


@dataclass
class Effort:
    """How much a gaze may do. `budget_ms` 0: no bound."""

    effort: float
    budget_ms: float
    every: int


class Gaze:
    """Looks at frames of one size, one after the other; what it saw says where it looks next."""

    def __init__(self, model: Model, px: int, budget: Budget, size: tuple[int, int], finer: bool) -> None:
        self.model, self.px, self.budget = model, px, budget
        self.finer = finer  # whether windows show anything more than the whole look
        self.width, self.height = size
        # Pixels of the frame: what is cut out smaller would be blown up, and one so wide has all that a hand needs.
        self.least = min(px, *size)
        scanned = min(max(px * size[0] / SCANNED_PX, px), *size)
        self.scan = Scan(*size, scanned)
        self.memory = SpotMemory()
        self.now = 0  # frames
        self.since = 0  # frames since the last look at the whole
        self.last_ns: int | None = None
        self.last: Heatmap | None = None  # look at the whole

    def look(
        self, frame: Frame, hands: Hands | None, flow: Flow | None, effort: Effort, whole: Callable[[], Heatmap]
    ) -> Heatmap:
        """The maps of a frame. `hands`: the tracker's of a frame before; `whole` looks at all of it."""
        if self.last_ns is not None and not 0 < frame.captured_ns - self.last_ns < GAP_S * 1e9:
            self.forget()
        self.last_ns = frame.captured_ns
        self.now += 1
        self.since += 1
        aspect = self.height / self.width
        followed = followed_by(hands, frame.captured_ns, aspect, self.now)
        moving = self.scan.see(flow, followed)
        self.memory.follow(followed)
        income = self.budget.income(effort.effort, effort.budget_ms)
        every = self.budget.every(income, sum(spot.strong for spot in self.memory.spots), effort.every)
        look_whole = self.last is None or self.since >= self.due(every, moving)
        count = self.budget.windows(income, every, self.since, look_whole)
        found = NONE
        if look_whole or self.last is None:
            self.since = 0
            with self.budget.measured():
                heatmap = self.last = whole()
            found, _ = peaks_in(whole_of(heatmap), DOUBT)
            self.memory.seen(distinct(found, aspect, MERGE), self.now, aspect)
        else:
            heatmap = dark(self.last)
        windows = self.choose(count) if self.finer else []
        if windows:
            self.budget.spend(len(windows))
            with self.budget.measured(len(windows)):
                heatmap = replace(heatmap, **look_at(self.model, frame.image, windows, self.px))
            peaks = distinct(join(heatmap, found, DOUBT), aspect, MERGE)
            self.memory.judged(peaks, frames_of(replace(heatmap, whole=False)), self.now, aspect)
            self.scan.looked(windows)
        self.memory.forget(self.now)
        return heatmap

    def forget(self) -> None:
        """What was before is no guide: another picture, or a gap."""
        self.memory, self.last, self.since = SpotMemory(), None, 0
        self.budget.credit = 0.0
        self.scan = Scan(self.width, self.height, self.scan.side)

    def due(self, every: int, moving: float) -> int:
        """After how many frames the whole is looked at again. `moving`: the share of the frame that moves."""
        most = TOO_LARGE * min(self.width, self.height) / self.width
        if not self.finer or any(spot.followed and 2 * spot.radius > most for spot in self.memory.spots):
            return 1
        return -(-every // SOONER) if moving > MUCH_MOVES else every

    def choose(self, count: int) -> list[Window]:
        """The windows of this frame: for hands first, then for doubts; of what hands leave a part scans."""
        windows: list[Window] = []
        for spot in self.memory.due(self.now):
            if len(windows) >= count - (0 if spot.strong else count // 4):
                break
            x, y, radius = (value * self.width for value in (spot.x, spot.y, spot.radius))
            if not any(window.holds(x, y, radius) for window in windows):
                windows.append(window_for(x, y, radius, self.least, self.width, self.height))
        self.scan.looked(windows)
        return windows + self.scan.next(count - len(windows))


def gaze_for(
    model: Model, px: int, frame_size: tuple[int, int], whole_size: tuple[int, int], whole_s: float, exact: bool
) -> Gaze:
    """A gaze for frames of a size (width, height) whose whole is shown to the network at `whole_size`."""
    pixels = px * px / float(np.prod(whole_size))
    finer = min(frame_size[0] / whole_size[0], frame_size[1] / whole_size[1]) > FINER
    return Gaze(model, px, Budget(whole_s, pixels, exact), frame_size, finer)
