"""Time stamps of clips that jump, stand still or are none: the frames' times go on."""

import logging
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from handflow.capture.files import read_frames
from handflow.capture.frame_times import FrameTimes
from handflow.recording.sources import loop_source


def followed(stamps: list[float], fps: float = 10) -> tuple[list[float], list[str]]:
    """The frames' times, and the lines about them."""
    said: list[str] = []
    times = FrameTimes("clip.mkv", fps, said.append)
    return [times.follow(stamp) for stamp in stamps], said


def steps(count: int, first: float = 0.0, step: float = 0.1) -> list[float]:
    return [first + number * step for number in range(count)]


def test_times_are_those_of_the_stamps_less_the_first(tmp_path: Path) -> None:
    stamps = [7.0, 7.04, 7.3, 9.5]  # a phone's rate is uneven, and a hole of two seconds is one
    found, said = followed(stamps)
    assert found == pytest.approx([0, 0.04, 0.3, 2.5])
    assert said == []


@pytest.mark.parametrize("jump", [3600, 6, -0.9, -3600, 1e9, -1e9, math.nan, math.inf])
def test_after_a_jump_a_clip_goes_on_at_its_own_rate_with_one_line(jump: float) -> None:
    found, said = followed(steps(10) + steps(20, 1 + jump))
    assert found == pytest.approx(steps(30), abs=1e-5)
    assert len(said) == 1
    assert "at frame 10" in said[0]
    assert "10 frames a second" in said[0]


def test_the_rate_is_that_of_the_stamps_and_not_what_the_file_says() -> None:
    found, _ = followed([*steps(10), 5000.0, 5000.1], fps=1000)
    assert found == pytest.approx(steps(12))


@pytest.mark.parametrize("stamp", [0.0, -5.0, math.nan])
def test_a_clip_without_times_has_an_even_rate(stamp: float) -> None:
    found, said = followed([stamp] * 5)
    assert found == pytest.approx(steps(5))
    assert len(said) == math.isnan(stamp)


def test_a_picture_every_ten_seconds_is_no_jump() -> None:
    found, said = followed(steps(5, step=10), fps=0.1)
    assert found == pytest.approx(steps(5, step=10))
    assert said == []


def clip(file: Path, stamps_ms: list[int]) -> Path:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, stamp in enumerate(stamps_ms):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number, np.uint8), format="bgr24")
            picture.pts, picture.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return file


def test_a_file_whose_clock_jumps_is_read_at_its_rate_and_said_once_however_often(tmp_path: Path, caplog) -> None:
    stamps = [33 * number + (3_600_000 if number >= 10 else 0) for number in range(20)]
    file = clip(tmp_path / "jump.mkv", stamps)
    found = [frame.t for frame in read_frames(file)]
    assert len(found) == 20
    assert max(found) < 1
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        looped = loop_source(file)
        times = [next(looped).t for _ in range(45)]
    assert np.diff(times) == pytest.approx(0.033, abs=0.002)
    assert len(caplog.records) == 1
