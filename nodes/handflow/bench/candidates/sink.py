"""Ours: the end that reads."""

from typing import Annotated

from handflow.messages import Frame, now_ns
from handflow.runtime.node import Node

from . import measure


class BenchSink(Node):
    """Writes down how long each picture took."""

    case: Annotated[str, "file of the case"]
    name: str

    def start(self) -> None:
        self.sink = measure.ReaderNotes(measure.read(self.case), self.name)

    def process(self, frame: Frame) -> None:
        self.sink.take(frame.seq - 1, now_ns() - frame.captured_ns, frame.image)
