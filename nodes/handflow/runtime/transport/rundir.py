"""Where a running graph's sockets and locks lie: one directory per graph file, this user's alone, the same for every
command that is given the file.
"""

import contextlib
import errno
import glob
import hashlib
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import zmq

from handflow.errors import SetupError
from handflow.runtime import locks
from handflow.runtime.files import BINARY, private, replacing

from .endpoint import Address, FixedAddress, LoopbackAddress
from .mapped_files import MappedFiles, sweep
from .shared_memory import Memfd, Memory

TOKEN_BYTES = 16
# A command that looks whether a graph runs holds its lock for some microseconds.
LOOKED_AT_S = 0.2
# No node has such a name.
CONTROL, STATUS = "@control", "@status"
# The path of a unix socket may have so many bytes (macOS, with 103, is the portable path's).
SOCKET_PATH_BYTES = 107
NAMES = "surrogateescape"  # how text with names of files in it is stored
# What could not be stored, of nodes in this process: whoever watches one from here still learns it.
_unwritten: dict[Path, dict[str, Any]] = {}
DIGEST = 8  # characters of a digest in a name
# What a base leaves at least to a run directory: "/ab-ab-DIGEST/DIGEST".
MAX_BASE_BYTES = SOCKET_PATH_BYTES - 2 * (DIGEST + 1) - 6
MAX_STEM = 16


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
        base = _base()
        parts = [_stem(base, file), on[: min(12, len(_stem(base, file)))], _digest(f"{file} {on}".rstrip())]
        self.path = base / "-".join(filter(None, parts))
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
        fits = len(os.fsencode(self.path / node)) <= SOCKET_PATH_BYTES
        return FixedAddress(f"ipc://{self.path / (node if fits else _digest(node))}")

    def memory(self) -> Memory:
        """Where a node's big arrays lie."""
        return MappedFiles(self.path) if self.portable else Memfd()

    def stored(self, node: str) -> dict[str, Any]:
        """What of the node outlives a crash."""
        file = self._stored(node)
        if file in _unwritten:
            return dict(_unwritten[file])
        try:
            unpacker = msgpack.Unpacker(unicode_errors=NAMES)
            unpacker.feed(file.read_bytes())
            # Behind it may stand the rest of what was longer, where that was overwritten.
            return unpacker.unpack()
        except (FileNotFoundError, msgpack.OutOfData):
            return {}

    def store(self, node: str, values: dict[str, Any]) -> None:
        """Keeps what outlives a crash of the node, in place of what was kept before. OSError: only this process has it.

        On a full disk it is written over what was there: those few bytes need no further room.
        """
        file, data = self._stored(node), msgpack.packb(values, unicode_errors=NAMES)
        _unwritten.pop(file, None)
        try:
            with replacing(file) as part:
                part.write_bytes(data)
        except OSError as error:
            try:
                _overwrite(file, data)
            except OSError:
                _unwritten[file] = values
                raise error from None

    def forget(self, node: str) -> None:
        """Lets go of what was stored."""
        _unwritten.pop(self._stored(node), None)
        self._stored(node).unlink(missing_ok=True)

    def lock(self, name: str, wait_s: float = 0) -> locks.Lock | None:
        """Takes the lock `name` until this process ends; None: somebody else holds it."""
        lock = locks.take(self.path / f"{name}.lock", wait_s)
        if lock is not None:
            self._held.append(lock)
            self._say_who(f"{name}.pid")
        return lock

    def release(self, name: str) -> None:
        """Lets go of the lock `name`."""
        for lock in [held for held in self._held if held.path == self.path / f"{name}.lock"]:
            self._held.remove(lock)
            lock.release()

    def holder(self, name: str = "") -> str:
        """The process that holds the lock `name`, or runs the graph."""
        with contextlib.suppress(OSError):
            return (self.path / (f"{name}.pid" if name else "pid")).read_text("utf-8")
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
            self._say_who("pid")
            for file in (*self.path.glob("*.persistent"), *self.path.glob("*.port")):
                # Of an earlier run: ids start again, and its ports may be somebody else's.
                file.unlink()
            for folder in _base().iterdir() if self.portable else ():
                sweep(folder)  # of other graphs too: they may never be started again
        return lock

    def _stored(self, node: str) -> Path:
        return self.path / f"{node}.persistent"

    def _say_who(self, name: str) -> None:
        # Only messages name the process: a full disk must not keep a node from starting again.
        with contextlib.suppress(OSError):
            (self.path / name).write_text(str(os.getpid()), "utf-8")

    def _token(self) -> bytes:
        """What nobody but this graph's processes knows: other users may connect to a port on loopback."""
        file = self.path / "token"
        with contextlib.suppress(FileExistsError), open(file, "xb", opener=private) as out:
            out.write(secrets.token_bytes(TOKEN_BYTES))
        for _ in range(100):
            if len(token := file.read_bytes()) == TOKEN_BYTES:  # else it is just being written
                return token
            time.sleep(0.01)
        raise OSError(f"{file} is damaged; remove it")


def running(file: Path | None = None) -> list[RunDir]:
    """The run directories of all graphs that this user runs now; with `file` those whose names begin alike."""
    found = []
    base = _base()
    for path in sorted(base.glob(f"{glob.escape(_stem(base, file))}-*" if file else "*")):
        directory = RunDir.__new__(RunDir)
        directory.path, directory._portable, directory._held = path, None, []
        with contextlib.suppress(FileNotFoundError):  # it has just been cleaned away
            if path.is_dir() and directory.running():
                found.append(directory)
    return found


def _overwrite(file: Path, data: bytes) -> None:
    fd = os.open(file, os.O_WRONLY | BINARY)
    try:
        if os.write(fd, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


def _stem(base: Path, file: Path) -> str:
    """By what one knows a graph's directory: as much of the file's name as leaves room for sockets, in ASCII."""
    room = SOCKET_PATH_BYTES - len(os.fsencode(base)) - 2 * (DIGEST + 1)
    return re.sub(r"[^A-Za-z0-9_.]", "_", file.resolve().stem)[: min(MAX_STEM, (room - 2) // 2)]


def _digest(text: str) -> str:
    return hashlib.sha1(os.fsencode(text)).hexdigest()[:DIGEST]


def _base() -> Path:
    """One directory for all of a user's graphs: in the first folder for temporary files that takes it.

    Not the login session's, which goes when the user logs out, if there is another. SetupError, PermissionError.
    """
    # Windows: the directory for temporary files is the user's own.
    if not hasattr(os, "getuid"):
        base = Path(tempfile.gettempdir()) / "handflow"
        base.mkdir(exist_ok=True)
        return base
    reasons = []
    for folder in _temporary_folders():
        base = folder / f"handflow-{os.getuid()}"
        if len(os.fsencode(base)) > MAX_BASE_BYTES:
            reasons.append(f"{folder}: too long for the path of a socket")
            continue
        try:
            base.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror}")
            continue
        status = base.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise PermissionError(f"{base} belongs to somebody else or is open to others; remove it")
        if os.access(base, os.W_OK | os.X_OK):
            return base
        reasons.append(f"{base}: cannot be written")
    raise SetupError(f"no folder takes what the processes share ({'; '.join(reasons)}); set TMPDIR to one that does")


def _temporary_folders() -> Iterator[Path]:
    """Where temporary files may lie. Unlike Python's `tempfile`, which tries a write, the same one on a full disk."""
    asked = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    usual = [*asked, "/tmp", "/var/tmp", "/dev/shm", os.environ.get("XDG_RUNTIME_DIR")]
    yield from dict.fromkeys(Path(os.path.abspath(folder)) for folder in usual if folder)
