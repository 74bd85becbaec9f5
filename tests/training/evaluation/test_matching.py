"""The counting, on pictures with few hands and detections, worked out by hand."""

import math

import numpy as np
import pytest
from support.detections import peaks, picture

from handflow.training.evaluation.matching import Matches, best_threshold, match, score, separation
from handflow.training.targets import COARSE, IGNORE, OPEN, OTHER, UNKNOWN


def hits(*arguments):
    return match(*arguments).hit.tolist()


def test_a_detection_within_half_of_the_longer_side_hits():
    hand = picture((60, 30, 40, 40, OTHER))  # centre (80, 50), half of the longer side 20
    assert hits(hand, peaks((99, 50, 0.9, 0)), "all") == [0]
    assert hits(hand, peaks((101, 50, 0.9, 0)), "all") == [-1]


def test_a_detection_must_lie_inside_the_box_grown_by_a_quarter():
    hand = picture((60, 40, 40, 20, OTHER))  # centre (80, 50); grown: x 55..105, y 37.5..62.5
    assert hits(hand, peaks((80, 62, 0.9, 0)), "all") == [0]
    assert hits(hand, peaks((80, 63, 0.9, 0)), "all") == [-1]  # 13 away, under 20, but outside


def test_one_detection_per_hand_and_the_best_score_comes_first():
    found = match(picture((60, 30, 40, 40, OTHER)), peaks((82, 50, 0.5, 0), (80, 50, 0.9, 0)), "all")
    assert found.score.tolist() == pytest.approx([0.9, 0.5])
    assert found.hit.tolist() == [0, -1]


def test_two_detections_between_two_hands_take_one_each():
    hands = picture((60, 30, 40, 40, OTHER), (75, 30, 40, 40, OTHER))  # centres 80 and 95
    assert hits(hands, peaks((82, 50, 0.9, 0), (84, 50, 0.8, 0)), "all") == [0, 1]


def test_a_detection_in_an_ignored_region_counts_neither_way():
    assert hits(picture((60, 30, 40, 40, IGNORE)), peaks((62, 32, 0.9, 0), (120, 50, 0.8, 0)), "all") == [-1]


def test_a_box_guessed_from_joints_is_hit_within_one_hand_width():
    coarse, sure = picture((60, 30, 40, 40, COARSE)), picture((60, 30, 40, 40, UNKNOWN))
    assert hits(coarse, peaks((119, 50, 0.9, 0)), "all") == [0]
    assert hits(coarse, peaks((121, 50, 0.9, 0)), "all") == [-1]
    assert hits(sure, peaks((119, 50, 0.9, 0)), "all") == [-1]


def test_native_requires_open_palms_and_ranks_by_the_open_map():
    hands = picture((10, 30, 40, 40, OPEN), (100, 30, 40, 40, OTHER))
    found = match(hands, peaks((30, 50, 0.5, 0.8), (120, 50, 0.9, 0.3), (180, 90, 0.4, 0.6)), "native")
    assert found.score.tolist() == pytest.approx([0.8, 0.6])  # the fist was hit: neither required nor false
    assert found.hit.tolist() == [0, -1]
    assert len(found.size) == 1


def test_the_centre_error_is_a_part_of_the_hands_size():
    assert match(picture((60, 30, 40, 20, OTHER)), peaks((84, 40, 0.9, 0)), "all").error == pytest.approx([0.1])


def test_the_radius_is_told_of_the_true_one():
    one = match(picture((60, 30, 40, 20, OTHER)), peaks((80, 40, 0.9, 0)), "all")  # found 10 pixels, half of 40 is true
    assert one.radius == pytest.approx([0.5])
    assert score([one], 0.5).radius == pytest.approx(0.5)


def found(score, hit, hands, size=0.15):
    scores = np.array(score, float)
    hit = np.array(hit, int)
    right = np.where(hit >= 0, 1.0, math.nan)
    return Matches(scores, hit, right / 10, np.full(hands, size), right)


def test_average_precision_is_the_area_under_the_curve():
    # Hit, false, hit, with 4 hands: precision 1, 1/2, 2/3 at recall 1/4, 1/4, 2/4.
    one = found([0.9, 0.8, 0.7], [0, -1, 1], 4)
    assert score([one], 0.0).ap == pytest.approx(1 / 4 * 1 + 1 / 4 * 2 / 3)


def test_precision_recall_and_f1_are_those_at_the_threshold():
    one = found([0.9, 0.8, 0.7], [0, -1, 1], 4)
    at = score([one], 0.75)
    assert (at.precision, at.recall) == (0.5, 0.25)
    assert at.f1 == pytest.approx(2 * 0.5 * 0.25 / 0.75)


def test_the_best_threshold_is_where_f1_is_highest():
    assert best_threshold([found([0.9, 0.8, 0.7, 0.2], [0, -1, 1, -1], 2)]) == pytest.approx(0.7)


def test_recall_at_precision_nine_tenths():
    # Nine hits, a false alarm (precision 9/10), a tenth hit (10/11), another false alarm (10/12).
    one = found(np.linspace(0.9, 0.5, 12), [*range(9), -1, 9, -1], 20)
    assert score([one], 0.0).recall_at_p90 == pytest.approx(10 / 20)


def test_recall_is_told_by_size():
    small = found([0.9], [0], 2, size=0.02)
    large = found([0.9, 0.1], [0, 1], 2, size=0.3)
    by_size = score([small, large], 0.5).recall_by_size
    assert by_size == {"<3%": 0.5, "3-5%": None, "5-10%": None, "10-20%": None, ">20%": 0.5}


def test_false_alarms_are_counted_on_pictures_without_hands():
    empty = [found([0.9, 0.6, 0.3], [-1, -1, -1], 0), found([], [], 0)]
    at = score(empty, 0.5)
    assert at.false_alarms == 1.0
    assert at.ap is None


def test_palms_are_told_from_other_hands_by_the_area_under_the_roc_curve() -> None:
    told = separation([(True, 0.9), (True, 0.5), (False, 0.5), (False, 0.1)], threshold=0.4)
    assert told["area"] == (1 + 1 + 0.5 + 1) / 4  # a tie counts half
    assert told["open"] == {"hands": 2, "median": 0.7, "above": 1.0}
    assert told["other"] == {"hands": 2, "median": 0.3, "above": 0.5}
    assert separation([(True, 0.9)])["area"] is None
