"""A folder of rendered pictures is gone on with, and only with the same settings."""

from pathlib import Path

import numpy as np
import pytest

from handflow import SetupError
from handflow.training.labels.data import read_labels
from handflow.training.labels.images import Clip
from handflow.training.labels.rendered import RenderedFolder, label_line

HAND = {
    "box": [10, 10, 8, 9],
    "kind": "open",
    "labelled_by": "render",
    "kind_by": "render",
    "visible": 1.0,
    "pose": "x",
}
IMAGE = np.full((48, 64, 3), 90, np.uint8)


def test_pictures_are_read_as_labels(tmp_path: Path) -> None:
    folder = RenderedFolder(tmp_path / "a", {"seed": 1})
    folder.add_picture(0, IMAGE, label_line(IMAGE, [HAND], [{"box": [0, 0, 5, 5], "joints": {}}], "square 1"))
    (picture,) = read_labels([folder.folder])
    assert picture.boxes.tolist() == [[10, 10, 8, 9]]
    assert picture.group == "square 1"
    assert picture.read().shape == IMAGE.shape


def test_a_line_that_was_cut_off_is_rendered_again(tmp_path: Path) -> None:
    folder = RenderedFolder(tmp_path, {"seed": 1})
    for number in range(2):
        folder.add_picture(number, IMAGE, label_line(IMAGE, [], [], "g"))
    text = folder.lines.read_bytes()
    folder.lines.write_bytes(text[:-5])
    assert RenderedFolder(tmp_path, {"seed": 1}).pictures() == 1
    assert folder.lines.read_bytes() == text[: text.index(b"\n") + 1]


def test_other_settings_need_another_folder(tmp_path: Path) -> None:
    RenderedFolder(tmp_path, {"seed": 1})
    with pytest.raises(SetupError, match="was made with seed 1, not 2; take another folder"):
        RenderedFolder(tmp_path, {"seed": 2})


def test_labels_that_somebody_made_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "rendered.jsonl").write_text("{}\n")
    with pytest.raises(SetupError, match="take a folder of its own"):
        RenderedFolder(tmp_path, {})


def test_a_clip_counts_when_it_is_whole(tmp_path: Path) -> None:
    folder = RenderedFolder(tmp_path, {})
    frames = [(IMAGE, label_line(IMAGE, [HAND | {"id": 3}], [], "g")) for _ in range(4)]

    def broken():
        yield frames[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.add_clip(0, broken(), 30)
    assert folder.clips() == 0
    folder.add_clip(0, iter(frames), 30)
    assert folder.clips() == 1
    found = read_labels([tmp_path])
    assert [(picture.frame, picture.ids) for picture in found] == [(n, ["3"]) for n in range(4)]
    assert len(Clip(found[0].path)) == 4
