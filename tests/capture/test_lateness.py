"""How late a picture of a stream is told from its times."""

import pytest

from handflow.capture.lateness import StreamLateness


def test_lateness_is_told_from_the_quickest_picture() -> None:
    lateness = StreamLateness()
    backlog = [lateness.measure(n / 30, 10 + n * 0.005) for n in range(1, 31)]  # a second of pictures kept for us
    assert backlog == [None] * 30
    steady = [lateness.measure(1 + n / 30, 10.15 + n / 30) for n in range(1, 31)]
    assert steady == pytest.approx([0] * 30, abs=0.01)
    assert lateness.measure(2.1, 12.25) == pytest.approx(1, abs=0.01)  # held up
    assert lateness.measure(2.6, 12.26) == pytest.approx(0.51, abs=0.01)


def test_a_clock_that_goes_wrong_does_not_make_pictures_late() -> None:
    lateness = StreamLateness()
    late = [lateness.measure(n / 30 * (1 - 3e-4), n / 30) for n in range(1, 30 * 3600)]
    assert max(each or 0 for each in late) < 0.01


def test_a_stream_without_times_is_taken_as_it_comes() -> None:
    lateness = StreamLateness()
    assert [lateness.measure(0, n / 30) for n in range(5)][1:] == [0.0] * 4
