"""Where a running graph's sockets and locks lie: one directory per graph file, this user's alone, the same for every
command that is given the file.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from pathlib import Path


class RunDir:
    """The run directory of one graph. A lock dies with the process that holds it, so nothing has to be cleaned up."""

    def __init__(self, graph_file: Path) -> None:
        file = graph_file.resolve()
        digest = hashlib.sha1(str(file).encode()).hexdigest()[:8]
        self.path = _base() / f"{file.stem[:20]}-{digest}"  # short: a unix socket's path has at most 107 bytes
        self.path.mkdir(mode=0o700, exist_ok=True)

    @property
    def graph(self) -> Path:
        """The checked graph that is running, as its processes read it."""
        return self.path / "graph.json"

    @property
    def control(self) -> str:
        """The supervisor answers here."""
        return f"ipc://{self.path}/@control"

    @property
    def status(self) -> str:
        """The supervisor hears its nodes here."""
        return f"ipc://{self.path}/@status"

    def endpoint(self, node: str) -> str:
        """A node sends here."""
        return f"ipc://{self.path}/{node}"

    def kept(self, node: str) -> Path:
        """What outlives a crash of the node."""
        return self.path / f"{node}.kept"

    def lock(self, name: str, wait_s: float = 0) -> int | None:
        """Takes the lock `name` until this process ends; None: somebody else holds it."""
        fd = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait_s
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(fd, 0)
                os.write(fd, str(os.getpid()).encode())
                return fd
            if time.monotonic() >= deadline:
                os.close(fd)
                return None
            time.sleep(0.02)

    def holder(self, name: str) -> str:
        """The process that holds the lock `name`."""
        return (self.path / f"{name}.lock").read_text() or "?"

    def running(self) -> bool:
        """Whether a supervisor runs this graph."""
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def hold(self) -> int | None:
        """Marks the graph as running, or None if it already is. The directory itself is locked: systemd's cleaner of
        /tmp leaves a locked directory alone, however long the installation runs."""
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        (self.path / "pid").write_text(str(os.getpid()))
        return fd


def running() -> list[RunDir]:
    """The run directories of all graphs that this user runs now."""
    found = []
    for path in sorted(_base().iterdir()):
        directory = RunDir.__new__(RunDir)
        directory.path = path
        if path.is_dir() and directory.running():
            found.append(directory)
    return found


def _base() -> Path:
    """One directory for all of a user's graphs; not the login session's, which goes when the user logs out."""
    base = Path(tempfile.gettempdir()) / f"handflow-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    status = base.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{base} belongs to somebody else or is open to others; remove it")
    return base
