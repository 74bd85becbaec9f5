"""What the network is asked to show, on maps small enough to work out by hand."""

import numpy as np
import pytest

from handflow.training.targets import (
    COARSE,
    HEAD,
    IGNORE,
    OPEN,
    OTHER,
    PERSON,
    UNKNOWN,
    WRIST,
    PeopleLabelled,
    draw_parts,
    draw_targets,
)


def draw(*hands, columns=20, rows=12, **settings):
    """Targets for hands given as (x, y, width, height, kind), in cells."""
    boxes = np.array([hand[:4] for hand in hands], np.float32).reshape(-1, 4)
    return draw_targets(boxes, np.array([hand[4] for hand in hands], int), columns, rows, **settings)


def test_a_small_hand_is_a_gaussian_of_seven_tenths_of_a_cell():
    heat = draw((5, 4, 3, 3, OPEN)).heat[0]  # centre (6.5, 5.5): the middle of cell (5, 6)
    assert heat[5, 6] == 1.0
    assert heat[5, 7] == pytest.approx(np.exp(-1 / (2 * 0.7**2)))


def test_a_large_hand_is_a_gaussian_of_a_ninth_of_its_longer_side():
    heat = draw((1.5, 0.5, 10, 6, OPEN)).heat[0]  # centre (6.5, 3.5), sigma 1.1
    assert heat[3, 8] == pytest.approx(np.exp(-4 / (2 * 1.1**2)))


def test_the_2017_disc_is_flat_and_a_quarter_of_the_hand_wide():
    heat = draw((2.5, 1.5, 8, 8, OPEN), shape="disc").heat[0]  # centre (6.5, 5.5), radius 2
    assert heat[5, 5:8].tolist() == [1, 1, 1]
    assert heat[5, 8] == 0  # two cells away: outside


def test_only_open_hands_light_the_open_map():
    heat = draw((2, 4, 3, 3, OPEN), (8, 4, 3, 3, OTHER), (14, 4, 3, 3, UNKNOWN)).heat
    assert heat[0, 5, [3, 9, 15]].tolist() == [1, 1, 1]
    assert heat[1, 5, 3] == 1
    assert heat[1, 5, [9, 15]].max() < 0.01


def test_hands_that_are_not_surely_open_do_not_count_for_the_open_map():
    mask = draw((2, 4, 3, 3, OPEN), (8, 4, 3, 3, OTHER), (14, 4, 3, 3, UNKNOWN)).mask
    assert mask[0].min() == 1
    assert mask[1, 4:7, 2:5].min() == 1
    assert mask[1, 4:7, 8:11].max() == 0
    assert mask[1, 4:7, 14:17].max() == 0
    assert mask[1].sum() == 20 * 12 - 2 * 9


def test_other_hands_can_be_made_to_count():
    mask = draw((8, 4, 3, 3, OTHER), (14, 4, 3, 3, UNKNOWN), other_weight=0.5).mask
    assert mask[1, 5, 9] == 0.5
    assert mask[1, 5, 15] == 0


def test_a_region_to_ignore_counts_for_neither_map_and_lights_none():
    targets = draw((8, 4, 3, 3, IGNORE))
    assert targets.mask[:, 4:7, 8:11].max() == 0
    assert targets.mask.sum() == 2 * (20 * 12 - 9)
    assert targets.heat.max() == 0
    assert targets.centre.max() == 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_labelled_hand_inside_an_ignored_region_counts(turned):
    hands = [(2, 2, 10, 8, IGNORE), (5, 4, 3, 3, OPEN)]
    mask = draw(*(hands[::-1] if turned else hands)).mask
    assert mask[:, 4:7, 5:8].min() == 1
    assert mask[:, 3, 5].max() == 0


def test_one_cell_holds_the_centre():
    centre = draw((5.2, 4.4, 3, 3, OTHER)).centre  # centre (6.7, 5.9)
    assert np.argwhere(centre[0]).tolist() == [[5, 6]]
    assert centre[1].max() == 0


