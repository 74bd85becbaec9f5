"""How late the pictures of a stream come, told from their own times and their arrivals."""

# A picture that comes so much later than the quickest one is old.
LATE_S = 0.2
# A stream that has been late for so long is opened anew: what waits in the network goes.
BEHIND_S = 3.0
# The server's clock may go wrong by so much without its pictures counting as late.
DRIFT = 1e-3


class Lateness:
    """Tells from the pictures' own times and their arrivals how late each one is."""

    def __init__(self) -> None:
        self._least_s: float | None = None  # arrival less own time, of the quickest picture
        self._last_s = 0.0  # its own time
        self._measured_s = 0.0

    def measure(self, own_s: float, now_s: float) -> float | None:
        """Seconds that a picture is late; None while it cannot be told: what was kept for us is still coming in."""
        offset = now_s - own_s
        stalled = own_s <= self._last_s and self._least_s is not None
        self._last_s = own_s
        # The first picture, or a stream without times: nothing can be told.
        if self._least_s is None or stalled or own_s <= 0:
            self._least_s, self._measured_s = offset, now_s
            return 0.0 if stalled else None
        least = self._least_s + DRIFT * (now_s - self._measured_s)
        self._least_s, self._measured_s = min(least, offset), now_s
        return None if offset < least - 0.01 else offset - self._least_s
