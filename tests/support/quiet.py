"""Observations with a bound in wall-clock time, on machines that have other things to do."""

import time
from collections.abc import Callable


def in_a_quiet_moment(observe: Callable[[], None], within_s: float = 60.0) -> None:
    """Repeats an observation until its assertions hold once.

    A busy machine may hold up any one of them. What is always late, as broken code is, never holds.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            observe()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        else:
            return