def test_radius_and_offset_at_the_centre():
    targets = draw((5.2, 4.4, 3, 2, OTHER))  # centre (6.7, 5.4) in cell (5, 6), half of the longer side 1.5
    assert targets.size[0, 5, 6] == pytest.approx(np.log(1.5))
    assert targets.size[1:, 5, 6] == pytest.approx([0.2, -0.1], abs=1e-6)
    assert targets.size[1, 5, 7] == pytest.approx(-0.8, abs=1e-6)  # the cell to the right looks back
    assert targets.weight[1, 5, 6] == 1
    assert targets.weight[1, 5, 9] == 0


def test_between_two_hands_each_cell_speaks_of_the_nearer():
    size = draw((2, 4, 4, 4, OTHER), (6, 4, 2, 2, OTHER)).size  # centres (4, 6) and (7, 5), radii 2 and 1
    assert size[0, 5, 3] == pytest.approx(np.log(2))
    assert size[0, 5, 6] == pytest.approx(np.log(1))


def test_no_hands_are_an_empty_map_that_counts_everywhere():
    targets = draw()
    assert targets.heat.max() == 0
    assert targets.mask.min() == 1
    assert targets.weight.max() == 0


def test_a_hand_on_the_edge_keeps_its_centre_on_the_map():
    centre = draw((18, 10, 4, 4, OPEN)).centre  # its middle is the map's corner
    assert np.argwhere(centre[0]).tolist() == [[11, 19]]


def test_a_coarse_hand_has_no_centre_yet_forgives_its_neighbourhood_and_teaches_neither_offset_nor_size():
    targets = draw((2.5, 1.5, 8, 8, COARSE))  # centre (6.5, 5.5), sigma 2
    assert targets.coarse.tolist() == [[6.5, 5.5, 8]]
    assert targets.centre.max() == 0
    assert targets.heat.max() == 0
    assert targets.mask[0, 5, 8] == pytest.approx((1 - 0.6 * np.exp(-4 / (2 * 2**2))) ** 4)
    assert targets.mask[1, 5, 6] == 0
    assert targets.weight.max() == 0


def test_hands_count_more_evenly_where_asked():
    hands = [(2, 4, 3, 3, OPEN), (8, 1, 10, 10, OPEN)]  # sigma .7 and 1.1
    assert draw(*hands).mask.min() == draw(*hands).mask.max() == 1
    mask = draw(*hands, even=True).mask
    assert mask[:, 5, 3] == pytest.approx([1.7, 1.7])
    assert mask[:, 5, 12] == pytest.approx([1.2 / 1.1] * 2)
    assert mask[0, 0, 0] == 1


def parts(*rows, people=PeopleLabelled.SOME):
    table = np.array(rows, float).reshape(-1, 5)
    return draw_parts(table[:, :4], table[:, 4].astype(int), people, 20, 12)


def test_parts_of_people_light_their_own_maps():
    heat, mask = parts((2, 1, 6, 10, PERSON), (4.5, 1.5, 1, 1, HEAD))
    assert heat.shape == (5, 12, 20)
    assert heat[1, 1, 4] == heat[1].max() > 0.4  # a head at (5, 2), between four cells
    assert heat[0].argmax() in (5 * 20 + 4, 5 * 20 + 5, 6 * 20 + 4, 6 * 20 + 5)
    assert heat[2:].max() == 0
    assert mask[0, 1:11, 2:8].min() == 1  # in the person's box it is known what is where
    assert mask.sum() == 60


def test_parts_count_only_where_people_are_labelled():
    rows = [(2, 1, 6, 10, PERSON), (4.5, 1.5, 1, 1, WRIST)]
    assert parts(*rows, people=PeopleLabelled.EVERYBODY)[1].min() == 1
    assert parts(people=PeopleLabelled.EVERYBODY)[1].min() == 1  # nobody is in it
    heat, mask = parts(*rows, people=PeopleLabelled.NOBODY)
    assert heat.max() == mask.max() == 0
