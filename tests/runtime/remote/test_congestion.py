"""How much is on its way to another machine: simulated links, second by second."""

import pytest

from handflow.runtime.remote.congestion import MAX_WINDOW, SILENT_S, CongestionWindow


def played(per_message_s: float, trip_s: float, fps: float = 30, seconds: float = 60) -> tuple[float, list[float]]:
    """A link that carries one message in `per_message_s`, and takes `trip_s` each way: frames a second, and the ages of
    those that arrived in the last half."""
    window, free, acks, ages = CongestionWindow(), 0.0, [], []
    for number in range(1, int(seconds * fps) + 1):
        now = number / fps
        for ack in [a for a in acks if a[0] <= now]:
            acks.remove(ack)
            window.arrived(b"reader", ack[1], ack[0])
        if window.open(now):
            window.sent(number, now)
            free = max(free, now) + per_message_s
            acks.append((free + 2 * trip_s, number))
            if now > seconds / 2:
                ages.append(free + trip_s - now)
    return len(ages) / (seconds / 2), ages


def test_a_good_link_carries_every_frame() -> None:
    fps, ages = played(0.001, 0.0005)
    assert fps == pytest.approx(30, abs=0.1)
    assert max(ages) < 0.01


def test_a_far_link_carries_every_frame() -> None:
    fps, ages = played(0.005, 0.1)  # six frames are on their way at a time
    assert fps > 27
    assert max(ages) < 0.25


@pytest.mark.parametrize("per_message_s", [0.1, 0.5, 1.0])
def test_a_slow_link_is_used_and_its_frames_are_new(per_message_s: float) -> None:
    fps, ages = played(per_message_s, 0.005)
    assert fps > 0.7 / per_message_s
    assert sorted(ages)[len(ages) // 2] < 1.5 * per_message_s + 0.1
    assert max(ages) < 2.2 * per_message_s + 0.15


def test_before_anybody_has_acknowledged_messages_go_out() -> None:
    assert CongestionWindow().open(0)


def test_a_reader_that_is_gone_stops_nobody_for_long() -> None:
    window = CongestionWindow()
    window.sent(1, 0)
    window.arrived(b"reader", 1, 0.01)
    number = 1
    while window.open(0.02):
        number += 1
        window.sent(number, 0.02)
    assert number <= MAX_WINDOW
    assert not window.open(1)
    assert window.open(1 + SILENT_S)


def test_a_slow_reader_does_not_hold_up_a_fast_one() -> None:
    window = CongestionWindow()
    for number in range(1, 200):
        now = number / 30
        assert window.open(now)
        window.sent(number, now)
        window.arrived(b"fast", number, now + 0.01)
        if number % 20 == 1:
            window.arrived(b"slow", number, now + 0.01)


def test_acknowledgements_of_what_was_never_sent_are_nothing() -> None:
    window = CongestionWindow()
    window.sent(1, 0)
    window.arrived(b"liar", 99, 1)
    assert window.readers == {}
    for name in range(100):
        window.arrived(bytes([name]), 1, 1)
    assert len(window.readers) <= 16
