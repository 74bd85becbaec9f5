"""Tracker: where it looks."""

import numpy as np
import pytest
from support.tracking import draw_map, ids, tracker

from handflow.stages.tracker import Tracker


def test_hands_outside_the_region_or_in_an_ignored_part_are_never_followed() -> None:
    left, right = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)], [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
    rng = np.random.default_rng(0)
    maps = [draw_map([(0.25, 0.5), (0.75, 0.5)], 0.05, rng, k / 30) for k in range(10)]
    for node, expected in (
        (Tracker(), [0.25, 0.75]),
        (Tracker(region=left), [0.25]),
        (Tracker(ignore=[right]), [0.25]),
    ):
        node.start()
        said = [node.process(map_, None) for map_ in maps]
        assert max(max(ids(hands), default=0) for hands in said) == len(expected)
        np.testing.assert_allclose(sorted(said[-1].xy[:, 0]), expected, atol=0.02)


def test_a_region_drawn_while_it_runs_is_looked_at_from_then_on() -> None:
    rng = np.random.default_rng(0)
    maps = [draw_map([(0.25, 0.5), (0.75, 0.5)], 0.05, rng, k / 30) for k in range(40)]
    node = tracker()
    before = [node.process(map_, None) for map_ in maps[:10]][-1]
    node.ignore = [[(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]]
    assert not node.changed("ignore")
    after = [node.process(map_, None) for map_ in maps[10:]][-1]
    assert sorted(ids(before)) == [1, 2]
    assert ids(after) == [id_ for id_, x in zip(ids(before), before.xy[:, 0], strict=True) if x < 0.5]


def test_a_region_without_an_area_is_refused() -> None:
    with pytest.raises(ValueError, match="region: expected an area, got points on a line"):
        Tracker(region=[(0, 0), (0.5, 0.5), (1, 1)])
