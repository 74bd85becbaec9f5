"""How far another machine's stream clock is from ours: the exchange of NTP, over the channel of the supervisors."""

from collections import deque
from typing import NamedTuple

# A minute at one exchange a second.
KEPT_SAMPLES = 64
# How fast an old sample loses its worth, in seconds a second: RFC 5905's PHI.
DRIFT = 15e-6
# Clocks do not drift apart by more while samples are kept.
STEP_NS = 50_000_000


class ClockSample(NamedTuple):
    """What one exchange says of another machine's clock."""

    offset_ns: int  # their clock less ours
    delay_ns: int  # there and back, without their thinking; half of it bounds the error
    at_ns: int  # our clock


def exchanged(t0: int, t1: int, t2: int, t3: int) -> ClockSample:
    """One exchange: sent (our clock), received and answered (theirs), answer received (ours).

    RFC 5905, section 8: offset = ((t1 - t0) + (t2 - t3)) / 2, delay = (t3 - t0) - (t2 - t1).
    """
    return ClockSample(((t1 - t0) + (t2 - t3)) // 2, max(0, (t3 - t0) - (t2 - t1)), t3)


class Offset:
    """The best estimate from the last exchanges: that of the least delay, for queues only ever add to it.

    Like the clock filter of RFC 5905, section 10: an old sample counts as if it had been delayed more.
    """

    def __init__(self, kept: int = KEPT_SAMPLES) -> None:
        self._samples: deque[ClockSample] = deque(maxlen=kept)

    def add(self, new: ClockSample) -> None:
        """Takes one exchange more. If none before can be as true, one of the clocks was stopped or set: those go."""
        best = self.best(new.at_ns)
        if best is not None:
            error_ns = (best.delay_ns + new.delay_ns) / 2 + STEP_NS
            if abs(new.offset_ns - best.offset_ns) > error_ns:
                self.clear()
        self._samples.append(new)

    def clear(self) -> None:
        """Their clock has been set anew."""
        self._samples.clear()

    def best(self, now_ns: int) -> ClockSample | None:
        return min(self._samples, key=lambda s: s.delay_ns / 2 + (now_ns - s.at_ns) * DRIFT, default=None)
