"""How late something is that was sent by another clock."""

import pytest

from handflow.runtime.lateness import Lateness


def test_what_takes_longer_than_the_quickest_is_late_by_the_difference() -> None:
    lateness = Lateness(forget=0)
    assert lateness.measure(100, 3) is None
    assert lateness.measure(101, 4.5) == pytest.approx(0.5)
    assert lateness.measure(102, 4.9) == pytest.approx(-0.1)  # quicker than all before
    assert lateness.measure(103, 6) == pytest.approx(0.1)


def test_the_quickest_is_forgotten_by_and_by() -> None:
    lateness = Lateness(forget=0.05)
    lateness.measure(0, 1)
    assert lateness.measure(20, 22) == pytest.approx(1 - 0.05 * 21)


def test_another_clock_begins_anew() -> None:
    lateness = Lateness(forget=0)
    lateness.measure(0, 1)
    lateness.restart()
    assert lateness.measure(0, 50) is None
