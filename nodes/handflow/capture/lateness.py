"""How late the pictures of a stream come, from their own times and their arrivals."""

import math

from handflow.runtime.lateness import Lateness

# A picture that comes so much later than the quickest one is old.
LATE_S = 0.2
# A stream that has been late for so long is opened anew: what waits in the network goes.
BEHIND_S = 3.0
# The server's clock may go wrong by so much without its pictures counting as late.
DRIFT = 1e-3
# While pictures come quicker than all before by so much, what was kept for us is still coming in.
QUICKER_S = 0.01


class StreamLateness:
    """Tells from the pictures' own times and their arrivals how late each one is."""

    def __init__(self) -> None:
        self._lateness = Lateness(DRIFT)
        self._last_s: float | None = None  # the last picture's own time

    def measure(self, own_s: float, now_s: float) -> float | None:
        """Seconds that a picture is late; None while it cannot be told: what was kept for us is still coming in."""
        own_s = own_s if math.isfinite(own_s) else 0.0
        stalled = self._last_s is not None and own_s <= self._last_s
        self._last_s = own_s
        # A stream without times, or whose clock was set back: nothing can be told.
        if stalled or own_s <= 0:
            self._lateness.restart()
        late_s = self._lateness.measure(own_s, now_s)
        if stalled:
            return 0.0
        return None if late_s is None or late_s < -QUICKER_S else max(0.0, late_s)
