"""Clips under names that OpenCV and FFmpeg would crash on, or take for URLs, options and patterns."""

import gc
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.pictures import clip

from handflow.capture import media
from handflow.capture.clips import ClipReader
from handflow.capture.images import read_image, write_image
from handflow.capture.media import writable
from handflow.errors import SetupError

NAMES = [
    b"caf\xe9.mp4", "hände.mp4".encode(), b"a:b.mp4", b"http:x.mp4", b"rtsp.mp4", b"C:\\clips\\a.mp4", b"-x.mp4",
    b" a b .mp4 ", b"a\nb.mp4", b"a%02d#?[1]|&.mp4", b"\xff" * 251 + b".mp4", b"concat:a.mp4|b.mp4", b"file:a.mp4",
]  # fmt: skip


@pytest.fixture(params=[True, False], ids=["descriptors", "links"])
def _ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(media, "DESCRIPTORS", "/nowhere")


@pytest.mark.usefixtures("_ways")
@pytest.mark.parametrize("name", NAMES)
def test_a_clip_is_written_and_read_under_any_name(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"f\xe9")
    folder.mkdir()
    monkeypatch.chdir(folder)
    file = os.fsdecode(name)
    if name.endswith(b".mp4"):
        with writable(file) as path:
            writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
        for _ in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8))
        writer.release()
    else:
        clip(tmp_path / "plain.mp4", 3).rename(file)
    assert os.listdir(os.fsencode(folder)) == [name]
    assert [stored.number for stored in ClipReader(Path(file)).frames()] == [0, 1, 2]


def test_a_picture_is_written_and_read_under_any_name(tmp_path: Path) -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    file = tmp_path / os.fsdecode(b"\xe9\n.png")
    write_image(file, image)
    assert (read_image(file) == image).all()
    with pytest.raises(SetupError, match="cannot be written"):
        write_image(tmp_path / "absent" / "a.png", image)


def test_nothing_is_left_open(tmp_path: Path) -> None:
    file = clip(tmp_path / "plain.mp4", 3).rename(tmp_path / os.fsdecode(b"\xe9.mp4"))
    gc.collect()  # what other tests left
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        ClipReader(file).close()
    assert len(os.listdir("/proc/self/fd")) <= before
