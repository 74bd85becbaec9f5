"""Time as one who watches others may count it: without the time that the watcher itself did not run.

A machine that is suspended, or a process that is stopped, has seen nothing meanwhile, and so nobody was silent. No
clock of the system leaves that out: a watcher tells it by a look that comes much later than it meant to look.
"""

import threading
import time

# What most watchers look at far more often; a longer gap counts as this.
STEP_S = 0.25


class AwakeClock:
    """Seconds by the monotonic clock, of which no gap between two readings counts for more than `step_s`.

    Whoever watches by it reads it more often than that. Several threads may.
    """

    def __init__(self, step_s: float = STEP_S) -> None:
        self._step_s = step_s
        self._read_s = self._now_s = time.monotonic()
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            read_s = time.monotonic()
            self._now_s += min(read_s - self._read_s, self._step_s)
            self._read_s = read_s
            return self._now_s


class Countdown:
    """A time-out of so many seconds, for a wait that looks at it again and again, every `step_s` at least."""

    def __init__(self, seconds: float, step_s: float = STEP_S) -> None:
        self._clock = AwakeClock(step_s)
        self._end_s = self._clock.now() + seconds

    def left(self) -> float:
        """Seconds that are left, not below 0."""
        return max(0.0, self._end_s - self._clock.now())

    def over(self) -> bool:
        return self.left() == 0
