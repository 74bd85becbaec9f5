"""Locks that die with the process that holds them, so that nothing has to be cleaned up after a kill."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from .awake_clock import Countdown

try:
    import fcntl
except ImportError:
    # Windows: `filelock` knows its ways; it takes 20 ms to import, which Linux need not spend.
    fcntl = None  # type: ignore[assignment]

RETRY_S = 0.02


class Lock:
    """A lock that is held. `path` is the file it lies on, or a directory."""

    def __init__(self, path: Path, release: Callable[[], None]) -> None:
        self.path, self.release = path, release


def take(path: Path, wait_s: float = 0, shared: bool = False) -> Lock | None:
    """Takes the lock on a file (made if need be) or a directory; None: somebody else holds it.

    `shared`: several may hold it so at once, none while one holds it alone (where the system knows that).
    """
    if fcntl is None:
        # Two who look at the same moment shall not take each other for one who holds it.
        return _filelock(path, max(wait_s, 2 * RETRY_S) if shared else wait_s)
    kind = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    fd = os.open(path, kind | os.O_CLOEXEC, 0o600)
    wait = Countdown(wait_s)
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            return Lock(path, lambda: os.close(fd))
        if wait.over():
            os.close(fd)
            return None
        time.sleep(RETRY_S)


def _filelock(path: Path, wait_s: float) -> Lock | None:
    """A directory is no file to Windows: a file inside stands for it."""
    import filelock

    lock = filelock.FileLock(path / "run.lock" if path.is_dir() else path, thread_local=False)
    try:
        lock.acquire(timeout=wait_s, poll_interval=RETRY_S)
    except filelock.Timeout:
        return None
    return Lock(path, lock.release)
