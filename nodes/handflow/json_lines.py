"""Hands -> a JSON line for each frame in a file, as `detect` writes them. Reads every message."""

import json
import os
import sys
from typing import Annotated

from .lines import frame_line, listed
from .messages import Hands
from .runtime.node import Node, SetupError


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

    def process(self, hands: Hands) -> None:
        self.first_ns = hands.captured_ns if self.first_ns is None else self.first_ns
        t = (hands.captured_ns - self.first_ns) / 1e9
        line = frame_line(self.name, hands.seq - 1, t, hands.width, hands.height, listed(hands))
        try:
            print(json.dumps(line), file=self.out, flush=True)
        except BrokenPipeError:  # `| head`: nobody reads on
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())

    def stop(self) -> None:
        self.out.flush()
        if self.file != "-":
            self.out.close()
