"""Shared memory as mapped files in the run directory: the ring's portable form, for systems without memfd or /proc.

A kill leaves the file behind; beside it lies a lock that died with its owner, by which the next start knows it.
"""

import contextlib
import errno
import mmap
import os
import shutil
from pathlib import Path

from handflow.errors import SetupError, StaleSlot
from handflow.runtime import locks
from handflow.runtime.files import BINARY, private

from .shared_memory import Ref

SUFFIX = ".ring"


class MappedFiles:
    """One file for each ring, named by the ring's number: a message can name nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: dict[int, locks.Lock] = {}  # by ring
        self._fds: dict[int, int] = {}
        sweep(folder)

    def make(self, ring: int, nbytes: int) -> tuple[int, mmap.mmap]:
        # The lock is held before there is a file: who sweeps never meets a living owner's file without it.
        lock = locks.take(self._lock(ring))
        if lock is None:
            raise RuntimeError(f"{self._lock(ring)} is somebody else's")
        self._own[ring] = lock
        fd = self._fds[ring] = private(str(self._file(ring)), os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY)
        os.ftruncate(fd, nbytes)
        return -1, mmap.mmap(fd, nbytes)

    def reserve(self, ring: int, start: int, nbytes: int) -> None:
        if not hasattr(os, "posix_fallocate"):  # Windows and macOS: truncate has taken the room
            return
        try:
            os.posix_fallocate(self._fds[ring], start, nbytes)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return  # a file system that cannot tell
            free = shutil.disk_usage(self._folder).free / 2**20
            raise SetupError(
                f"{self._folder.parent}: expected room for {nbytes / 2**20:.1f} MB of shared memory, got "
                f"{free:.1f} MB; make room there, set TMPDIR to a folder with more, or use transport: auto"
            ) from error

    def open(self, ref: Ref) -> mmap.mmap:
        try:
            with open(self._file(ref.ring), "rb", opener=private) as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # mmap's word for an empty file is ValueError
            raise StaleSlot(f"its writer {ref.pid} has ended") from error

    def drop(self, ring: int) -> None:
        if (fd := self._fds.pop(ring, None)) is not None:
            os.close(fd)
        _remove(self._own.pop(ring))

    def there(self, pid: int, ring: int) -> bool:
        return self._file(ring).exists()  # the start that follows a writer's death removes it

    def close(self) -> None:
        for ring in list(self._own):
            self.drop(ring)

    def _file(self, ring: int) -> Path:
        return self._folder / f"{ring & (1 << 64) - 1:016x}{SUFFIX}"

    def _lock(self, ring: int) -> Path:
        return self._file(ring).with_suffix(f"{SUFFIX}.lock")


def sweep(folder: Path) -> None:
    """Removes the files of dead owners."""
    for file in folder.glob(f"*{SUFFIX}"):
        lock = locks.take(file.with_suffix(f"{SUFFIX}.lock"))
        if lock is not None:
            _remove(lock)


def _remove(lock: locks.Lock) -> None:
    """The file first: a file without its lock would be taken for a dead owner's. Windows keeps a file that somebody
    still maps, and its lock then stays for the next sweep."""
    file = lock.path.with_suffix("")
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
    lock.release()
    if not file.exists():
        with contextlib.suppress(OSError):
            lock.path.unlink(missing_ok=True)
