"""Surface: its zones, and what stays while it is calibrated."""

from collections.abc import Sequence

import numpy as np
import pytest
from support.surfaces import HALF, LEFT, RIGHT, hands_at, surface, walk

from handflow import Hands, State
from handflow.stages.surface import Surface, Zone


def test_zones_of_one_name_or_without_an_area_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a different name for each, got 'left' twice"):
        Surface(zones=[LEFT, LEFT])
    with pytest.raises(ValueError, match="zones: 'line': expected an area, got points on a line"):
        Surface(zones=[Zone(name="line", polygon=[(0, 0), (0.5, 0.5), (1, 1)])])


# Zones


def zones(said: Sequence[Hands]) -> list[int]:
    return [int(hands.zone[0]) for hands in said]


def in_surface(x: float, y: float = 0.5) -> tuple[float, float]:
    """A place of HALF in the picture."""
    return 0.25 + x / 2, 0.25 + y / 2


def test_a_hand_is_in_the_zone_it_is_over() -> None:
    node = surface(corners=HALF, zones=[LEFT, RIGHT])
    told = node.process(hands_at(in_surface(0.3), in_surface(0.8)))
    assert told.zones == ["left", "right"]
    assert told.zone.tolist() == [0, 1]


def test_without_zones_every_hand_is_in_none() -> None:
    told = surface(corners=HALF).process(hands_at(in_surface(0.3)))
    assert (told.zone.tolist(), told.zone_s.tolist(), told.dwelt.tolist(), told.zones) == ([-1], [0], [False], [])


def test_where_zones_overlap_the_first_counts() -> None:
    button = Zone(name="button", polygon=[(0.2, 0.4), (0.4, 0.4), (0.4, 0.6), (0.2, 0.6)])
    said = walk(surface(corners=HALF, zones=[button, LEFT]), [in_surface(x) for x in (0.1, 0.3, 0.45)])
    assert zones(said) == [1, 0, 1]


def test_a_hand_at_a_zones_border_changes_once() -> None:
    positions = [in_surface(0.49)] + [in_surface(0.5 + 0.01 * (-1) ** k) for k in range(40)]
    assert set(zones(walk(surface(corners=HALF, zones=[LEFT], linger_s=0), positions))) == {0}
    told = zones(walk(surface(corners=HALF, zones=[LEFT, RIGHT], linger_s=0), positions))
    assert np.count_nonzero(np.diff(told)) <= 1


def test_a_hand_leaves_a_zone_beyond_the_margin_and_after_the_time() -> None:
    near, far = in_surface(0.515), in_surface(0.6)
    said = walk(surface(corners=HALF, zones=[LEFT], margin=0.02, linger_s=0.1), [in_surface(0.4), near, *[far] * 5])
    assert zones(said) == [0, 0, 0, 0, -1, -1, -1]  # out for 1, 2, 3 frames of 33 ms


def test_a_hand_dwells_once_it_has_stayed_long_enough() -> None:
    said = walk(surface(corners=HALF, zones=[LEFT]), [in_surface(0.8), *[in_surface(0.3)] * 20, *[in_surface(0.8)] * 9])
    assert [bool(hands.dwelt[0]) for hands in said] == [False] * 16 + [True] * 7 + [False] * 7  # 15 frames: 0.5 s
    assert said[16].zone_s[0] == pytest.approx(0.5, abs=1e-6)
    assert said[-1].zone_s[0] == 0


def test_a_hand_that_comes_back_into_a_zone_begins_to_dwell_again() -> None:
    positions = [in_surface(0.3)] * 10 + [in_surface(0.8)] * 5 + [in_surface(0.3)]
    assert walk(surface(corners=HALF, zones=[LEFT]), positions)[-1].zone_s[0] == 0


def test_a_leaving_hand_is_in_no_zone() -> None:
    said = walk(surface(corners=HALF, zones=[LEFT]), [in_surface(0.3), None])
    assert zones(said) == [0, -1]


def test_a_clock_that_starts_again_leaves_nothing_hanging() -> None:
    node = surface(corners=HALF, zones=[LEFT], linger_s=0)
    node.process(hands_at(in_surface(0.3), frame=900))
    assert node.process(hands_at(in_surface(0.8), frame=0)).zone.tolist() == [-1]
    assert node.process(hands_at((0.95, 0.5), frame=1)).state.tolist() == [State.LEAVING]
