"""Standard output and error of a process of ours, which end nothing that is to go on.

What a full disk, a pipe without a reader or a terminal that is gone does not take is dropped and counted. Only a
command whose standard output is its result ends then: with one line, or in silence where nobody reads on (`| head`).
"""

import errno
import io
import os
import select
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TextIO

from handflow.errors import OutputError, ReaderGone
from handflow.runtime.files import cannot_write, reason_of
from handflow.runtime.names import ERRORS

# A pipe that can be written to has room for so much: a longer write would wait for its reader.
PIECE_BYTES = 4096
# So long an installation waits for somebody who reads slowly, once; then it waits no more until they have caught up.
SLOW_S = 0.2


class Use(Enum):
    """What standard output is to a command."""

    RESULT = "what was asked for"
    WATCHING = "a view of what runs elsewhere: nothing is left to do where nobody looks"
    LOG = "beside what the command does"


class ResultStream(io.FileIO):
    """Writes to an open file descriptor all or nothing more: OutputError once, ReaderGone once, then silence."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "w", closefd=False)
        self._told = False

    def write(self, data) -> int:  # type: ignore[no-untyped-def]  # typeshed's buffer type is private
        if self._told:
            return len(data)
        try:
            while (written := super().write(data)) is None:
                select.select([], [self], [])
        except OSError as error:
            self._told = True
            if _reader_gone(error):
                raise ReaderGone from None
            raise OutputError(cannot_write(Path("standard output"), error)) from error
        return written


class DroppingStream(io.FileIO):
    """Writes to an open file descriptor what that takes; the rest is dropped, and its lines are counted.

    `tell` is given a line about them once the descriptor takes something again. With `ends_with_reader` ReaderGone is
    raised where a pipe has lost its reader.
    """

    def __init__(self, fd: int, name: str, tell: Callable[[bytes], object], ends_with_reader: bool = False) -> None:
        super().__init__(fd, "w", closefd=False)
        self.label, self.dropped, self.reason = name, 0, ""
        self._tell, self._ends_with_reader = tell, ends_with_reader
        self._mid_line = False
        # Windows cannot tell whether a pipe has room: a reader that hangs holds up whoever writes there.
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            self._poll.register(fd, select.POLLOUT)

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            if self.dropped and self._mid_line:
                self._mid_line = False
                self._write(memoryview(b"\n"))
            while rest:
                written = self._write(rest[:PIECE_BYTES])
                self._mid_line = rest[written - 1] != 0x0A
                rest = rest[written:]
        except OSError as error:
            if self._ends_with_reader and _reader_gone(error):
                raise ReaderGone from None
            self.dropped += max(1, bytes(rest).count(b"\n"))
            self.reason = reason_of(error)
            return size
        self.report()
        return size

    def report(self) -> None:
        """Tells of the lines that have been dropped since the last time."""
        dropped, self.dropped = self.dropped, 0
        if dropped:
            self._tell(f"{dropped} lines to {self.label} were dropped: {self.reason}\n".encode())

    def _write(self, piece: memoryview) -> int:
        # Regular files are always ready; what has failed is as well, and tells why when it is written to.
        if self._poll is not None and not self._poll.poll(0 if self.dropped else SLOW_S * 1000):
            raise TimeoutError("nobody reads it")
        written = super().write(piece)
        if written is None:
            raise TimeoutError("nobody reads it")
        return written


def protect(use: Use) -> None:
    """Replaces `sys.stdout` and `sys.stderr`, and puts /dev/null where a descriptor is closed (`>&-`): else the next
    file or socket that is opened would get what is printed, here and in the processes that are started. Only to be
    read, so that whoever writes to it is told.

    Windows' console stays as Python has it, which writes every character there without a code page.
    """
    for fd in (0, 1, 2):
        _fill(fd)
    error = DroppingStream(2, "standard error", lambda line: error.write(line))
    if not _is_windows_console(sys.stderr):
        sys.stderr = _text(error, sys.stderr)
    if _is_windows_console(sys.stdout):
        return
    if use is Use.RESULT:
        output: io.FileIO = ResultStream(1)
    else:
        output = DroppingStream(1, "standard output", lambda line: error.write(line), use is Use.WATCHING)
    sys.stdout = _text(output, sys.stdout)


def finish() -> None:
    """Writes what is still held back, and tells what has been dropped. OutputError, ReaderGone."""
    stream = sys.stdout
    if stream is None or stream.closed:
        return
    stream.flush()
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if isinstance(raw, DroppingStream):
        raw.report()


def _reader_gone(error: OSError) -> bool:
    """Whether a pipe has lost its reader; EINVAL is Windows' word for it."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def _is_windows_console(stream: TextIO | None) -> bool:
    return os.name == "nt" and stream is not None and stream.isatty()


def _fill(fd: int) -> None:
    """Puts /dev/null in the place of a descriptor that is closed."""
    try:
        os.fstat(fd)
    except OSError:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, fd)  # inheritable, unlike what was opened
        if null != fd:
            os.close(null)
        else:
            os.set_inheritable(fd, True)


def _text(raw: io.FileIO, before: object) -> io.TextIOWrapper:
    """A text stream as `before` was (None: it was closed), in which no character is an error."""
    encoding = getattr(before, "encoding", None) or "utf-8"
    unbuffered = getattr(before, "write_through", False)
    lines = raw.fileno() == 2 or raw.isatty()
    buffer = raw if unbuffered else io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffer,
        encoding,
        ERRORS,
        line_buffering=lines,
        write_through=unbuffered,
    )
