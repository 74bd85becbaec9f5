"""What `detect` writes: JSON lines, a table, a video."""

import contextlib
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

import cv2

from handflow.capture.frames import CapturedFrame
from handflow.capture.media import writable as writable_media
from handflow.errors import SetupError
from handflow.outputs.drawing import draw
from handflow.outputs.json_line import Line


class FrameResult(NamedTuple):
    captured: CapturedFrame
    line: Line


class ResultWriter(Protocol):
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
    """The pictures with their hands, at the first one's size and the first two's rate."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: list[FrameResult] = []  # the first picture, until the second tells the rate
        self.writer: cv2.VideoWriter | None = None
        self.size = (0, 0)

    def write(self, result: FrameResult) -> None:
        self.held.append(result)
        if self.writer is None and len(self.held) == 2:
            step = result.line["t"] - self.held[0].line["t"]
            self._open(1 / step if 0.001 < step < 1 else 30)
        if self.writer is not None:
            self._flush(self.writer)

    def close(self) -> None:
        if self.held:
            self._flush(self.writer or self._open(30))
        if self.writer is not None:
            self.writer.release()

    def _open(self, fps: float) -> cv2.VideoWriter:
        height, width = self.held[0].captured.image.shape[:2]
        self.size = (width, height)
        with writable_media(self.path) as name:
            self.writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"mp4v"), fps, self.size)
        if not self.writer.isOpened():
            raise SetupError(f"{self.path}: cannot be written as a video; expected a writable name that ends in .mp4")
        return self.writer

    def _flush(self, writer: cv2.VideoWriter) -> None:
        for result in self.held:
            image = draw(result.captured.image, result.line)
            writer.write(image if image.shape[1::-1] == self.size else cv2.resize(image, self.size))
        self.held = []


def writable(name: str) -> "contextlib.AbstractContextManager[TextIO]":
    """The file called `name`, open to be written, or standard output for `-`. Raises SetupError."""
    if name == "-":
        return contextlib.nullcontext(sys.stdout)
    try:
        return open(name, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise SetupError(f"{name}: cannot be written: {error.strerror}") from error
