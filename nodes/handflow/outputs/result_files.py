"""What `detect` writes: JSON lines, a table, a video. Each file is there whole, or not at all."""

import contextlib
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

from handflow.capture.frames import CapturedFrame
from handflow.errors import OutputError
from handflow.runtime.files import result_file, result_text

from .drawing import draw
from .json_line import Line
from .video_file import VideoFile


class FrameResult(NamedTuple):
    """A frame, and the JSON line that says what was found in it."""

    captured: CapturedFrame
    line: Line


class ResultWriter(Protocol):
    """Whatever takes the results of `detect` frame by frame."""

    def write(self, result: FrameResult) -> None: ...


class LineWriter:
    """A JSON line per frame."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, result: FrameResult) -> None:
        print(json.dumps(result.line), file=self.file)


class TableRows:
    """CSV, a line per row. Python's own module leaves carriage returns bare (until 3.13), which end a line."""

    def __init__(self, file: TextIO) -> None:
        self.plain = csv.writer(file, lineterminator="\n")
        self.quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def writerow(self, values: Sequence[object]) -> None:
        (self.quoted if any("\r" in str(value) for value in values) else self.plain).writerow(values)


class TableWriter:
    """A CSV line per hand."""

    COLUMNS = ("source", "frame", "t", "id", "x", "y", "radius", "score", "open", "predicted")

    def __init__(self, file: TextIO) -> None:
        self.rows = TableRows(file)
        self.rows.writerow(self.COLUMNS)

    def write(self, result: FrameResult) -> None:
        for hand in result.line["hands"]:
            whole = {**result.line, "predicted": False, **hand}
            self.rows.writerow([whole[column] for column in self.COLUMNS])


class VideoWriter:
    """The pictures with their hands, at the first one's size and the first two's rate. OutputError.

    `called`: the name for messages.
    """

    def __init__(self, path: Path, called: Path) -> None:
        self.path, self.called = path, called
        self.held: list[FrameResult] = []  # the first picture, until the second tells the rate
        self.file: VideoFile | None = None

    def write(self, result: FrameResult) -> None:
        self.held.append(result)
        if self.file is None and len(self.held) == 2:
            step = result.line["t"] - self.held[0].line["t"]
            self._open(1 / step if 0.001 < step < 1 else 30)
        if self.file is not None:
            self._flush(self.file)

    def close(self) -> None:
        if self.held:
            self._flush(self.file or self._open(30))
        if self.file is None:
            raise OutputError(f"{self.called}: there is no picture to write")
        self.file.close()

    def _open(self, fps: float) -> VideoFile:
        height, width = self.held[0].captured.image.shape[:2]
        self.file = VideoFile(self.path, fps, (width, height), self.called)
        return self.file

    def _flush(self, file: VideoFile) -> None:
        for result in self.held:
            file.write(draw(result.captured.image, result.line))
        self.held = []


@contextlib.contextmanager
def video(name: str) -> Iterator[VideoWriter]:
    """A writer of the video called `name`, which is there, whole, when the block ends well. OutputError."""
    with result_file(Path(name)) as part:
        writer = VideoWriter(part, Path(name))
        yield writer
        writer.close()


def text_output(name: str) -> contextlib.AbstractContextManager[TextIO]:
    """The text file called `name`, which is there whole when the block ends well; -: standard output. OutputError."""
    return contextlib.nullcontext(sys.stdout) if name == "-" else result_text(Path(name))
