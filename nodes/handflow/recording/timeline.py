"""A recording's times without the gaps in which nothing was recorded: the machine was paused, or its clock was set."""

import bisect
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

# A step between two messages is a jump if it is longer than this, and than so many usual ones.
JUMP_NS, JUMP_STEPS = 5_000_000_000, 10
# What is left of it.
STEP_NS = 33_000_000


class TimeJump(NamedTuple):
    """Between two messages that follow each other."""

    from_ns: int
    to_ns: int

    @property
    def by_ns(self) -> int:
        return self.to_ns - self.from_ns - STEP_NS


def jumps_in(times_ns: Sequence[int]) -> list[TimeJump]:
    """The jumps in times that grow."""
    steps = [TimeJump(*pair) for pair in pairwise(times_ns)]
    usual_ns = median([step.to_ns - step.from_ns for step in steps] or [0])
    return [step for step in steps if step.to_ns - step.from_ns > max(JUMP_NS, JUMP_STEPS * usual_ns)]


class Timeline:
    """Turns times as they were recorded into times that go on, and back."""

    def __init__(self, jumps: Sequence[TimeJump] = ()) -> None:
        self.jumps = list(jumps)
        # A frame was captured before what came of it was recorded: what lies near the end of a jump is behind it.
        self._middles = [(jump.from_ns + jump.to_ns) // 2 for jump in jumps]
        self._left_out = [0]
        for jump in jumps:
            self._left_out.append(self._left_out[-1] + jump.by_ns)
        self._ends = [jump.to_ns - left for jump, left in zip(jumps, self._left_out[1:], strict=True)]

    def continuous(self, recorded_ns: int) -> int:
        return recorded_ns - self._left_out[bisect.bisect_right(self._middles, recorded_ns)]

    def recorded(self, continuous_ns: int) -> int:
        return continuous_ns + self._left_out[bisect.bisect_right(self._ends, continuous_ns)]

    def fault(self) -> str:
        """What is wrong, as part of a line; "" if nothing is."""
        if not self.jumps:
            return ""
        first = self.jumps[0]
        where = f" in {len(self.jumps)} places, first" if len(self.jumps) > 1 else ""
        return f"its times jump{where} by {(first.to_ns - first.from_ns) / 1e9:+.1f} s; it is played on there"
