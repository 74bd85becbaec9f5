"""Whoever watches counts no time in which it did not run itself."""

import time

import pytest
from support.clocks import oversleep

from handflow.runtime.awake_clock import AwakeClock, Countdown
from handflow.runtime.profile import Profile
from handflow.runtime.transport.flow_control import SILENT_S, Ledger, topic


def test_time_passes_as_it_does_elsewhere_while_it_is_looked_at(monkeypatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = AwakeClock(step_s=1)
    begun = clock.now()
    for _ in range(100):
        now += 0.5
        clock.now()
    assert clock.now() - begun == pytest.approx(50)


@pytest.mark.parametrize("seconds", [13, 3600])
def test_of_a_sleep_no_more_than_a_step_counts(monkeypatch, seconds: float) -> None:
    clock, wait = AwakeClock(step_s=1), Countdown(3, step_s=1)
    begun = clock.now()
    oversleep(monkeypatch, seconds)
    assert 1 <= clock.now() - begun < 2
    assert 1 < wait.left() <= 2
    assert not wait.over()


def test_a_time_out_comes(monkeypatch) -> None:
    wait = Countdown(0.5, step_s=1)
    oversleep(monkeypatch, 0.6)
    assert wait.over()
    assert Countdown(0).over()


def test_a_stage_that_was_stopped_at_its_work_is_not_busy_for_that(monkeypatch) -> None:
    now_ns = 10**9
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now_ns)
    profile = Profile("heatmap", 1)
    profile.begin(now_ns)
    now_ns += 10**9
    assert profile.status()["busy_s"] == 1
    now_ns += 70 * 10**9
    assert profile.status()["busy_s"] == 3
    for _ in range(9):
        now_ns += 10**9
        busy_s = profile.status()["busy_s"]
    assert busy_s == 12  # it hangs in earnest
    profile.begin(now_ns)
    now_ns += 10**8
    assert profile.status()["busy_s"] == 0.1


def test_a_reader_keeps_its_credit_through_a_sleep_of_both(monkeypatch) -> None:
    ledger, clock = Ledger(by=1), AwakeClock(0.1)
    ledger.hear(b"\x01" + topic("reader x"), clock.now())
    ledger.count(clock.now())
    oversleep(monkeypatch, 70)
    assert ledger.lose_silent(clock.now()) == []
    assert ledger.lose_silent(clock.now() + SILENT_S) == ["reader"]
