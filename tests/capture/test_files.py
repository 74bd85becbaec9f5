"""Files and folders, read in order."""

import re
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from support.pictures import FORMATS, clip, write_clip

from handflow import SetupError
from handflow.capture.files import read_frames
from handflow.capture.frames import CapturedFrame
from handflow.recording.sources import loop_source


def brightness(found: list[CapturedFrame]) -> list[int]:
    return [round(float(picture.image.mean()) / 20) for picture in found]


def test_every_picture_of_a_clip_comes_in_order_with_its_time(tmp_path: Path) -> None:
    found = list(read_frames(clip(tmp_path / "a.mp4")))
    assert brightness(found) == list(range(10))
    assert [picture.number for picture in found] == list(range(10))
    assert [picture.t for picture in found] == pytest.approx([n / 25 for n in range(10)])
    assert [picture.captured_ns for picture in found] == [round(picture.t * 1e9) for picture in found]


def test_a_folder_is_read_by_name_and_number_whatever_the_sizes(tmp_path: Path) -> None:
    for name, value, size in (("hand10.png", 60, (40, 30)), ("hand2.png", 40, (20, 50)), ("Hand1.jpg", 20, (64, 48))):
        cv2.imwrite(str(tmp_path / name), np.full((size[1], size[0], 3), value, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    found = list(read_frames(tmp_path, fps=10))
    assert [picture.image.shape for picture in found] == [(48, 64, 3), (50, 20, 3), (30, 40, 3)]
    assert [picture.t for picture in found] == pytest.approx([0, 0.1, 0.2])


def test_one_picture_is_a_source_of_one(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "hand.png"), np.zeros((8, 8), np.uint8))  # grey in the file
    (found,) = read_frames(tmp_path / "hand.png")
    assert found.image.shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("none.mp4", None, "none.mp4: no such file or folder"),
        ("text.mp4", b"hello", r"text.mp4: expected a video .*, got 5 bytes"),
        ("empty.mp4", b"", r"empty.mp4: expected a video .*, got 0 bytes"),
        ("text.png", b"hello", r"text.png: expected a picture .*, got 5 bytes"),
        ("empty.png", b"", r"empty.png: expected a picture .*, got 0 bytes"),
    ],
)
def test_what_cannot_be_read_is_one_line_at_once(tmp_path: Path, name: str, content: bytes | None, line: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match=line) as error:
        read_frames(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_folder_without_pictures_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SetupError, match="no pictures in this folder"):
        read_frames(tmp_path)


def test_a_broken_picture_in_a_folder_is_named_and_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"hello")
    lines: list[str] = []
    assert [captured.number for captured in read_frames(tmp_path, report=lines.append)] == [0, 1]
    assert len(lines) == 2
    assert "b.png: expected a picture" in lines[0]
    assert lines[1].endswith("1 of 3 pictures were left out")


def test_a_folder_of_which_nothing_can_be_read_is_one_line_more(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(SetupError, match="none of its 1 pictures can be read"):
        list(loop_source(tmp_path, 30, print))


def damaged(path: Path, how: str) -> Path:
    """A clip of 30 frames, cut off in frame 15 or with a hole there."""
    data = bytearray(write_clip(path))
    with av.open(str(path)) as container:
        start, size = [(packet.pos or 0, packet.size) for packet in container.demux(video=0)][15]
    if how == "cut":
        del data[start + size // 2 :]
    else:
        # Behind the head of the frame: where that is gone too, a file of one block has nothing to go on from.
        data[start + 8 : start + size] = bytes(size - 8)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("how", "ending", "line"),
    [
        ("hole", ".mkv", r"damaged at frame \d+: \d+ of about 30 frames could be read"),
        ("hole", ".mp4", r"damaged at frame \d+: \d+ of about 30 frames could be read"),
        ("cut", ".mkv", r"breaks off at frame \d+ of about 30"),
        ("cut", ".avi", r"breaks off at frame \d+ of about 30"),
    ],
)
def test_a_damaged_clip_is_read_past_the_damage_with_one_line(tmp_path: Path, how: str, ending: str, line: str) -> None:
    lines: list[str] = []
    found = list(read_frames(damaged(tmp_path / f"a{ending}", how), report=lines.append))
    assert len(lines) == 1
    assert re.search(line, lines[0])
    assert (found[-1].t > 2.5) == (how == "hole")
    assert (13 <= len(found) <= 16) if how == "cut" else (25 <= len(found) < 30)


def test_the_pixels_of_a_clip_are_those_of_opencv(tmp_path: Path) -> None:
    for ending in FORMATS:
        file = tmp_path / f"a{ending}"
        write_clip(file, frames=12)
        capture = cv2.VideoCapture(str(file))
        for captured in read_frames(file):
            good, image = capture.read()
            assert good
            assert (image == captured.image).all()
        assert not capture.read()[0]


@pytest.mark.parametrize("turn", [90, 180, -90])
def test_a_clip_that_was_filmed_on_its_side_is_upright_as_in_opencv(tmp_path: Path, turn: int) -> None:
    write_clip(tmp_path / "a.mp4", frames=2)
    with av.open(str(tmp_path / "a.mp4")) as whole, av.open(str(tmp_path / "b.mp4"), "w") as turned:
        stream = turned.add_stream_from_template(whole.streams.video[0])
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV writes no rotation")
        stream.set_display_rotation(turn)
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                turned.mux(packet)
    captured = next(read_frames(tmp_path / "b.mp4"))
    assert (cv2.VideoCapture(str(tmp_path / "b.mp4")).read()[1] == captured.image).all()


def test_a_loop_goes_on_counting_frames_and_time(tmp_path: Path) -> None:
    found = list(islice(loop_source(clip(tmp_path / "a.mp4", count=3), 30, print), 7))
    assert brightness(found) == [0, 1, 2, 0, 1, 2, 0]
    assert [picture.number for picture in found] == list(range(7))
    assert [picture.t for picture in found] == pytest.approx([n / 25 for n in range(7)])


@pytest.mark.parametrize(("name", "told"), [("a.webp", True), ("a.tif", True), ("still.webp", False)])
def test_a_picture_that_moves_or_has_pages_is_told_of(tmp_path: Path, name: str, told: bool) -> None:
    file, said = tmp_path / name, []
    pages = [Image.new("RGB", (40, 30), (90 * number, 0, 0)) for number in range(1 + told)]
    pages[0].save(file, save_all=told, **({"append_images": pages[1:]} if told else {}))
    assert len(list(read_frames(file, report=said.append, say=said.append))) == 1
    assert said == [f"{file}: holds 2 pictures; the first is read, for the others save it as a clip"] * told


def test_a_stream_is_no_file_and_it_is_said_what_to_do() -> None:
    with pytest.raises(
        SetupError, match=r"expected a file or a folder; a stream is recorded first \(handflow record\)"
    ):
        read_frames("http://camera.local/video")
