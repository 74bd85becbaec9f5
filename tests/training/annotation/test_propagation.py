"""Boxes carried by optical flow: on textures whose move is known."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from support.moving import SIZE, box, scene, texture

from handflow.training.annotation.propagation import Propagated, blend, grey, inside, propagate


@pytest.mark.parametrize("shift", [(0, 0), (7.3, -4.6), (-15, 6), (0.4, 0.2)])
def test_a_box_goes_with_what_is_in_it_to_within_half_a_pixel(shift: tuple[float, float]) -> None:
    before, after = scene(300, 180), scene(300 + shift[0], 180 + shift[1])
    moved = propagate(before, after, np.array([box(300, 180)]), SIZE[0])
    assert moved.sure.all()
    np.testing.assert_allclose(moved.boxes[0], box(300 + shift[0], 180 + shift[1]), atol=0.5)


def test_after_forty_frames_it_is_still_within_a_pixel() -> None:
    places = [(200 + 5.3 * n, 180 + 40 * np.sin(n / 6)) for n in range(41)]
    boxes = np.array([box(*places[0])])
    frames = [scene(*place) for place in places]
    for before, after in pairwise(frames):
        moved = propagate(before, after, boxes, SIZE[0])
        assert moved.sure.all()
        boxes = moved.boxes
    np.testing.assert_allclose(boxes[0, :2] + boxes[0, 2:] / 2, places[-1], atol=1)


def test_two_boxes_go_their_own_ways() -> None:
    before, after = scene(300, 180), scene(312, 180)
    moved = propagate(before, after, np.array([box(300, 180), box(100, 100, 60)]), SIZE[0])
    np.testing.assert_allclose(moved.boxes, [box(312, 180), box(100, 100, 60)], atol=0.5)


def test_a_box_grows_with_its_hand_but_carefully() -> None:
    moved = propagate(scene(300, 180), scene(300, 180, 88), np.array([box(300, 180)]), SIZE[0])
    assert 80 * 1.02 < moved.boxes[0, 2] <= 88
    np.testing.assert_allclose(moved.boxes[0, :2] + moved.boxes[0, 2:] / 2, [300, 180], atol=0.7)


def test_what_is_gone_is_lost_and_its_box_stays() -> None:
    other = cv2.resize(texture(7), SIZE).astype(np.uint8)
    moved = propagate(scene(300, 180), other, np.array([box(300, 180)]), SIZE[0])
    assert moved.sure.tolist() == [False]
    assert moved.boxes.tolist() == [box(300, 180)]


def test_on_a_blank_wall_there_is_nothing_to_hold_on_to() -> None:
    blank = np.full(SIZE[::-1], 128, np.uint8)
    assert propagate(blank, blank, np.array([box(300, 180)]), SIZE[0]).sure.tolist() == [False]


def test_no_boxes_are_carried_to_no_boxes() -> None:
    assert propagate(scene(300, 180), scene(300, 180), np.empty((0, 4)), SIZE[0]).boxes.shape == (0, 4)


def test_boxes_are_in_pixels_of_the_picture_though_a_smaller_one_is_searched() -> None:
    large = (2560, 1440)
    frames = [grey(np.repeat(scene(x, 700, 300, large)[..., None], 3, axis=2)) for x in (1000, 1040)]
    assert frames[0].shape == (720, 1280)
    moved = propagate(*frames, np.array([box(1000, 700, 300)]), large[0])
    np.testing.assert_allclose(moved.boxes[0], box(1040, 700, 300), atol=1)


def test_a_box_between_two_key_frames_is_nearer_to_the_nearer_one() -> None:
    forward = Propagated(np.array([box(100, 100)]), np.array([True]))
    backward = Propagated(np.array([box(108, 96)]), np.array([True]))
    assert blend(forward, backward, 0.25).boxes.tolist() == [box(102, 99)]


def test_where_one_way_lost_the_hand_the_other_counts_alone() -> None:
    good, lost = (
        Propagated(np.array([box(100, 100)]), np.array([True])),
        Propagated(np.array([box(50, 9)]), np.array([False])),
    )
    for ways in ((good, lost), (lost, good)):
        met = blend(*ways, 0.5)
        assert met.boxes.tolist() == [box(100, 100)]
        assert met.sure.tolist() == [True]
    assert blend(lost, lost, 0.5).sure.tolist() == [False]


def test_two_ways_that_lie_apart_are_both_doubted() -> None:
    ways = [Propagated(np.array([box(x, 100)]), np.array([True])) for x in (100, 190)]
    assert blend(*ways, 0.5).sure.tolist() == [False]


@pytest.mark.parametrize(
    ("given", "share"),
    [([10, 10, 20, 20], 1), ([-10, 10, 20, 20], 0.5), ([630, 350, 20, 20], 0.25), ([700, 9, 9, 9], 0)],
)
def test_how_much_of_a_box_lies_in_the_picture(given: list[float], share: float) -> None:
    assert inside(given, *SIZE) == pytest.approx(share)
