"""Invented hands: what each pattern does, and that what is told of them is true."""

import numpy as np
import pytest

from handflow import State
from handflow.synthetic.patterns import PATTERNS, Crowd


def test_patterns_are_what_they_are_called() -> None:
    def ids(pattern: str, at_s: float) -> set[int]:
        crowd = Crowd(pattern, 10)
        told = [crowd.at(step / 30) for step in range(round(at_s * 30))]
        return set(told[-1].id[told[-1].state != State.LEAVING].tolist())

    assert ids("still", 3) == ids("circle", 3) == ids("crowd", 3) == set(range(1, 11))
    assert len(ids("churn", 3)) == 10  # always as many
    assert min(ids("churn", 3)) > 10  # but none of the first ones
    assert 0 < len(ids("storm", 3)) < 10


@pytest.mark.parametrize("pattern", PATTERNS)
def test_simulated_velocities_are_the_change_of_places(pattern: str) -> None:
    crowd, step_s = Crowd(pattern, 5), 1e-3
    before, after = crowd.at(1.3), crowd.at(1.3 + step_s)
    both = [i for i, id_ in enumerate(after.id) if id_ in before.id and after.state[i] != State.LEAVING]
    rows = [before.id.tolist().index(after.id[i]) for i in both]
    assert both
    moved = (after.xy[both] - before.xy[rows]) / step_s
    np.testing.assert_allclose(moved, after.velocity[both], atol=0.02)


def test_the_same_seed_makes_the_same_hands() -> None:
    def told(seed: int) -> list:
        crowd = Crowd("storm", 10, seed)
        return [crowd.at(step / 30).id.tolist() for step in range(60)]

    assert told(1) == told(1) != told(2)


def test_simulated_hands_dwell_in_zones() -> None:
    crowd = Crowd("still", 4, zones=True)
    first, later = crowd.at(0), crowd.at(1.5)
    assert first.zones == ["left", "right"]
    assert first.zone.tolist() == [int(x >= 0.5) for x, _ in first.xy.tolist()]
    assert (first.dwelt.tolist(), later.dwelt.tolist()) == ([False] * 4, [True] * 4)
