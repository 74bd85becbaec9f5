"""Clocks for tests: one that stands still, and that of a machine that was asleep."""

import time
from collections.abc import Callable
from types import ModuleType

import pytest


class StillClock:
    """Stands for `time` in a module of ours: seconds pass when a test says so, however long the test itself takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        self.now_s = 1000.0
        for module in modules:
            monkeypatch.setattr(module, "time", self)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def oversleep(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on the monotonic clock is so far ahead: as if nothing of this process had run meanwhile."""

    def ahead(real: Callable[[], float], by: float) -> Callable[[], float]:
        return lambda: real() + by

    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, ahead(getattr(time, name), seconds))
        monkeypatch.setattr(time, f"{name}_ns", ahead(getattr(time, f"{name}_ns"), round(seconds * 1e9)))
