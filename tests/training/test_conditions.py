"""Cameras out of the ordinary: what becomes of a picture's values, and where its boxes go."""

import numpy as np
import pytest

from handflow.training.conditions import APPEARANCES, VIEWS, fish_eye, interlaced, lit, mirrored, on_its_side, tilted

SIZE = (120, 160)  # rows, columns
BOX = np.array([[40, 20, 30, 24]], np.float32)


def marked(box=BOX):
    """A dark picture with a bright square in each box."""
    image = np.full((*SIZE, 3), 20, np.uint8)
    for x, y, w, h in box.astype(int):
        image[y : y + h, x : x + w] = 230
    return image


def lit_box(image):
    """The box about what is bright, (x, y, width, height)."""
    rows, columns = np.nonzero(image[..., 1] > 120)
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max() + 1, rows.max() + 1])
    return np.append(low, high - low)


@pytest.mark.parametrize("name", VIEWS)
def test_the_boxes_turn_with_the_picture(name):
    image, boxes = VIEWS[name](marked(), BOX)
    found = lit_box(image)
    middle = boxes[0, :2] + boxes[0, 2:] / 2
    assert middle == pytest.approx(found[:2] + found[2:] / 2, abs=1.5)
    # A turned box's outline is that of the ellipse in it, so a square's corners may stand out.
    assert (boxes[0, 2:] > 0.75 * found[2:]).all()
    assert (boxes[0, 2:] < found[2:] + 1).all()


@pytest.mark.parametrize("name", APPEARANCES)
def test_light_and_sensor_change_a_picture_and_are_the_same_each_time(name):
    image = marked() + np.arange(3, dtype=np.uint8)
    seen = APPEARANCES[name](image)
    assert seen.shape == image.shape
    assert seen.dtype == np.uint8
    assert (seen != image).any()
    assert (seen == APPEARANCES[name](image)).all()


def test_mirroring_and_turning_by_hand():
    assert mirrored(marked(), BOX).boxes.tolist() == [[90, 20, 30, 24]]
    image, boxes = on_its_side(marked(), BOX)
    assert image.shape == (160, 120, 3)
    assert boxes.tolist() == [[76, 40, 24, 30]]  # 120 - 20 - 24 from the left


def test_light_is_cut_off_where_it_is_too_much():
    image = np.array([[[10, 100, 200]]], np.uint8)
    assert lit(image, 2.2).tolist() == [[[22, 220, 255]]]
    assert lit(image, (1, 0.5, 0)).tolist() == [[[10, 50, 0]]]


def test_every_second_line_is_beside_its_place():
    image = np.zeros((4, 100, 3), np.uint8)
    image[:, 50] = 255
    assert interlaced(image, 0.02)[..., 0].argmax(axis=1).tolist() == [50, 52, 50, 52]


def test_a_wide_lens_shows_the_middle_larger_and_leaves_the_corners():
    middle, corner = np.array([[76, 56, 8, 8]], np.float32), np.array([[0, 0, 1, 1]], np.float32)
    seen = fish_eye(marked(), np.concatenate([middle, corner]), 0.5).boxes
    assert seen[0, 2:] == pytest.approx([12, 12], rel=0.05)
    assert seen[1] == pytest.approx([0, 0, 1, 1], abs=0.6)


def test_a_tilted_picture_stays_whole():
    corners = np.array([[0, 0, 4, 4], [156, 116, 4, 4]], np.float32)
    boxes = tilted(marked(), corners, 15).boxes
    assert (boxes[:, :2] > -1).all()
    assert (boxes[:, :2] + boxes[:, 2:] < [161, 121]).all()


def test_a_picture_without_boxes_has_none_afterwards():
    for change in VIEWS.values():
        assert change(marked(), np.zeros((0, 4), np.float32)).boxes.shape == (0, 4)
