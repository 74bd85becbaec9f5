"""When a clip's frames were taken, from time stamps that may be wrong or missing."""

import math
import statistics
from collections import deque
from collections.abc import Callable

from handflow.runtime.names import one_line

# A frame that comes so much later than the one before it, and so many usual steps, is no gap: the clock was set.
JUMP_S, JUMP_STEPS = 5.0, 10
# So many steps, and seconds, back is more than how the file tells times exactly.
BACK_S, BACK_STEPS = 0.1, 2
KEPT_STEPS = 31
USUAL_FPS = 30.0


class FrameTimes:
    """Seconds since the first frame, ever later: as the stamps have it, and at the usual rate where they jump.

    `say` is given one line at the first jump. Stamps that stand still are none.
    """

    def __init__(self, name: str, fps: float, say: Callable[[str], None]) -> None:
        self._name, self._say = name, say
        self._nominal_s = 1 / (fps if 0 < fps <= 1000 else USUAL_FPS)
        self._steps: deque[float] = deque(maxlen=KEPT_STEPS)
        self._stamp = 0.0  # of the frame before
        self._shift = 0.0  # from stamps to times
        self._t = -math.inf  # of the frame before
        self._count = 0

    def follow(self, stamp_s: float) -> float:
        """The time of the next frame, whose stamp this is."""
        self._count += 1
        if self._count == 1:
            self._stamp = stamp_s if math.isfinite(stamp_s) else 0.0
            self._t, self._shift = 0.0, -self._stamp
            return self._t
        usual_s = statistics.median(self._steps) if self._steps else self._nominal_s
        step_s = stamp_s - self._stamp
        back_s, jump_s = max(BACK_S, BACK_STEPS * usual_s), max(JUMP_S, JUMP_STEPS * usual_s)
        jumped = not -back_s <= step_s <= jump_s
        t = self._t + usual_s
        if jumped:
            self._tell(step_s, usual_s)
        elif (own := stamp_s + self._shift) > self._t:
            t = own
            self._steps.append(step_s) if step_s > 0 else None
        if math.isfinite(stamp_s):
            self._stamp = stamp_s
            if jumped:
                self._shift = t - stamp_s
        self._t = t
        return t

    def _tell(self, step_s: float, usual_s: float) -> None:
        how = f"jump by {step_s:+.1f} s" if math.isfinite(step_s) else "are no numbers"
        self._say(
            f"{one_line(self._name)}: the time stamps {how} at frame {self._count - 1}; "
            f"it goes on there at {1 / usual_s:.4g} frames a second"
        )
        self._say = lambda line: None
