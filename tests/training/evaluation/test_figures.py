"""What is told of many detections: false alarms, the worst pictures, thresholds."""

import pytest
from support.detections import peaks, picture

from handflow.training.evaluation.figures import alarms
from handflow.training.evaluation.matching import Detections
from handflow.training.evaluation.report_images import worst_pictures
from handflow.training.evaluation.thresholds import open_at, start_score
from handflow.training.targets import OTHER


def test_alarms_are_the_peaks_that_reach_the_threshold_where_nothing_is():
    told = alarms([peaks((10, 10, 0.45, 0), (50, 50, 0.39, 0)), peaks()], 0.4)
    assert told == {
        "threshold": 0.4,
        "pictures": 2,
        "false_alarms": 1,
        "per_picture": 0.5,
        "highest": pytest.approx(0.45),
    }


def test_the_worst_pictures_are_those_with_low_hands_and_high_false_alarms():
    hand = (60, 30, 40, 40, OTHER)
    fine = Detections(picture(hand), peaks((80, 50, 0.9, 0)))
    missed = Detections(picture(hand), peaks())
    both = Detections(picture(hand), peaks((150, 50, 0.8, 0)))
    bad = worst_pictures([fine, missed, both], 0.5, 6)
    assert [(b.seen, b.missed, b.false) for b in bad] == [(both, 1, 1), (missed, 1, 0)]
    assert len(worst_pictures([missed] * 9, 0.5, 6)) == 2  # one source fills no more than a third


def test_the_start_score_leaves_two_alarms_on_a_hundred_pictures():
    empty = [peaks((10, 10, 0.61, 0)), peaks((10, 10, 0.52, 0)), peaks((10, 10, 0.43, 0)), *[peaks()] * 97]
    assert start_score(empty) == pytest.approx(0.44)
    assert start_score([]) is None


def test_palms_are_told_from_others_where_the_two_are_farthest_apart():
    palms = [(True, value) for value in (0.9, 0.7, 0.7, 0.3)] + [(False, value) for value in (0.1, 0.2, 0.4, 0.75)]
    # From .41 to .70: three of four palms, and one of four others. From .21 to .3 all and two: as far, but less strict.
    assert open_at(palms) == pytest.approx(0.555, abs=0.006)
    assert open_at(palms[:4]) is None
