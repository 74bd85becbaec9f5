"""Video files, folders of pictures and single pictures, read in order with the time of each frame.

Plain functions without a node: the camera stage, `detect` and `evaluate` use them.
"""

import itertools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from handflow.errors import SetupError

from .frame_times import FrameTimes
from .images import images_in, is_image, read_image
from .media import open_video

log = logging.getLogger(__name__)
WAIT_S = 0.25  # a source says at least this often that nothing new has come


class CapturedFrame(NamedTuple):
    """A frame as it was read or taken."""

    image: np.ndarray  # (height, width, 3) uint8, BGR
    captured_ns: int  # stream clock; of a file that is not played: t in nanoseconds
    number: int  # from 0
    t: float  # seconds since the first frame


def silence_opencv() -> None:
    """Keeps OpenCV and FFmpeg from writing to stderr what we say ourselves, or would say again at every try."""
    # It moved in the course of OpenCV 4.
    log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    log.setLogLevel(0)  # silent
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when the first video is opened


def read_frames(
    path: str | Path, fps: float = 30.0, say: Callable[[str], None] = log.warning
) -> Iterator[CapturedFrame]:
    """Every picture of a video file, a folder (by name, at `fps`) or one picture file, in order. SetupError.

    `say` is given a line about what is wrong with the file and does not keep it from being read.
    """
    path = Path(path)
    if path.is_dir():
        return _stills(images_in(path), fps)
    if not path.is_file():
        raise SetupError(f"{path}: no such file or folder")
    if is_image(path):
        read_image(path)
        return _stills([path], fps)
    capture = open_video(path)
    good, image = capture.read() if capture.isOpened() else (False, None)
    if not good or image is None:
        raise SetupError(
            f"{path}: expected a video that OpenCV can decode, got {path.stat().st_size} bytes of something else"
        )
    return _video(capture, image, FrameTimes(str(path), capture.get(cv2.CAP_PROP_FPS), say))


def loop_frames(path: str | Path, fps: float = 30.0) -> Iterator[CapturedFrame]:
    """The pictures of `path` again and again, frame numbers and times going on."""
    number, t, step = 0, 0.0, 1 / fps
    say: Callable[[str], None] = log.warning
    while True:
        for captured in read_frames(path, fps, say):
            now = t + captured.t
            yield CapturedFrame(captured.image, round(now * 1e9), number + captured.number, now)
        if captured.number > 0:
            step = captured.t / captured.number
        number, t = number + captured.number + 1, now + step
        say = _say_nothing  # again


def _say_nothing(line: str) -> None: ...


def _stills(files: list[Path], fps: float) -> Iterator[CapturedFrame]:
    for number, file in enumerate(files):
        yield CapturedFrame(read_image(file), round(number / fps * 1e9), number, number / fps)


def _video(capture: cv2.VideoCapture, image: np.ndarray | None, times: FrameTimes) -> Iterator[CapturedFrame]:
    for number in itertools.count():
        if image is None:
            break
        # Phones' clips have no even rate.
        t = times.follow(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        yield CapturedFrame(image, round(t * 1e9), number, t)
        image = capture.read()[1]
    capture.release()
