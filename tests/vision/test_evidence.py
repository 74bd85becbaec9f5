"""What a look counts, and which places are known to fire."""

import numpy as np
import pytest

from handflow.stages.tracker import Tracker
from handflow.vision.clutter import ClutterMap
from handflow.vision.evidence import MOTIONS, SCORES, SHIPPED, Calibration, Evidence, Look, calibration_of


def test_a_calibration_travels_as_numbers_and_without_any_the_shipped_one_counts() -> None:
    mine = Calibration(-1, -2, tuple(np.arange(len(SCORES)) / 4), tuple(np.arange(len(MOTIONS)) / 8))
    assert calibration_of(np.array(mine.numbers(), np.float32)) == mine
    assert calibration_of(np.empty(0, np.float32)) == SHIPPED
    assert calibration_of(np.zeros(7, np.float32)) == SHIPPED


def test_between_the_known_scores_and_motions_it_is_in_between() -> None:
    mine = Calibration(0, 0, tuple(float(n) for n in range(len(SCORES))), tuple(float(n) for n in range(len(MOTIONS))))
    assert mine.of_peak(0.475) == pytest.approx(9.5)
    assert [mine.of_peak(score) for score in (-1, 0, 1, 2)] == [0, 0, 20, 20]
    assert mine.of_motion((MOTIONS[3] + MOTIONS[4]) / 2) == pytest.approx(3.5)
    assert mine.of_motion(99) == len(MOTIONS) - 1


@pytest.mark.parametrize(("score", "low_s", "high_s"), [(0.55, 0, 0), (0.46, 0.3, 1.2), (0.4, 9, 9), (0.3, 9, 9)])
def test_how_long_a_hand_at_rest_is_looked_at_before_it_is_believed(score: float, low_s: float, high_s: float) -> None:
    """By what scores are worth in streets: of .5 twenty-three in twenty-four are hands, of .3 one in five."""

    def look(age_s: float) -> Look:
        return Look(0.5 + 0.3j, 0.05, score, age_s, is_told=False, is_open=False, habit=0.0)

    evidence = Evidence(look(0), SHIPPED)
    waited_s = 0.0
    while evidence.probability < Tracker.start_probability and waited_s < 9:
        waited_s += 1 / 30
        evidence.look(look(waited_s), 1 / 30, SHIPPED)
    assert low_s <= min(waited_s, 9) <= high_s


def test_a_place_that_fires_becomes_usual_and_its_neighbours_do_not() -> None:
    places = ClutterMap(9 / 16)
    for _ in range(600):
        places.learn([0.5 + 0.25j], dt=0.1, learn_s=20)
    assert places.at(0.5 + 0.25j) == pytest.approx(1 - np.exp(-3), abs=0.02)
    assert places.at(0.51 + 0.25j) > 0.9
    assert places.at(0.55 + 0.25j) == 0
    for _ in range(200):
        places.learn([], dt=0.1, learn_s=20)
    assert places.at(0.5 + 0.25j) == pytest.approx(np.exp(-1), abs=0.03)


def test_two_that_fire_side_by_side_teach_a_place_no_faster_than_one() -> None:
    one, two = ClutterMap(1), ClutterMap(1)
    one.learn([0.5 + 0.5j], 1, 20)
    two.learn([0.5 + 0.5j, 0.505 + 0.5j, 0.5 + 0.5j], 1, 20)
    assert two.at(0.5 + 0.5j) == one.at(0.5 + 0.5j)


@pytest.mark.parametrize("position", [-1 - 1j, 0j, 1 + 0.5625j, 9 + 9j, 0.3 - 0.2j])
def test_a_place_outside_the_picture_is_the_nearest_inside(position: complex) -> None:
    places = ClutterMap(9 / 16)
    places.learn([position], 1, 1)
    assert places.at(position) == 0.5
