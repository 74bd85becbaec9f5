"""Pauses before another try."""

from handflow.runtime.backoff import pause_s


def test_pauses_grow_and_the_last_one_stays() -> None:
    assert [pause_s((1, 5, 30), failures) for failures in (0, 1, 2, 3, 1000)] == [1, 5, 30, 30, 30]
