"""Video files, folders of pictures and single pictures, read in order with the time of each frame.

Plain functions without a node: the camera stage, `detect` and `evaluate` use them. What is damaged in a clip or a
folder is left out and reported, in a line each; the rest is read.
"""

import itertools
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from handflow.errors import SetupError

from .frame_times import FrameTimes
from .frames import CapturedFrame, FrameReader
from .images import images_in, is_image, pictures_in, read_image

# What takes a line about what is wrong with a file.
Report = Callable[[str], None]
log = logging.getLogger(__name__)


def read_frames(
    path: str | Path, fps: float = 30.0, report: Report = log.warning, say: Report = log.warning
) -> Iterator[CapturedFrame]:
    """Every picture of a video file, a folder (by name, at `fps`) or one picture file, in order. SetupError.

    `report` is given a line about each thing that is left out, `say` one about what keeps nothing from being read.
    """
    path = Path(path)
    if path.is_dir():
        return _at_rate(readable_images(path, report), fps)
    if not path.is_file():
        if re.match("(https?|rtsps?):/", str(path)):
            raise SetupError(f"expected a file or a folder; a stream is recorded first (handflow record), got {path}")
        raise SetupError(f"{path}: no such file or folder")
    if is_image(path):
        image = read_image(path)
        if (count := pictures_in(path)) > 1:
            say(f"{path}: holds {count} pictures; the first is read, for the others save it as a clip")
        return iter([CapturedFrame(image, 0, 0, 0.0)])
    # Not before there is a clip: a camera's process does without a second FFmpeg.
    from .clips import ClipReader

    return decoded(ClipReader(path), report, say)


def decoded(reader: FrameReader, report: Report, say: Report) -> Iterator[CapturedFrame]:
    """The frames of a clip or a recording as images, with times that grow. SetupError at once if there is none."""
    frames = _decoded(reader, report, say)
    first = next(frames, None)
    if first is None:
        raise SetupError(reader.fault() or f"{reader.path}: holds no picture that can be decoded")
    return itertools.chain([first], frames)


def _decoded(reader: FrameReader, report: Report, say: Report) -> Iterator[CapturedFrame]:
    times, stamp, t = FrameTimes(str(reader.path), reader.fps, say), 0.0, None
    for stored in reader.frames():
        try:
            image = stored.decode()
        except SetupError:
            # The reader's `fault` counts it.
            continue
        # Phones' clips have no even rate; a file without times gets those of one.
        stamp = stamp if stored.t is None else stored.t
        t = times.follow(stamp)
        yield CapturedFrame(image, round(t * 1e9), stored.number, t)
    fault = reader.fault()
    reader.close()
    if fault and t is not None:
        report(fault)


def readable_images(folder: Path, report: Report) -> Iterator[tuple[Path, np.ndarray]]:
    """The pictures of a folder by name, each with its file; `report` is told of those that cannot be read.

    SetupError at once if the folder has none, and later if none can be read.
    """
    return _readable(folder, images_in(folder), report)


def _readable(folder: Path, files: list[Path], report: Report) -> Iterator[tuple[Path, np.ndarray]]:
    read = 0
    for file in files:
        try:
            image = read_image(file)
        except SetupError as error:
            report(str(error))
            continue
        read += 1
        yield file, image
    if not read:
        raise SetupError(f"{folder}: none of its {len(files)} pictures can be read")
    if read < len(files):
        report(f"{folder}: {len(files) - read} of {len(files)} pictures were left out")


def _at_rate(images: Iterable[tuple[Path, np.ndarray]], fps: float) -> Iterator[CapturedFrame]:
    for number, (_, image) in enumerate(images):
        yield CapturedFrame(image, round(number / fps * 1e9), number, number / fps)
