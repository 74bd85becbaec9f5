"""Which way EXIF turns a labelled picture, and on which its label was drawn."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from support.labels import boxes, draw, write

from handflow.errors import LabelError
from handflow.training.labels.data import read_labels
from handflow.training.labels.picture_files import ORIENTATION, stored_picture
from handflow.training.labels.pictures import LabelledPicture

WIDTH, HEIGHT = 96, 64
BOX = (16, 8, 24, 16)


def turned(path: Path, orientation: int, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """A stored picture, white in BOX, that EXIF turns."""
    image = np.zeros((height, width, 3), np.uint8)
    x, y, w, h = BOX
    image[y : y + h, x : x + w] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(image).save(path, exif=exif, quality=95)
    return path


def labelled(file: Path, size: tuple[int, int], box: tuple[int, ...]) -> LabelledPicture:
    hand: dict[str, Any] = {"box": list(box), "kind": "open"}
    line = {"image": file.name, "width": size[0], "height": size[1], "hands": [hand]}
    (picture,) = read_labels([write(file.with_suffix(".jsonl"), line)])
    return picture


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_a_label_that_was_drawn_on_the_stored_picture_is_turned_as_it_is(
    tmp_path: Path, orientation: int, ending: str
) -> None:
    picture = labelled(turned(tmp_path / f"p{ending}", orientation), (WIDTH, HEIGHT), BOX)
    x, y, w, h = picture.boxes[0].astype(int)
    bright = cv2.boundingRect((picture.read()[..., 1] > 128).astype(np.uint8))
    assert np.allclose((x, y, w, h), bright, atol=1)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_label_that_was_drawn_on_the_picture_as_shown_stays(tmp_path: Path, orientation: int) -> None:
    picture = labelled(turned(tmp_path / "p.jpg", orientation), (HEIGHT, WIDTH), BOX)
    assert boxes([picture]) == [[list(BOX)]]
    assert picture.read().shape == (WIDTH, HEIGHT, 3)


@pytest.mark.parametrize(("orientation", "side"), [(3, HEIGHT), (2, HEIGHT), (6, WIDTH)])
def test_a_turn_that_the_size_does_not_tell_is_told(
    tmp_path: Path, orientation: int, side: int, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = labelled(turned(tmp_path / "p.jpg", orientation, WIDTH, side), (WIDTH, side), BOX)
    assert boxes([picture]) == [[list(BOX)]]
    assert "p.jpg: its EXIF turns or mirrors it and its size does not show that" in capsys.readouterr().err


def test_landmarks_and_people_are_turned_with_their_boxes(tmp_path: Path) -> None:
    file = turned(tmp_path / "p.jpg", 6)
    line = {
        "image": "p.jpg",
        "width": WIDTH,
        "height": HEIGHT,
        "hands": [{"box": list(BOX), "kind": "open", "landmarks": [[20, 10]] * 21}],
        "people": [{"box": list(BOX), "joints": {"head": [20, 10, 1]}}],
    }
    (picture,) = read_labels([write(file.with_suffix(".jsonl"), line)])
    assert boxes([picture]) == [[[HEIGHT - 24, 16, 16, 24]]]
    assert picture.polygons[0] is not None
    assert picture.polygons[0][0].tolist() == [HEIGHT - 10, 20]
    assert picture.parts[0, :4].tolist() == [HEIGHT - 24, 16, 16, 24]
    assert (picture.parts[1, :2] + picture.parts[1, 2:4] / 2).tolist() == pytest.approx([HEIGHT - 10, 20])


def test_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"p\.jpg: expected a picture of 48x32 as its label says, got 64x96"):
        labelled(turned(tmp_path / "p.jpg", 6), (WIDTH // 2, HEIGHT // 2), BOX)


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(b"nothing")
    with pytest.raises(LabelError, match=r"p\.jpg: expected a picture that OpenCV can decode, got 7 bytes"):
        stored_picture(tmp_path / "p.jpg")
    assert stored_picture(draw(tmp_path / "q.png")) == (200, 100, 1)
