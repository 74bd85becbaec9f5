"""The tracker's bars: hands on known paths, in maps at 30 fps with the noise of a network."""

from collections.abc import Sequence

import numpy as np
import pytest
from support.tracking import follow

from handflow.messages import Hands
from handflow.synthetic.trajectories import Trajectory, crossing


@pytest.mark.parametrize("seed", range(5))
def test_a_hand_at_rest_jitters_by_less_than_a_third_percent_of_the_width(seed: int) -> None:
    position = np.random.default_rng(seed).uniform(0.3, 0.7, 2).tolist()
    xy = np.array([h.xy[0] * [1, 9 / 16] for t, h in follow([lambda t: position], 3, seed) if t > 0.5])
    spans = [np.ptp(xy[k : k + 30], axis=0).max() for k in range(len(xy) - 30)]
    assert max(spans) <= 0.003


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_a_hand_at_one_width_a_second_lags_by_less_than_ten_milliseconds(fps: float) -> None:
    said = follow([lambda t: (0.05 + t, 0.41)], 0.9, seed=1, fps=fps)
    lags = [0.05 + t - h.xy[0, 0] for t, h in said if t > 0.3]
    assert abs(np.mean(lags)) <= 0.010


@pytest.mark.parametrize("seed", range(3))
def test_a_hand_that_starts_or_stops_overshoots_by_less_than_two_percent(seed: int) -> None:
    def path(t: float) -> tuple[float, float]:
        return 0.3 + min(max(t - 0.5, 0), 0.4), 0.5  # 1 width/s from one frame to the next, and stops as hard

    x = [float(h.xy[0, 0]) for t, h in follow([path], 1.6, seed) if len(h.id)]
    assert max(x) <= 0.72
    assert min(x) >= 0.28
    assert x[-1] == pytest.approx(0.7, abs=0.003)


def nearest(hands: Hands, position: tuple[float, float]) -> int:
    """The id of the hand at `position`, 0 if none is within 4 % of the width."""
    away = np.hypot(*((hands.xy - position) * [1, 9 / 16]).T)
    return int(hands.id[away.argmin()]) if len(away) and away.min() < 0.04 else 0


def apart(paths: Sequence[Trajectory], t: float, least: float) -> bool:
    """Whether two hands are both in the picture and farther from each other than `least` widths."""
    (x0, y0), (x1, y1) = (path(t) for path in paths)
    inside = all(0.03 < value < 0.97 for value in (x0, y0, x1, y1))
    return inside and np.hypot(x1 - x0, (y1 - y0) * 9 / 16) > least


@pytest.mark.parametrize(("crossings", "least"), [(20, 19), pytest.param(100, 95, marks=pytest.mark.slow)])
def test_hands_that_cross_keep_their_ids(crossings: int, least: int) -> None:
    kept = 0
    for seed in range(crossings):
        rng = np.random.default_rng(seed)
        paths, radius = crossing(rng), rng.uniform(0.03, 0.07)
        said = [(t, h) for t, h in follow(paths, 2, seed, radius=radius) if apart(paths, t, 2.2 * radius)]
        before = [moment for moment in said if moment[0] < 1]
        after = [moment for moment in said if moment[0] > 1]
        was, became = ([nearest(h, path(t)) for path in paths] for t, h in (before[-1], after[min(3, len(after) - 1)]))
        kept += was == became and 0 not in was
    assert kept >= least
