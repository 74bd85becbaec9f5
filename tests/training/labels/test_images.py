"""Clips read by frame number: short ones kept, long ones sought."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.pictures import write_clip
from support.recorded import write

from handflow.capture.files import read_frames
from handflow.capture.frames import FrameReader, StoredFrame
from handflow.errors import LabelError
from handflow.training.labels.images import BEHIND, NEAR, Clip, clip_beside

FRAMES = 6 * NEAR


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose frames say their number in bright and dark stripes."""
    made = tmp_path_factory.mktemp("clips") / "numbers.mp4"
    writer = cv2.VideoWriter(str(made), cv2.VideoWriter.fourcc(*"mp4v"), 30, (128, 32))
    for n in range(FRAMES):
        picture = np.full((32, 128, 3), 40, np.uint8)
        for bit in range(8):
            picture[:, bit * 16 : bit * 16 + 16] = 220 if n >> bit & 1 else 40
        writer.write(picture)
    writer.release()
    return made


def number(picture: np.ndarray) -> int:
    return sum(1 << bit for bit in range(8) if picture[:, bit * 16 + 4 : bit * 16 + 12].mean() > 128)


def test_a_short_clip_is_kept_whole(file: Path) -> None:
    clip = Clip(file)
    assert (len(clip), clip.width, clip.height, clip.fps) == (FRAMES, 128, 32, 30)
    assert [number(clip[n]) for n in (100, 3, FRAMES - 1)] == [100, 3, FRAMES - 1]
    assert clip[5] is clip[5]


@pytest.mark.parametrize("jumps", [True, False])
def test_frames_of_a_long_clip_are_those_that_reading_on_would_give(file: Path, jumps: bool) -> None:
    clip = Clip(file, kept_bytes=1)
    clip._jumps = clip._jumps and jumps  # a file whose times say nothing is read from its start
    order = [*range(5), 150, *range(90, 70, -1), 171, 172, 40, 0, FRAMES - 1]
    assert [number(clip[n]) for n in order] == order
    assert len(clip._kept) == 2 * BEHIND


class Astray:
    """A reader that jumps to some seconds beside where it is sent, as they do in clips of uneven rate."""

    def __init__(self, reader: FrameReader, off_s: float) -> None:
        self.reader, self.off_s = reader, off_s

    def frames(self, from_s: float | None = None) -> Iterator[StoredFrame]:
        return self.reader.frames(None if from_s is None else max(0.0, from_s + self.off_s))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)


@pytest.mark.parametrize("off_ms", [-300, 200, 2000, 10_000])
def test_a_decoder_that_jumps_elsewhere_is_noticed(file: Path, off_ms: float) -> None:
    clip = Clip(file, kept_bytes=1)
    clip._reader = Astray(clip._reader, off_ms / 1000)  # type: ignore[assignment]
    assert [number(clip[n]) for n in (150, 60)] == [150, 60]


def test_a_frame_that_is_not_there_is_an_index_error(file: Path) -> None:
    clip = Clip(file)
    for n in (-1, FRAMES):
        with pytest.raises(IndexError):
            clip[n]


def test_what_is_no_clip_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(LabelError, match=r"a\.mp4: expected a video that FFmpeg can decode, got 7 bytes"):
        Clip(tmp_path / "a.mp4")


def test_a_recording_is_a_clip(tmp_path: Path) -> None:
    clip = Clip(write(tmp_path / "a.mcap"), kept_bytes=1)
    assert (len(clip), clip.width, clip.height, clip.fault) == (30, 80, 45, "")
    assert 29 < clip.fps < 31
    # A bright row says the number.
    assert [int(clip[n][..., 1].mean(axis=1).argmax()) for n in (29, 3, 28, 0)] == [30, 4, 29, 1]


def test_a_damaged_clip_says_what_is_missing(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "a.mkv")
    (tmp_path / "a.mkv").write_bytes(data[: len(data) * 4 // 5])
    clip = Clip(tmp_path / "a.mkv")
    assert "a.mkv: breaks off at frame" in clip.fault
    assert len(clip) == len(list(read_frames(tmp_path / "a.mkv", report=print)))


def test_the_clip_beside_a_label_file_may_be_of_any_kind(tmp_path: Path) -> None:
    assert clip_beside(tmp_path / "a.jsonl") == tmp_path / "a.mp4"
    (tmp_path / "a.mcap").touch()
    assert clip_beside(tmp_path / "a.jsonl") == tmp_path / "a.mcap"
