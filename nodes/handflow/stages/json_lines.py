"""Hands -> a JSON line for each frame in a file, as `detect` writes them. Reads every message."""

import json
import os
import sys
import time
from typing import Annotated

from handflow import Hands, Node, SetupError
from handflow.outputs.json_line import line_of

WRITE_S = 0.01  # lines that come faster are written together


class JsonLines(Node):
    """Writes every frame's hands."""

    keep = "all"

    file: Annotated[str, "written over; - is standard output"] = "-"
    name: Annotated[str, "what stands as `source` in each line"] = "live"

    def start(self) -> None:
        try:
            self.out = sys.stdout if self.file == "-" else open(self.file, "w", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise SetupError(f"{self.file}: cannot be written: {error.strerror}") from error
        self.first_ns: int | None = None
        self.text: list[str] = []
        self.written_s = 0.0

    def process(self, hands: Hands) -> None:
        self.first_ns = hands.captured_ns if self.first_ns is None else self.first_ns
        self.text.append(json.dumps(line_of(self.name, hands, self.first_ns)))
        if time.monotonic() - self.written_s > WRITE_S:
            self.idle()

    def idle(self) -> None:
        self.written_s = time.monotonic()
        text, self.text = self.text, []
        try:
            self.out.writelines(f"{line}\n" for line in text)
            self.out.flush()
        except BrokenPipeError:
            # `| head`: nobody reads on.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())

    def stop(self) -> None:
        self.idle()
        if self.file != "-":
            self.out.close()
