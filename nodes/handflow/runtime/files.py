"""Files: those that come with the package, those of a folder, and those that are replaced whole or not at all."""

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from handflow.errors import OutputError, SetupError

from .names import fitting, text_of

PACKAGE = Path(__file__).parent.parent
# Folders that systems put beside people's files: macOS into archives, others for thumbnails and what was deleted.
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
# A flag of os.open: else Windows writes each line end as two bytes.
BINARY = getattr(os, "O_BINARY", 0)
MAX_ENDING = 16  # characters that tell a format


def packaged(name: str) -> Path:
    """A file or folder that comes with the package: inside it in a wheel, at the top of a checkout."""
    inside = PACKAGE / name
    return inside if inside.exists() else PACKAGE.parent.parent / name


def files_in(folder: Path, pattern: str = "*", deep: bool = False) -> list[Path]:
    """The files of a folder (`deep`: and of those in it) that people put there, sorted. SetupError.

    Left out are hidden ones, among them the `._` files that macOS leaves beside others, what systems keep, and what is
    no file at all: a folder, a pipe, a socket, a device.
    """

    def shown(file: Path) -> bool:
        parts = file.relative_to(folder).parts
        return not any(part.startswith(".") or part in SYSTEM_FOLDERS for part in parts) and not is_special(file)

    try:
        # Listing by itself: a pattern passes over a folder that may not be read.
        with os.scandir(folder):
            return sorted(filter(shown, folder.rglob(pattern) if deep else folder.glob(pattern)))
    except OSError as error:
        raise SetupError(f"{folder}: cannot be read: {error.strerror}") from error


def is_special(file: Path) -> bool:
    """Whether there is something of that name that is no file: reading a pipe would wait for a writer for ever."""
    try:
        return not stat.S_ISREG(file.stat().st_mode)
    except OSError:
        # Reading it says why.
        return False


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to, which becomes `file` if the block ends well and is removed if it does not.

    Nobody sees half a file, and what was there stays until something better is whole. What is no plain file (a pipe,
    /dev/null) is written to itself. The path keeps the ending. OSError as writing raises it.
    """
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; give the name of a file", str(file))
    if file.exists() and not file.is_file():
        yield file
        return
    # A link stays one.
    file = Path(os.path.realpath(file))
    ending = file.suffix if len(file.suffix) < MAX_ENDING else ""
    part = file.with_name(fitting(f".{file.stem}", f".part{ending}"))
    try:
        yield part
        os.replace(part, file)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


@contextmanager
def result_file(file: Path) -> Iterator[Path]:
    """`replacing` for what a command makes: when the block ends well, the disk has it. OutputError names the file.

    An OSError of another file, which has that file's name, is left as it is.
    """
    part = file
    try:
        if not file.absolute().parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        with replacing(file) as part:
            yield part
            sync(part)
    except OSError as error:
        if error.filename and str(error.filename) not in (str(part), str(file)):
            raise
        raise OutputError(cannot_write(file, error)) from error


class ResultFile(io.FileIO):
    """A file open to be written whose errors name `name`, what it will be called: OutputError."""

    def __init__(self, part: Path, name: Path) -> None:
        super().__init__(part, "w")
        self.called = name

    def write(self, data) -> int:  # type: ignore[no-untyped-def]  # typeshed's buffer type is private
        try:
            return super().write(data)
        except OSError as error:
            raise OutputError(cannot_write(self.called, error)) from error


@contextmanager
def result_text(file: Path) -> Iterator[TextIO]:
    """`result_file`, open for text as it is given."""
    with (
        result_file(file) as part,
        io.TextIOWrapper(io.BufferedWriter(ResultFile(part, file)), "utf-8", newline="") as opened,
    ):
        yield opened


def private(path: str, flags: int) -> int:
    """An `opener` of files that this user alone may read; a link is not followed. OSError."""
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), 0o600)


def sync(file: Path) -> None:
    """Waits until the disk has a file: some tell only then that they are full or broken. OSError."""
    # Windows forces nothing to disk through what may only be read.
    fd = os.open(file, os.O_RDWR if os.name == "nt" else os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        os.fsync(fd)
    except OSError as error:
        # A pipe or a share that knows no fsync.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(fd)


def whole_lines(file: Path) -> int:
    """How many lines of a file, which grows line by line, are whole; what was cut off behind them is removed."""
    if not file.exists():
        return 0
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with replacing(file) as part:
            part.write_bytes(whole)
    return whole.count(b"\n")


def cannot_write(file: Path, error: OSError) -> str:
    """Why a file cannot be written, in one line."""
    if error.errno == errno.ENOENT and not file.absolute().parent.is_dir():
        return f"{file}: cannot be written: there is no folder {file.absolute().parent}"
    return f"{file}: cannot be written: {reason_of(error)}"


def reason_of(error: OSError) -> str:
    """Why, in the system's words; of standard output that was closed (`>&-`) it has none that people understand."""
    if error.errno == errno.EBADF:
        return "it is closed"
    return error.strerror or text_of(error)
