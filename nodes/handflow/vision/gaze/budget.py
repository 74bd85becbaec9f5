"""What a gaze may spend: how many windows a frame, and how often the whole frame is looked at.

Everything is counted in looks at the whole frame. What a window costs of one is measured as it goes on, in processor
time, so that other programs do not count; in a run that is to be repeated it is reckoned from the pixels.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# A window costs more than its pixels: measured, by a fifth (96x96 in a batch of two, int8).
OVERHEAD = 1.2
# How much a measurement changes what is known, so that one frame of ten at most is noticed.
FOLLOW = 0.05
# The whole is looked at so many times less often, at most, than asked for where windows need the time.
RARER = 3
# Windows of one frame: more of them would delay its hands.
MOST = 16
# What was not spent is kept for so many windows, and so much debt is remembered.
SAVED, DEBT = 4, 1.5


class Budget:
    """Earns with each frame, and spends on looks.

    `effort`: looks at the whole that a frame may cost; `whole_s`: what one takes, seconds of the processor;
    `pixels`: a window's share of the whole look's pixels; `exact`: nothing depends on a clock, `whole_s` neither.
    """

    def __init__(self, whole_s: float, pixels: float, exact: bool) -> None:
        self.exact = exact
        # A measured time would change the last bits of a window's share, and with them the number of windows.
        self.whole_s = whole_s = 1.0 if exact else whole_s
        self.window_s = whole_s * pixels * OVERHEAD
        self.credit = 0.0  # looks

    @property
    def window(self) -> float:
        """What a window costs, of a look at the whole."""
        return self.window_s / self.whole_s

    def income(self, effort: float, budget_ms: float) -> float:
        """Looks a frame: `effort`, but no more than `budget_ms` of the processor (0: no bound)."""
        if self.exact or not budget_ms:
            return effort
        return min(effort, budget_ms / 1000 / self.whole_s)

    def every(self, income: float, needed: int, every: int) -> int:
        """Each how many-eth frame the whole is looked at, so that `needed` windows a frame can be paid."""
        left = income - needed * self.window
        if left * every >= 1:
            return every
        return every * RARER if left * every * RARER <= 1 else -int(-1 // left)

    def windows(self, income: float, every: int, since: int, whole: bool) -> int:
        """How many windows this frame may have.

        Looks at the whole are paid in instalments, `every` of them each; one that comes sooner, `since` frames after
        the last, costs what is still open.
        """
        self.credit += income - 1 / every
        if whole:
            self.credit -= max(1 - since / every, 0)
        self.credit = min(max(self.credit, -DEBT), income + SAVED * self.window)
        return min(max(int(self.credit / self.window), 0), MOST)

    def spend(self, windows: int) -> None:
        self.credit -= windows * self.window

    @contextmanager
    def measured(self, windows: int = 0) -> Iterator[None]:
        """Around a look at so many windows, 0: at the whole."""
        if self.exact:
            yield
            return
        began = time.process_time()
        yield
        took = time.process_time() - began
        if windows:
            self.window_s += FOLLOW * (took / windows - self.window_s)
        else:
            self.whole_s += FOLLOW * (took - self.whole_s)
