"""Key frames and what is between them, on a square that moves as is known."""

from collections import Counter

import numpy as np
import pytest
from support.moving import SIZE, box, place, scene

from handflow.training.annotation.key_frames import MOST_FRAMES, KeyFrames
from handflow.training.labels.line import HandLabel


@pytest.fixture
def key_frames() -> KeyFrames:
    made: dict[int, np.ndarray] = {}

    def grey(frame: int) -> np.ndarray:
        return made.setdefault(frame, scene(*place(frame)))

    return KeyFrames(grey, SIZE)


def hand(frame: int, id_: int = 1, off: float = 0, kind: str = "open") -> HandLabel:
    x, y = place(frame)
    return HandLabel(box(x + off, y), kind, id=id_, labelled_by="eye")


def middle(key_frames: KeyFrames, frame: int, n: int = 0) -> tuple[float, float]:
    x, y, w, h = key_frames.frames[frame].hands[n].box
    return x + w / 2, y + h / 2


def test_a_frame_that_was_not_corrected_has_the_boxes_of_the_key_frame_before_where_they_have_gone(
    key_frames: KeyFrames,
) -> None:
    key_frames.edit(0, [hand(0)])
    for frame in range(1, 11):
        labels = key_frames.show(frame)
        assert (labels.exact, labels.labelled) == (False, True)
        assert labels.hands[0].labelled_by == "flow"
        np.testing.assert_allclose(middle(key_frames, frame), place(frame), atol=1)


def test_frames_that_were_passed_over_are_no_labels(key_frames: KeyFrames) -> None:
    key_frames.edit(0, [hand(0)])
    key_frames.show(8)
    np.testing.assert_allclose(middle(key_frames, 8), place(8), atol=1)
    assert set(key_frames.frames) == {0, 8}


def test_before_the_first_key_frame_boxes_are_carried_back(key_frames: KeyFrames) -> None:
    assert key_frames.show(3).hands == []
    key_frames.edit(9, [hand(9)])
    key_frames.show(4)
    np.testing.assert_allclose(middle(key_frames, 4), place(4), atol=1)
    assert 3 not in key_frames.frames, "what was seen without boxes is to be seen again"


def test_a_correction_is_blended_into_the_frames_before_it(key_frames: KeyFrames) -> None:
    """The first key frame's box lies 12 pixels to the left: the nearer the second, the less of it is left."""
    key_frames.edit(0, [hand(0, off=-12)])
    for frame in range(1, 11):
        key_frames.show(frame)
    changed = key_frames.edit(10, [hand(10)])
    assert changed == set(range(1, 11))
    for frame in range(1, 10):
        x, y = place(frame)
        np.testing.assert_allclose(middle(key_frames, frame), (x - 12 * (10 - frame) / 10, y), atol=1)
        assert not key_frames.frames[frame].exact


def test_undo_takes_a_correction_back_and_what_it_changed_before_and_after(key_frames: KeyFrames) -> None:
    key_frames.edit(0, [hand(0)])
    for frame in range(1, 9):
        key_frames.show(frame)
    before = {frame: labels.hands for frame, labels in key_frames.frames.items()}
    key_frames.edit(4, [])
    assert key_frames.frames[6].hands == []
    assert key_frames.undo() == (4, {1, 2, 3, 4, 5, 6, 7, 8})
    assert {frame: labels.hands for frame, labels in key_frames.frames.items()} == before
    assert key_frames.keys() == [0]
    key_frames.undo()
    assert key_frames.frames == {}
    assert key_frames.undo() is None


def test_a_hand_that_is_lost_is_no_label_until_somebody_puts_it_right(key_frames: KeyFrames) -> None:
    still = key_frames.grey
    assert still is not None
    noise = np.random.default_rng(3).integers(0, 255, SIZE[::-1]).astype(np.uint8)
    key_frames.grey = lambda frame: noise if frame == 3 else still(frame)
    key_frames.edit(0, [hand(0)])
    assert [key_frames.show(frame).labelled for frame in range(1, 6)] == [True, True, False, False, False]
    assert key_frames.frames[3].hands[0].lost
    assert key_frames.frames[3].hands[0].box == key_frames.frames[2].hands[0].box
    key_frames.edit(5, [hand(5)])
    assert key_frames.frames[4].labelled, "from the other side it is held"
    np.testing.assert_allclose(middle(key_frames, 4), place(4), atol=1)


def test_a_hand_that_moves_out_of_the_picture_is_gone(key_frames: KeyFrames) -> None:
    key_frames.edit(80, [hand(80)])
    seen = [key_frames.show(frame) for frame in range(80, 96)]
    counts = [len(labels.hands) for labels in seen]
    assert counts == [1] * 9 + [0] * 7  # with two thirds of it
    assert all(labels.labelled for labels in seen)


def test_a_hand_that_was_deleted_is_there_until_then_and_one_that_was_drawn_from_then_on(key_frames: KeyFrames) -> None:
    key_frames.edit(0, [hand(0)])
    key_frames.show(2)
    key_frames.edit(4, [hand(4, id_=2)])
    key_frames.show(6)
    ids = {frame: [each.id for each in labels.hands] for frame, labels in key_frames.frames.items()}
    assert ids == {0: [1], 2: [1], 4: [2], 6: [2]}


def test_between_two_kinds_the_kind_is_not_known(key_frames: KeyFrames) -> None:
    key_frames.edit(0, [hand(0), hand(0, id_=2)])
    key_frames.edit(4, [hand(4, kind="other"), hand(4, id_=2, kind="ignore")])
    assert [each.kind for each in key_frames.show(2).hands] == ["unknown", "ignore"]


def test_boxes_are_not_carried_to_the_other_end_of_a_long_clip_at_once_but_step_by_step() -> None:
    asked: Counter[int] = Counter()
    still = scene(300, 180)

    def grey(frame: int) -> np.ndarray:
        asked[frame] += 1
        return still

    key_frames = KeyFrames(grey, SIZE)
    key_frames.edit(0, [HandLabel(box(300, 180), "open", id=1)])
    assert key_frames.show(MOST_FRAMES + 1).hands == []
    assert not asked
    for frame in range(0, MOST_FRAMES + 40, 20):
        assert len(key_frames.show(frame).hands) == 1
    assert max(asked.values()) == 2, "each step is searched once"


def test_pictures_that_have_nothing_to_do_with_each_other_pass_nothing_on() -> None:
    key_frames = KeyFrames(None, (0, 0))
    assert key_frames.edit(0, [hand(0)]) == {0}
    assert key_frames.show(1).hands == []
    assert key_frames.undo() == (0, {0})
    assert key_frames.frames == {}


def test_what_was_stored_is_gone_on_from(key_frames: KeyFrames) -> None:
    key_frames.edit(0, [hand(0)])
    for frame in range(1, 7):
        key_frames.show(frame)
    again = KeyFrames(key_frames.grey, SIZE)
    again.load(key_frames.frames)
    assert again.frames == key_frames.frames
    assert key_frames.grey is not None
    asked = []
    grey = key_frames.grey
    again.grey = lambda frame: asked.append(frame) or grey(frame)  # type: ignore[func-returns-value]
    again.show(7)
    assert asked == [6, 7], "what was carried is not carried again"
    np.testing.assert_allclose(middle(again, 7), place(7), atol=1)
