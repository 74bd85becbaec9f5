"""Samples: what becomes of pictures and their hands on the way into one."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from handflow.errors import LabelError
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.samples.compose import compose, merge, sample, visible
from handflow.training.samples.drawn_hand import draw_hand
from handflow.training.samples.layers import Layer, covered, place, turn_boxes
from handflow.training.samples.pool import Pool
from handflow.training.targets import HEAD, IGNORE, OPEN, OTHER, PERSON, PeopleLabelled


def picture(group="anna", boxes=((40, 30, 30, 40),), kinds=(OPEN,), path="nowhere.png"):
    return LabelledPicture(
        path, 160, 120, np.array(boxes, np.float32).reshape(-1, 4), np.array(kinds, int), "desk", group
    )


def test_a_picture_that_cannot_be_read_is_told_once_and_another_is_drawn(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((120, 160, 3), 90, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    pool = Pool([picture(path=tmp_path / "a.png"), picture("ben", path=tmp_path / "broken.png")])
    rng = np.random.default_rng(1)
    assert all(sample(rng, pool, 160, 96).image.shape == (96, 160, 3) for _ in range(8))
    assert capsys.readouterr().err.count("broken.png: expected a picture that OpenCV can decode") == 1
    with pytest.raises(LabelError, match="the last 20 pictures that were drawn for training could not be read"):
        sample(rng, Pool([picture(path=tmp_path / "broken.png")]), 160, 96)


def test_a_box_turned_by_a_quarter_lies_on_its_side():
    turn = np.array([[0.0, -1], [1, 0]])
    boxes = turn_boxes(np.array([[10.0, 20, 30, 40]]), turn, 2.0, np.array([200.0, 0]))
    assert boxes == pytest.approx(np.array([[80, 20, 80, 60]]))  # centre (25, 40) -> (-40, 25) * 2 + (200, 0)


def test_a_hand_cut_off_by_the_edge_is_ignored_and_one_outside_is_gone():
    boxes = np.array([[-20, 10, 30, 30], [-8, 10, 30, 30], [200, 10, 30, 30], [50, 50, 4, 4]])
    left, kinds = visible(boxes, np.array([OPEN, OPEN, OPEN, OTHER]), 160, 120)
    assert kinds.tolist() == [IGNORE, OPEN, IGNORE]  # a third is left; most is left; too small to tell
    assert left.tolist() == [[0, 10, 10, 30], [0, 10, 22, 30], [50, 50, 4, 4]]


def test_a_covered_hand_is_gone():
    def layer(alpha, box):
        return Layer(np.zeros((120, 160, 3), np.uint8), alpha, np.array([box], np.float32), np.array([OPEN]))

    cover = np.zeros((120, 160), np.float32)
    cover[:, :80] = 1
    _, boxes, kinds, _ = merge(
        [layer(np.ones((120, 160), np.float32), [20, 20, 30, 30]), layer(cover, [60, 60, 10, 10])]
    )
    assert boxes.tolist() == [[60, 60, 10, 10]]
    assert kinds.tolist() == [OPEN]


def hand_picture(folder):
    """A red square for a hand on a grey wall."""
    image = np.full((120, 160, 3), 90, np.uint8)
    image[30:70, 40:70] = [30, 60, 220]
    path = folder / "hand.png"
    cv2.imwrite(str(path), image)
    return picture(path=path)


def redness(image):
    return image[..., 2].astype(int) - image[..., 0]


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_placed_hand_lies_in_its_box(tmp_path, cut, seed):
    rng = np.random.default_rng(seed)
    for _ in range(20):  # until one is not over the edge
        layer = place(rng, hand_picture(tmp_path), 40.0, 320, 180, cut=cut)
        boxes, kinds = visible(layer.boxes, layer.kinds, 320, 180)
        if len(kinds) and IGNORE not in kinds:
            break
    assert len(kinds)
    assert IGNORE not in kinds
    x, y, w, h = boxes[0]
    lit = np.argwhere((redness(layer.image) > 100) & (layer.alpha > 0.5))
    assert lit.mean(axis=0) == pytest.approx([y + h / 2, x + w / 2], abs=2.5)


def test_the_same_seed_makes_the_same_sample(tmp_path):
    pool = Pool([hand_picture(tmp_path)])
    one, two = (compose(np.random.default_rng(5), pool, 320, 180) for _ in range(2))
    other = compose(np.random.default_rng(6), pool, 320, 180)
    assert (one.image == two.image).all()
    assert (one.boxes == two.boxes).all()
    assert one.image.shape != other.image.shape or (one.image != other.image).any()


def test_samples_hold_hands_down_to_a_fiftieth_of_the_width(tmp_path):
    pool = Pool([hand_picture(tmp_path)])
    samples = [compose(np.random.default_rng(n), pool, 320, 180) for n in range(80)]
    sizes = np.concatenate([s.boxes[s.kinds != IGNORE, 2:].max(axis=1, initial=0) for s in samples]) / 320
    assert sizes.min() < 0.035
    assert sizes.max() > 0.2


def test_a_drawn_hand_fills_its_box():
    for number in range(12):
        layer = draw_hand(np.random.default_rng(number), 60.0, 320, 192)
        (box,) = layer.boxes
        assert box[2:].max() == pytest.approx(60, abs=0.5)
        if (box[:2] > 0).all() and (box[:2] + box[2:] < [320, 192]).all():
            assert covered(layer.alpha, box) > 0.5


def people_pool(folder, **said):
    """A picture of a red square for a hand, with a person about it."""
    parts = np.array([[20, 10, 80, 100, PERSON], [50, 12, 16, 16, HEAD]], np.float32)
    person = replace(hand_picture(folder), parts=parts, people=PeopleLabelled.SOME, **said)
    return Pool([person], rendered=1.0)


def test_a_sample_of_rendered_people_holds_their_parts(tmp_path):
    pool = people_pool(tmp_path, rendered=True)
    for seed in range(12):
        sample = compose(np.random.default_rng(seed), pool, 320, 192)
        assert sample.people is PeopleLabelled.SOME
        assert PERSON in sample.parts[:, 4]
        assert not {PERSON, HEAD} & set(sample.kinds.tolist())
        person = sample.parts[sample.parts[:, 4] == PERSON][0, :4]
        hand = sample.boxes[0]
        middle = hand[:2] + hand[2:] / 2
        assert ((middle > person[:2] - 2) & (middle < person[:2] + person[2:] + 2)).all()


def test_pasted_pieces_leave_no_parts_labelled(tmp_path):
    pool = people_pool(tmp_path)  # not rendered: drawn as all pictures are
    drawn = [compose(np.random.default_rng(seed), pool, 320, 192) for seed in range(60)]
    assert {s.people for s in drawn} == {PeopleLabelled.NOBODY, PeopleLabelled.SOME}


def test_data_sets_are_drawn_by_their_shares(tmp_path):
    one, two = (replace(hand_picture(tmp_path), dataset=name, group=name) for name in ("street", "desk"))
    pool = Pool([one, two, two], shares={"street": 3.0, "desk": 1.0})
    rng = np.random.default_rng(0)
    names = [pool.near.draw(rng).dataset for _ in range(400)]
    assert names.count("street") == pytest.approx(300, abs=30)
    assert {Pool([one, two], shares={"desk": 1.0}).near.draw(rng).dataset for _ in range(20)} == {"desk"}
