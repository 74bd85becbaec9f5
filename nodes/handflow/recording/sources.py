"""Recordings beside clips, folders and pictures: whatever has pictures in it, read in the same way."""

import logging
from collections.abc import Iterator
from pathlib import Path

from handflow.capture.clips import ClipReader
from handflow.capture.files import Report, decoded, read_frames
from handflow.capture.frames import CapturedFrame, FrameReader
from handflow.errors import SetupError

from .mcap_scan import MAGIC
from .recorded_frames import RecordedFrames

log = logging.getLogger(__name__)


def is_recording(path: str | Path) -> bool:
    """Whether a file is a recording, by its first bytes or its name. SetupError if it cannot be read."""
    path = Path(path)
    try:
        with open(path, "rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC or path.suffix.lower() == ".mcap"
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}") from error


def open_frames(path: Path) -> FrameReader:
    """A clip's or a recording's frames. SetupError."""
    return RecordedFrames(path) if is_recording(path) else ClipReader(path)


def read_source(
    path: str | Path, fps: float = 30.0, report: Report = log.warning, say: Report = log.warning
) -> Iterator[CapturedFrame]:
    """Every picture of a clip, a recording, a folder (by name, at `fps`) or one picture file, in order. SetupError.

    `report` is given a line about each thing that is left out, `say` one about what keeps nothing from being read.
    """
    path = Path(path)
    if path.is_file() and is_recording(path):
        return decoded(RecordedFrames(path), report, say)
    return read_frames(path, fps, report, say)


def loop_source(
    path: str | Path, fps: float = 30.0, report: Report = log.warning, say: Report = log.warning
) -> Iterator[CapturedFrame]:
    """The pictures of `path` again and again, frame numbers and times going on."""
    number, t, step = 0, 0.0, 1 / fps
    while True:
        for captured in read_source(path, fps, report, say):
            now = t + captured.t
            yield CapturedFrame(captured.image, round(now * 1e9), number + captured.number, now)
        if captured.number > 0:
            step = captured.t / captured.number
        number, t = number + captured.number + 1, now + step
        # What was said of the file once holds every time.
        report = say = _say_nothing


def _say_nothing(_: str) -> None:
    """Takes a line that has been said before."""
