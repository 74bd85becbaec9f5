"""A machine that was asleep, for tests that cannot sleep."""

import time

import pytest


def oversleep(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """From now on the monotonic clock is so far ahead: as if nothing of this process had run meanwhile."""
    real_s, real_ns = time.monotonic, time.monotonic_ns
    monkeypatch.setattr(time, "monotonic", lambda: real_s() + seconds)
    monkeypatch.setattr(time, "monotonic_ns", lambda: real_ns() + round(seconds * 1e9))
