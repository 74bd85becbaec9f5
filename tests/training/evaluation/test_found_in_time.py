"""False hands, how long until a palm is told, and curves that never fall."""

from pathlib import Path

import numpy as np
import pytest

from handflow.outputs.json_line import Line, frame_line, hand_line
from handflow.training.evaluation.calibration import monotone, ratios
from handflow.training.evaluation.evidence import false_hands, first_told_s, required
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import IGNORE, OPEN, OTHER


def picture(number: int, *hands: tuple[float, float, int]) -> LabelledPicture:
    """A frame of 1000x500 with hands of 20 pixels: x, y, kind."""
    boxes = np.array([(x - 10, y - 10, 20, 20) for x, y, _ in hands], np.float32).reshape(-1, 4)
    return LabelledPicture(
        path=Path("clip.mp4"), width=1000, height=500, boxes=boxes, kinds=np.array([kind for *_, kind in hands], int),
        source="clip", group="clip", frame=number, ids=[str(n) for n in range(len(hands))],
    )  # fmt: skip


def line(number: int, *hands: tuple[int, float, float]) -> Line:
    """What is told of that frame: id, x, y in pixels."""
    found = [hand_line(id_, (x / 1000, y / 500), 0.01, 0.9, 0.9) for id_, x, y in hands]
    return frame_line("clip.mp4", number, number / 10, 1000, 500, found)


def test_only_palms_of_the_sizes_asked_for_are_required() -> None:
    shown = picture(0, (100, 100, OPEN), (300, 100, OTHER))
    assert required(shown, (0.01, 0.03)).kinds.tolist() == [OPEN, IGNORE]
    assert required(shown, (0.03, 0.05)).kinds.tolist() == [IGNORE, IGNORE]


def test_a_false_hand_is_far_from_every_hand_for_most_of_its_frames() -> None:
    frames = [picture(n, (100, 100, OPEN), (300, 100, IGNORE)) for n in range(4)]
    on, beside, ignored = (1, 100, 100), (2, 115, 100), (3, 301, 100)
    lines = [line(n, on, beside, ignored, (4, 600, 300), (5, 100 + 100 * (n == 3), 100)) for n in range(4)]
    assert false_hands(frames, lines) == 1


def test_a_palm_waits_from_its_first_labelled_frame_until_it_is_hit() -> None:
    frames = [picture(n, (100, 100, OPEN), (300, 100, OPEN)) for n in range(5)]
    lines = [line(n, *([(1, 100, 100)] if n >= 3 else [])) for n in range(5)]
    assert first_told_s(frames, lines) == pytest.approx([0.3])


def test_neighbours_that_fall_are_joined_by_weight() -> None:
    assert monotone(np.array([0.0, 3.0, 1.0, 4.0]), np.array([1.0, 1.0, 3.0, 1.0])).tolist() == [0, 1.5, 1.5, 4]
    assert monotone(np.array([1.0, 2.0]), np.ones(2)).tolist() == [1, 2]


def test_a_ratio_is_of_shares_and_alike_curves_say_nothing() -> None:
    values, hands = np.array([0.0, 1.0, 0.0, 1.0]), np.array([True, True, False, False])
    assert ratios(values, hands, np.array([0.0, 1.0])).tolist() == [0, 0]
    values = np.array([1.0] * 8 + [0.0] * 8)
    found = ratios(values, values > 0.5, np.array([0.0, 1.0]))
    assert found == pytest.approx([-np.log(9), np.log(9)])
