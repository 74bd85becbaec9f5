"""Lines for people in a file that does not grow for ever."""

import contextlib
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from handflow.errors import SetupError
from handflow.runtime.address import masked
from handflow.runtime.names import one_line

MAX_BYTES, KEPT = 10_000_000, 5  # of one file; files of before


class LogFile(RotatingFileHandler):
    """What is said, with the time. A full disk loses lines, and nothing else. SetupError."""

    def __init__(self, file: Path) -> None:
        try:
            super().__init__(file, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise SetupError(f"{file}: cannot be written: {error.strerror}") from error
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def say(self, line: str) -> None:
        """Adds a line."""
        text = one_line(masked(line))
        self.handle(logging.LogRecord("handflow", logging.INFO, "", 0, text, None, None))

    def close(self) -> None:
        # What the disk has not taken it does not take now.
        with contextlib.suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """The line is lost; logging would print a traceback for each."""
