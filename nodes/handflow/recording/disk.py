"""The file that a recording is written to."""

import contextlib
import os
from pathlib import Path


class Disk:
    """What the MCAP library writes to: each byte goes to the system at once; nothing is left to fail at the end.

    OSError.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self.count = self._whole = 0

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
        """Back to what was forced to the disk; where that is nothing, no file is left."""
        try:
            os.ftruncate(self._fd, self._whole)
        except OSError:  # not a file
            return
        if not self._whole:
            with contextlib.suppress(OSError):
                self._file.unlink()

    def close(self) -> None:
        os.close(self._fd)
