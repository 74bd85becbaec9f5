"""Where a running graph's sockets and locks lie: one directory per graph file, this user's alone, the same for every
command that is given the file.
"""

import contextlib
import glob
import hashlib
import os
import re
import secrets
import tempfile
import time
from pathlib import Path

import zmq

from handflow.runtime import locks

from .endpoint import Address, FixedAddress, LoopbackAddress
from .mapped_files import MappedFiles, sweep
from .shared_memory import Memfd, Memory

TOKEN_BYTES = 16
# A command that looks whether a graph runs holds its lock for some microseconds.
LOOKED_AT_S = 0.2
# No node has such a name.
CONTROL, STATUS = "@control", "@status"


def portable() -> bool:
    """Whether this system lacks what the quick path needs: memfd, /proc or unix sockets."""
    return not (hasattr(os, "memfd_create") and os.path.exists(f"/proc/{os.getpid()}/fd") and zmq.has("ipc"))


class RunDir:
    """The run directory of one graph. A lock dies with the process that holds it, so nothing has to be cleaned up.

    `portable`: its nodes are joined by tcp on loopback and mapped files; None: as the run that goes on has it.
    `on`: the machine that this is, of a graph of several (which may be one computer, to try it out).
    """

    def __init__(self, graph_file: Path, portable: bool | None = None, on: str = "") -> None:
        file = graph_file.resolve()
        digest = hashlib.sha1(os.fsencode(f"{file} {on}".rstrip())).hexdigest()[:8]
        # Short: a unix socket's path has at most 107 bytes.
        self.path = _base() / "-".join(filter(None, [_stem(file), on[:12], digest]))
        self.path.mkdir(mode=0o700, exist_ok=True)
        self._portable = portable
        self._held: list[locks.Lock] = []

    @property
    def portable(self) -> bool:
        return (self.path / f"{CONTROL}.port").exists() if self._portable is None else self._portable

    @property
    def graph(self) -> Path:
        """The checked graph that is running, as its processes read it."""
        return self.path / "graph.json"

    @property
    def control(self) -> Address:
        """The supervisor answers here."""
        return self.address(CONTROL)

    @property
    def status(self) -> Address:
        """The supervisor hears its nodes here."""
        return self.address(STATUS)

    def address(self, node: str) -> Address:
        """A node sends here."""
        if self.portable:
            return LoopbackAddress(self.path / f"{node}.port", self._token())
        return FixedAddress(f"ipc://{self.path}/{node}")

    def memory(self) -> Memory:
        """Where a node's big arrays lie."""
        return MappedFiles(self.path) if self.portable else Memfd()

    def persistent(self, node: str) -> Path:
        """What outlives a crash of the node."""
        return self.path / f"{node}.persistent"

    def lock(self, name: str, wait_s: float = 0) -> locks.Lock | None:
        """Takes the lock `name` until this process ends; None: somebody else holds it."""
        lock = locks.take(self.path / f"{name}.lock", wait_s)
        if lock is not None:
            self._held.append(lock)
            (self.path / f"{name}.pid").write_text(str(os.getpid()), "utf-8")
        return lock

    def release(self, name: str) -> None:
        """Lets go of the lock `name`."""
        for lock in [held for held in self._held if held.path == self.path / f"{name}.lock"]:
            self._held.remove(lock)
            lock.release()

    def holder(self, name: str) -> str:
        """The process that holds the lock `name`."""
        with contextlib.suppress(OSError):
            return (self.path / f"{name}.pid").read_text("utf-8")
        return "?"

    def running(self) -> bool:
        """Whether a supervisor runs this graph."""
        lock = locks.take(self.path, shared=True)
        if lock is not None:
            lock.release()
        return lock is None

    def hold(self) -> locks.Lock | None:
        """Marks the graph as running, or None if it already is. The directory itself is locked: systemd's cleaner of
        /tmp leaves a locked directory alone, however long the installation runs."""
        lock = locks.take(self.path, LOOKED_AT_S)
        if lock is not None:
            (self.path / "pid").write_text(str(os.getpid()), "utf-8")
            for file in (*self.path.glob("*.persistent"), *self.path.glob("*.port")):
                # Of an earlier run: ids start again, and its ports may be somebody else's.
                file.unlink()
            for folder in _base().iterdir() if self.portable else ():
                sweep(folder)  # of other graphs too: they may never be started again
        return lock

    def _token(self) -> bytes:
        """What nobody but this graph's processes knows: other users may connect to a port on loopback."""
        file = self.path / "token"
        with contextlib.suppress(FileExistsError), open(file, "xb", opener=_private) as out:
            out.write(secrets.token_bytes(TOKEN_BYTES))
        for _ in range(100):
            if len(token := file.read_bytes()) == TOKEN_BYTES:  # else it is just being written
                return token
            time.sleep(0.01)
        raise OSError(f"{file} is damaged; remove it")


def running(file: Path | None = None) -> list[RunDir]:
    """The run directories of all graphs that this user runs now; with `file` those whose names begin alike."""
    found = []
    for path in sorted(_base().glob(f"{glob.escape(_stem(file))}-*" if file else "*")):
        directory = RunDir.__new__(RunDir)
        directory.path, directory._portable, directory._held = path, None, []
        with contextlib.suppress(FileNotFoundError):  # it has just been cleaned away
            if path.is_dir() and directory.running():
                found.append(directory)
    return found


def _stem(file: Path) -> str:
    """What the directory's name begins with, for people: few bytes, for those of a socket's path are counted."""
    return re.sub(r"[^\w.-]", "_", file.resolve().stem[:16], flags=re.ASCII)


def _base() -> Path:
    """One directory for all of a user's graphs; not the login session's, which goes when the user logs out."""
    # Windows: the directory for temporary files is the user's own.
    if not hasattr(os, "getuid"):
        base = Path(tempfile.gettempdir()) / "handflow"
        base.mkdir(exist_ok=True)
        return base
    base = Path(tempfile.gettempdir()) / f"handflow-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    status = base.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{base} belongs to somebody else or is open to others; remove it")
    return base


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
