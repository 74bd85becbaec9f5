"""The filters a hand's path goes through: answers worked out by hand."""

import numpy as np
import pytest

from handflow.vision.kalman import Kalman, OneEuro, share


def test_equally_sure_place_and_measurement_meet_halfway() -> None:
    path = Kalman(0j, noise=0.1, speed=0)
    path.update_position(1 + 2j, noise=0.1)
    assert path.position == pytest.approx(0.5 + 1j)
    assert path.position_var == pytest.approx(0.005)


def test_two_exact_places_make_a_velocity() -> None:
    path = Kalman(0j, noise=1e-6, speed=10)
    path.predict(0.1)
    path.update_position(0.05j, noise=1e-6)
    assert path.velocity == pytest.approx(0.5j)


def test_an_exact_velocity_is_believed() -> None:
    path = Kalman(0j, noise=0.01, speed=1)
    path.update_velocity(2 + 0j, noise=1e-6)
    path.predict(0.5)
    assert path.position == pytest.approx(1 + 0j)


def test_the_velocity_may_change_no_more_than_to_the_top_speed() -> None:
    path = Kalman(0j, noise=0.01, speed=3)
    path.add_process_noise(1, acceleration=1, top_speed=4)
    assert path.velocity_var == pytest.approx(10)
    path.add_process_noise(1, acceleration=100, top_speed=4)
    assert path.velocity_var == pytest.approx(16)


def test_one_euro_opens_up_with_speed() -> None:
    cutoff_hz = 1 / (2 * np.pi)  # a time constant of 1 s: half of a step in 1 s
    assert OneEuro(0j, cutoff_hz, 0).step(1 + 0j, 99, 1) == pytest.approx(0.5)
    # rise x speed = 2 x 1.5 adds three times the cutoff: a time constant of 1/4 s, 4/5 of a step in 1 s
    assert OneEuro(0j, cutoff_hz, 2 * cutoff_hz).step(1 + 0j, 1.5, 1) == pytest.approx(0.8)


def test_a_low_pass_takes_up_nothing_in_no_time() -> None:
    assert share(0, 0.1) == 0
    assert share(0.1, 0.1) == 0.5
