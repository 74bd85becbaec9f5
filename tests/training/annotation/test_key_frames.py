"""Key frames and what is between them, on a square that moves as is known."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from support.moving import SIZE, box, place, scene

from handflow.training.annotation.key_frames import MOST, Keyed


@pytest.fixture
def keyed() -> Keyed:
    made: dict[int, np.ndarray] = {}

    def grey(frame: int) -> np.ndarray:
        return made.setdefault(frame, scene(*place(frame)))

    return Keyed(grey, SIZE)


def hand(frame: int, id_: int = 1, off: float = 0, **changed: Any) -> dict[str, Any]:
    x, y = place(frame)
    return {"box": box(x + off, y), "kind": "open", "labelled_by": "eye", "id": id_} | changed


def middle(keyed: Keyed, frame: int, n: int = 0) -> tuple[float, float]:
    x, y, w, h = keyed.marks[frame].hands[n]["box"]
    return x + w / 2, y + h / 2


def test_a_frame_that_was_not_corrected_has_the_boxes_of_the_key_frame_before_where_they_have_gone(
    keyed: Keyed,
) -> None:
    keyed.edit(0, [hand(0)])
    for frame in range(1, 11):
        marks = keyed.look(frame)
        assert (marks.exact, marks.labelled) == (False, True)
        assert marks.hands[0]["labelled_by"] == "flow"
        np.testing.assert_allclose(middle(keyed, frame), place(frame), atol=1)


def test_frames_that_were_passed_over_are_no_labels(keyed: Keyed) -> None:
    keyed.edit(0, [hand(0)])
    keyed.look(8)
    np.testing.assert_allclose(middle(keyed, 8), place(8), atol=1)
    assert set(keyed.marks) == {0, 8}


def test_before_the_first_key_frame_boxes_are_carried_back(keyed: Keyed) -> None:
    assert keyed.look(3).hands == []
    keyed.edit(9, [hand(9)])
    keyed.look(4)
    np.testing.assert_allclose(middle(keyed, 4), place(4), atol=1)
    assert 3 not in keyed.marks, "what was seen without boxes is to be seen again"


def test_a_correction_is_blended_into_the_frames_before_it(keyed: Keyed) -> None:
    """The first key frame's box lies 12 pixels to the left: the nearer the second, the less of it is left."""
    keyed.edit(0, [hand(0, off=-12)])
    for frame in range(1, 11):
        keyed.look(frame)
    changed = keyed.edit(10, [hand(10)])
    assert changed == set(range(1, 11))
    for frame in range(1, 10):
        x, y = place(frame)
        np.testing.assert_allclose(middle(keyed, frame), (x - 12 * (10 - frame) / 10, y), atol=1)
        assert not keyed.marks[frame].exact


def test_undo_takes_a_correction_back_and_what_it_changed_before_and_after(keyed: Keyed) -> None:
    keyed.edit(0, [hand(0)])
    for frame in range(1, 9):
        keyed.look(frame)
    before = {frame: marks.hands for frame, marks in keyed.marks.items()}
    keyed.edit(4, [])
    assert keyed.marks[6].hands == []
    assert keyed.undo() == (4, {1, 2, 3, 4, 5, 6, 7, 8})
    assert {frame: marks.hands for frame, marks in keyed.marks.items()} == before
    assert keyed.keys() == [0]
    keyed.undo()
    assert keyed.marks == {}
    assert keyed.undo() is None


def test_a_hand_that_is_lost_is_no_label_until_somebody_puts_it_right(keyed: Keyed) -> None:
    still = keyed.grey
    assert still is not None
    noise = np.random.default_rng(3).integers(0, 255, SIZE[::-1]).astype(np.uint8)
    keyed.grey = lambda frame: noise if frame == 3 else still(frame)
    keyed.edit(0, [hand(0)])
    assert [keyed.look(frame).labelled for frame in range(1, 6)] == [True, True, False, False, False]
    assert keyed.marks[3].hands[0]["lost"]
    assert keyed.marks[3].hands[0]["box"] == keyed.marks[2].hands[0]["box"]
    keyed.edit(5, [hand(5)])
    assert keyed.marks[4].labelled, "from the other side it is held"
    np.testing.assert_allclose(middle(keyed, 4), place(4), atol=1)


def test_a_hand_that_moves_out_of_the_picture_is_gone(keyed: Keyed) -> None:
    keyed.edit(80, [hand(80)])
    seen = [keyed.look(frame) for frame in range(80, 96)]
    counts = [len(marks.hands) for marks in seen]
    assert counts == [1] * 9 + [0] * 7  # with two thirds of it
    assert all(marks.labelled for marks in seen)


def test_a_hand_that_was_deleted_is_there_until_then_and_one_that_was_drawn_from_then_on(keyed: Keyed) -> None:
    keyed.edit(0, [hand(0)])
    keyed.look(2)
    keyed.edit(4, [hand(4, id_=2)])
    keyed.look(6)
    ids = {frame: [each["id"] for each in marks.hands] for frame, marks in keyed.marks.items()}
    assert ids == {0: [1], 2: [1], 4: [2], 6: [2]}


def test_between_two_kinds_the_kind_is_not_known(keyed: Keyed) -> None:
    keyed.edit(0, [hand(0), hand(0, id_=2)])
    keyed.edit(4, [hand(4, kind="other"), hand(4, id_=2, kind="ignore")])
    assert [each["kind"] for each in keyed.look(2).hands] == ["unknown", "ignore"]


def test_boxes_are_not_carried_to_the_other_end_of_a_long_clip_at_once_but_step_by_step() -> None:
    asked: Counter[int] = Counter()
    still = scene(300, 180)

    def grey(frame: int) -> np.ndarray:
        asked[frame] += 1
        return still

    keyed = Keyed(grey, SIZE)
    keyed.edit(0, [{"box": box(300, 180), "kind": "open", "id": 1}])
    assert keyed.look(MOST + 1).hands == []
    assert not asked
    for frame in range(0, MOST + 40, 20):
        assert len(keyed.look(frame).hands) == 1
    assert max(asked.values()) == 2, "each step is searched once"


def test_pictures_that_have_nothing_to_do_with_each_other_pass_nothing_on() -> None:
    keyed = Keyed(None, (0, 0))
    assert keyed.edit(0, [hand(0)]) == {0}
    assert keyed.look(1).hands == []
    assert keyed.undo() == (0, {0})
    assert keyed.marks == {}


def test_what_was_stored_is_gone_on_from(keyed: Keyed) -> None:
    keyed.edit(0, [hand(0)])
    for frame in range(1, 7):
        keyed.look(frame)
    again = Keyed(keyed.grey, SIZE)
    again.load(keyed.marks)
    assert again.marks == keyed.marks
    assert keyed.grey is not None
    asked = []
    grey = keyed.grey
    again.grey = lambda frame: asked.append(frame) or grey(frame)  # type: ignore[func-returns-value]
    again.look(7)
    assert asked == [6, 7], "what was carried is not carried again"
    np.testing.assert_allclose(middle(again, 7), place(7), atol=1)
