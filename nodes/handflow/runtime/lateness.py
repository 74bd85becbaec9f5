"""How late something is that was sent by another clock."""


class Lateness:
    """Compares each delay with the least so far: how the two clocks differ, nobody needs to know.

    `forget` is by how much the least delay grows, in seconds a second: clocks drift apart, and a way that has become
    slower is no longer late.
    """

    def __init__(self, forget: float) -> None:
        self._forget = forget
        self._least_s: float | None = None
        self._seen_s = 0.0

    def restart(self) -> None:
        """The sender's clock is another one from now on."""
        self._least_s = None

    def measure(self, sent_s: float, now_s: float) -> float | None:
        """Seconds later than the least delay so far, negative if it came quicker; None: it is the first."""
        delay_s, late_s = now_s - sent_s, None
        least_s = delay_s
        if self._least_s is not None:
            least_s = self._least_s + self._forget * (now_s - self._seen_s)
            late_s = delay_s - least_s
        self._least_s, self._seen_s = min(least_s, delay_s), now_s
        return late_s
