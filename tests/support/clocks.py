"""A machine that was asleep, for tests that cannot sleep."""

import time
from collections.abc import Callable

import pytest


def oversleep(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on the monotonic clock is so far ahead: as if nothing of this process had run meanwhile."""

    def ahead(real: Callable[[], float], by: float) -> Callable[[], float]:
        return lambda: real() + by

    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, ahead(getattr(time, name), seconds))
        monkeypatch.setattr(time, f"{name}_ns", ahead(getattr(time, f"{name}_ns"), round(seconds * 1e9)))
