"""The offset between two machines' clocks, from exchanges with known answers."""

import random

from handflow.messages import Clock
from handflow.runtime.remote.clock import Offset, exchanged

MS = 1_000_000


def test_the_offset_of_one_exchange_is_that_of_the_ntp_formula() -> None:
    # Theirs is 100 ms ahead; 10 ms there, 2 ms of thinking, 10 ms back.
    found = exchanged(0, 110 * MS, 112 * MS, 22 * MS)
    assert found.offset_ns == 100 * MS
    assert found.delay_ns == 20 * MS


def test_what_is_slower_one_way_is_wrong_by_half_the_delay_at_most() -> None:
    found = exchanged(0, 130 * MS, 130 * MS, 30 * MS)  # 30 ms there, none back
    assert abs(found.offset_ns - 100 * MS) == found.delay_ns // 2 == 15 * MS


def test_the_least_delayed_exchange_counts() -> None:
    offset, chance = Offset(), random.Random(1)
    for second in range(30):
        there, back = (chance.randrange(40) * MS for _ in range(2))
        if second == 12:
            there = back = MS // 2
        t0 = second * 1000 * MS
        offset.add(exchanged(t0, t0 + there + 7 * MS, t0 + there + 7 * MS, t0 + there + back))
    best = offset.best(30_000 * MS)
    assert best is not None
    assert best.offset_ns == 7 * MS


def test_an_old_exchange_gives_way_to_a_new_one_of_about_the_same_delay() -> None:
    offset = Offset()
    offset.add(exchanged(0, 5 * MS, 5 * MS, 2 * MS))
    later = 60_000 * MS  # the clocks have drifted by 3 ms meanwhile
    offset.add(exchanged(later, later + 8 * MS + 50_000, later + 8 * MS + 50_000, later + 2 * MS + 100_000))
    best = offset.best(later)
    assert best is not None
    assert best.offset_ns == 7 * MS


def test_nothing_is_known_before_the_first_exchange_and_after_the_other_has_begun_anew() -> None:
    offset = Offset()
    assert offset.best(0) is None
    offset.add(exchanged(0, 5, 5, 2))
    offset.clear()
    assert offset.best(0) is None


def test_a_clock_that_follows_takes_steps_forward_and_great_ones_at_once_and_small_ones_back_slowly() -> None:
    class Other(Clock):
        offset_ns = 0

    Other.follow(3 * MS)
    assert Other.offset_ns == 3 * MS
    Other.follow(2 * MS)
    assert Other.offset_ns == 3 * MS - 100_000
    Other.follow(-1000 * MS)
    assert Other.offset_ns == -1000 * MS


def test_a_machine_that_was_suspended_has_another_clock_from_the_first_exchange_on() -> None:
    offset, second = Offset(), 1000 * MS
    for at in range(10):
        offset.add(exchanged(at * second, at * second + 7 * MS, at * second + 7 * MS, at * second + MS))
    back = 30 * second  # theirs stood still for 13 s; the first answer is slower than those before
    offset.add(exchanged(back, back - 13 * second, back - 13 * second, back + 20 * MS))
    best = offset.best(back)
    assert best is not None
    assert best.offset_ns == -13 * second - 10 * MS
