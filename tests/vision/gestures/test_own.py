"""A gesture of the user's own, from examples."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from handflow import Hands, Phase
from handflow.errors import SetupError
from handflow.stages.gestures import GestureStage
from handflow.vision.gestures.lesson import EXAMPLES
from handflow.vision.gestures.recogniser import Recogniser
from handflow.vision.gestures.templates import OwnGesture, example_of, load_own, save_own

TICKS = np.arange(90) / 30


def zigzag(rng: np.random.Generator, mirrored: bool = False) -> np.ndarray:
    """(90, 2) sizes: across, down and back, across again, as a Z; a second of rest before and after."""
    corners = np.array([[0, 0], [3, 0], [0, 3], [3, 3]]) + rng.normal(0, 0.25, (4, 2))
    part = np.interp(TICKS, [1, 2], [0, 3])
    way = np.stack([np.interp(part, range(4), corners[:, axis]) for axis in range(2)], axis=1)
    return (way * [-1, 1] if mirrored else way) + rng.normal(0, 0.03, (90, 2))


def taught(file: Path) -> dict[str, OwnGesture]:
    rng = np.random.default_rng(1)
    paths, seconds, lengths = zip(*(example_of(TICKS, zigzag(rng)) for _ in range(5)), strict=True)
    points = [[(x, y) for x, y in path.tolist()] for path in paths]
    save_own(file, {"zorro": OwnGesture(paths=points, seconds=list(seconds), lengths=list(lengths))})
    return load_own(file)


def seen(path: np.ndarray) -> Iterator[Hands]:
    for number, (x, y) in enumerate(path * 0.04 + 0.4):
        yield Hands(
            id=[1], state=[1], xy=[[x, y]], velocity=[[0, 0]], radius=[0.02], score=[1], open=[0.3],
            is_open=[False], age=[1], width=100, height=100, stream=1, captured_ns=round(number / 30 * 1e9),
        )  # fmt: skip


def begun(own: dict[str, OwnGesture], path: np.ndarray) -> list[str]:
    recogniser, names = Recogniser(own=own), []
    for hands in seen(path):
        gestures = recogniser.step(hands)
        names += [name for name, phase in zip(gestures.name, gestures.phase, strict=True) if phase == Phase.START]
    return names


def test_it_is_told_where_it_is_made_and_not_where_its_mirror_image_is(tmp_path: Path) -> None:
    own, rng = taught(tmp_path / "own.json"), np.random.default_rng(2)
    assert [begun(own, zigzag(rng)).count("zorro") for _ in range(5)] == [1] * 5
    assert [begun(own, zigzag(rng, mirrored=True)).count("zorro") for _ in range(5)] == [0] * 5


def test_a_gesture_that_is_made_five_times_is_learnt_and_told_from_then_on(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(3), tmp_path / "own.json"
    stage = GestureStage(own=str(file), teach="zorro")
    stage.start()
    assert stage.fault.startswith("no file")
    path = np.concatenate([zigzag(rng) for _ in range(5)])
    # Something else in between is no example.
    path = np.concatenate([path[:90], zigzag(rng, mirrored=True), path[90:]])
    notes = [stage.note for hands in seen(path) if stage.process(hands) is not None]
    assert f"zorro: {EXAMPLES} of {EXAMPLES}" not in notes
    assert "zorro: that was another movement than the first; 1 of 5" in notes
    assert "zorro: 4 of 5" in notes
    # The fifth one is told as well.
    assert (notes[-1], stage.fault) == ("zorro", "")
    learnt = load_own(file)
    assert len(learnt["zorro"].paths) == EXAMPLES
    assert begun(learnt, zigzag(rng)).count("zorro") == 1


@pytest.mark.parametrize(
    ("settings", "line"),
    [({"teach": "wave", "own": "a"}, "no gesture of ours"), ({"teach": "a"}, "a file for it in own")],
)
def test_what_cannot_be_taught_is_refused(settings: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        GestureStage(**settings)


def test_a_file_of_something_else_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text("[]")
    with pytest.raises(SetupError, match="expected gestures that `handflow gestures teach` wrote"):
        load_own(tmp_path / "own.json")


def test_a_hand_at_rest_is_no_example() -> None:
    with pytest.raises(SetupError, match="expected a path of at least"):
        example_of(TICKS, np.random.default_rng(0).normal(0, 0.001, (90, 2)))
