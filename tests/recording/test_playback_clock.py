"""The clock that replays follow, and how the command starts, holds and steps it."""

import threading
from collections.abc import Callable

import pytest

from handflow.recording import playback_clock
from handflow.recording.playback_clock import PlaybackClock, PlaybackControl

NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes in a clock, however long a test takes."""
    monkeypatch.setattr(playback_clock, "now_ns", lambda: NOW_NS)


def controlled(
    steps: list[float],
    said: list[str],
    read: Callable[[], str] | None,
    paused: bool = False,
    clocks: list | None = None,
) -> PlaybackClock:
    """The clock after all keys were read."""
    sent: list[PlaybackClock] = [] if clocks is None else clocks
    after = lambda position: next((step for step in steps if step > position), None)  # noqa: E731
    control = PlaybackControl(lambda clock, _: sent.append(clock), after, said.append, paused=paused)
    control.run(read, lambda: None, threading.Event())
    return sent[-1]


def test_keys_step_frame_by_frame_and_play_on() -> None:
    said: list[str] = []
    clocks: list[PlaybackClock] = []
    seen: list[list[bool]] = []
    keys = iter("nn ")

    def read() -> str:
        seen.append([clocks[-1].wait_s(at, at, 1.0) <= 0 for at in (0.0, 0.1, 0.2)])
        return next(keys, "")

    clock = controlled([0.0, 0.1, 0.2], said, read, paused=True, clocks=clocks)
    assert clocks[0].wait_s(0.0, 0.0, 1.0) == float("inf")  # all replays are ready when they follow it
    assert seen[:3] == [[True, False, False], [True, True, False], [True, True, True]]
    assert said == ["at 0.100 s", "at 0.200 s"]
    assert clock.wait_s(0.3, 0.3, 1.0) == pytest.approx(0.1)  # it plays on from there


def test_the_end_of_the_keys_lets_a_paused_replay_go_on() -> None:
    assert controlled([0.0], [], lambda: "", paused=True).wait_s(5.0, 5.0, 1.0) < 6


def test_a_clock_goes_at_the_rate_that_is_asked_for() -> None:
    clock = PlaybackClock.starting(2.0, NOW_NS - 10**9)
    assert clock.position_s(3.0) == pytest.approx(5.0)
    assert clock.wait_s(8.0, 8.0, 3.0) == pytest.approx(1.0)
    assert clock.wait_s(8.0, 8.0, 0.0) == 0.0
    assert clock.held(4.0).wait_s(4.5, 4.5, 0.0) == float("inf")
    assert clock.held(4.0).resumed().position_s(1.0) == pytest.approx(4.0)


def test_what_a_stopped_process_has_missed_is_still_to_come() -> None:
    second = 10**9
    clock = PlaybackClock.starting(0.0, at_ns=5 * second)
    assert clock.after_stop(6 * second, 6 * second + second // 2) == clock  # a busy machine
    assert clock.after_stop(6 * second, 20 * second).at_ns == 19 * second
    assert clock.after_stop(4 * second, 20 * second) == clock  # it was set since
