"""Hands -> a JSON line for each frame in a file, as `detect` writes them. Reads every message.

A disk that is full ends the lines, and the pipeline does not notice; what there is of the file is named .part then.
"""

import json
import os
import time
from pathlib import Path
from typing import Annotated

from handflow import Hands, Node
from handflow.errors import OutputError
from handflow.outputs.json_line import line_of
from handflow.runtime.files import BINARY, cannot_write
from handflow.runtime.names import fitting

WRITE_S = 0.01  # lines that come faster are written together
STDOUT = 1


class JsonLines(Node):
    """Writes every frame's hands."""

    keep = "all"

    file: Annotated[str, "written over; - is standard output"] = "-"
    name: Annotated[str, "what stands as `source` in each line"] = "live"

    def start(self) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY
            self.fd = STDOUT if self.file == "-" else os.open(self.file, flags, 0o666)
        except OSError as error:
            raise OutputError(cannot_write(Path(self.file), error)) from error
        self.first_ns: int | None = None
        self.text: list[str] = []
        self.written_s = 0.0
        self.ended = False  # nothing can be written any more

    def process(self, hands: Hands) -> None:
        self.first_ns = hands.captured_ns if self.first_ns is None else self.first_ns
        self.text.append(json.dumps(line_of(self.name, hands, self.first_ns)))
        if time.monotonic() - self.written_s > WRITE_S:
            self.idle()

    def idle(self) -> None:
        self.written_s = time.monotonic()
        text, self.text = self.text, []
        rest = "".join(f"{line}\n" for line in text).encode()
        try:
            while rest and not self.ended:
                rest = rest[os.write(self.fd, rest) :]
        except BrokenPipeError:
            # `| head`: nobody reads on.
            self.ended = True
        except OSError as error:
            self._give_up(error)

    def stop(self) -> None:
        self.idle()
        if self.fd != STDOUT:
            try:
                os.close(self.fd)
            except OSError as error:  # a share's word for a full disk
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.ended = True
        file = Path("standard output" if self.file == "-" else self.file)
        why = cannot_write(file, error)
        if self.file != "-" and file.is_file():
            part = file.with_name(fitting(file.name, ".part"))
            os.replace(file, part)
            why += f"; {part} has what came before"
        self.note = self.persistent["stopped"] = why
        self.log.error("%s", why)
