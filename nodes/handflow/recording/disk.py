"""The file that a recording is written to."""

import contextlib
import os
from pathlib import Path

from handflow.runtime.files import BINARY

# Windows has no such flag: there nothing is inherited that is not asked to be.
CLOSED_IN_CHILDREN = getattr(os, "O_CLOEXEC", 0)


class Disk:
    """What the MCAP library writes to: each byte goes to the system at once; nothing is left to fail at the end.

    OSError.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | CLOSED_IN_CHILDREN | BINARY, 0o644)
        self.count = self._whole = 0
        self._unwanted = False

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while len(rest):
            done = os.write(self._fd, rest)
            self.count += done
            rest = rest[done:]
        return len(data)

    def tell(self) -> int:
        return self.count

    def flush(self) -> None:
        """Nothing is held back."""

    def sync(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in (22, 95):  # a pipe or a network share that knows no fsync
                raise
        self._whole = self.count

    def back(self) -> None:
        """Back to what was forced to the disk; where that is nothing, `close` leaves no file."""
        try:
            os.ftruncate(self._fd, self._whole)
        except OSError:  # not a file
            return
        self._unwanted = not self._whole

    def close(self) -> None:
        os.close(self._fd)
        # Not before: Windows removes no file that is open.
        if self._unwanted:
            with contextlib.suppress(OSError):
                self._file.unlink()
