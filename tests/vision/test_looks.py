"""One hand is one peak, however many looks show it."""

import numpy as np
import pytest

from handflow import Heatmap
from handflow.vision.looks import was_looked_at
from handflow.vision.peaks import find_peaks
from handflow.vision.prior import blobs

WIDTH, HEIGHT = 1280, 720


def looked(whole=(), windows=(), seen=True):
    """A heatmap whose whole (80x45 cells) shows hands (x, y, radius, score; pixels), and each window what it says.

    A window: (left, top, side), and its hands; 24x24 cells.
    """
    values, radius = drawn(whole, 0, 0, 16, (45, 80))
    maps = [drawn(hands, left, top, side / 24, (24, 24)) for (left, top, side), hands in windows]
    places = np.array([place for place, _ in windows], float).reshape(-1, 3)
    stack = np.array([found for found, _ in maps]).reshape(-1, 24, 24)
    return Heatmap(
        values=values if seen else values * 0,
        open=values * 0,
        radius=radius,
        offset=np.zeros((45, 80, 2)),
        scale=np.array([1 / 80, 1 / 45]),
        shift=np.zeros(2),
        width=WIDTH,
        height=HEIGHT,
        whole=seen,
        window_values=stack,
        window_open=stack * 0,
        window_radius=np.array([found for _, found in maps]).reshape(-1, 24, 24),
        window_offset=np.zeros((*stack.shape, 2)),
        window_scale=places[:, 2:] / 24 / [WIDTH, HEIGHT],
        window_shift=places[:, :2] / [WIDTH, HEIGHT],
    )


def drawn(hands, left, top, cell, shape):
    values, radius = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    for x, y, r, score in hands:
        blob = score * blobs(
            np.array([[(x - left) / cell - 0.5, (y - top) / cell - 0.5]]), np.array([r / cell]), *shape
        )
        radius = np.where(blob > values, r / cell, radius)
        values = np.maximum(values, blob)
    return values, radius


def places(heatmap):
    return (find_peaks(heatmap, 0.1).xy * [WIDTH, HEIGHT]).tolist()


def test_a_window_finds_what_lies_in_it_where_it_is():
    heatmap = looked(windows=[((600, 300, 96), [(640, 350, 12, 0.8)])], seen=False)
    assert places(heatmap) == [pytest.approx([640, 350], abs=1)]


def test_of_a_small_hand_the_window_tells_and_not_the_whole():
    heatmap = looked([(652, 344, 20, 0.9)], [((600, 300, 96), [(640, 350, 12, 0.5)])])
    assert places(heatmap) == [pytest.approx([640, 350], abs=1)]


def test_what_a_window_sees_to_be_nothing_is_nothing():
    assert places(looked([(640, 350, 12, 0.3)], [((600, 300, 96), [])])) == []


def test_a_hand_that_a_window_cuts_off_is_left_to_the_whole():
    heatmap = looked([(692, 350, 16, 0.6)], [((600, 300, 96), [(690, 350, 12, 0.9)])])
    assert places(heatmap) == [pytest.approx([692, 350], abs=3)]


def test_a_hand_on_the_border_of_two_windows_is_one():
    hand = (690, 350, 12, 0.8)
    heatmap = looked([hand], [((600, 300, 96), [(686, 350, 10, 0.7)]), ((676, 300, 96), [(693, 350, 11, 0.8)])])
    assert len(places(heatmap)) == 1
    both = looked([], [((620, 300, 96), [hand]), ((660, 310, 96), [hand])], seen=False)
    assert places(both) == [pytest.approx([690, 350], abs=1)]


def test_windows_do_not_see_each_other():
    """Their maps are searched as one: what is at the foot of one is no neighbour of the head of the next."""
    heatmap = looked([], [((100, 624, 96), [(148, 714, 8, 0.8)]), ((100, 0, 96), [(148, 6, 8, 0.9)])], seen=False)
    assert len(places(heatmap)) == 2


def test_fingers_of_a_large_hand_are_no_hands():
    heatmap = looked([(640, 360, 120, 0.9)], [((600, 200, 96), [(640, 250, 14, 0.95)])])
    assert places(heatmap) == [pytest.approx([640, 360], abs=3)]


def test_at_the_border_of_the_picture_nothing_is_cut_off():
    assert len(places(looked([], [((0, 0, 96), [(6, 40, 14, 0.8)])], seen=False))) == 1


def test_where_nobody_looked_is_known():
    there = np.array([[640, 350], [100, 100]]) / [WIDTH, HEIGHT]
    window = [((600, 300, 96), [])]
    assert was_looked_at(looked(windows=window, seen=False), there).tolist() == [True, False]
    assert was_looked_at(looked(windows=window), there).all()
