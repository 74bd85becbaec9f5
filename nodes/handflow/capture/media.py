"""Clips under any name, for libraries that take names as UTF-8 and may take them for URLs, options or patterns.

The one place where files are handed to OpenCV and FFmpeg by name. They get whole paths, in which nothing is taken for
a scheme (`a:b.mp4`); a path with bytes that are no UTF-8 gets another name for as long as it is needed.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DESCRIPTORS = "/proc/self/fd"  # Linux: an open file's other name


@contextmanager
def readable(file: str | Path) -> Iterator[str]:
    """A name under which any library opens a file that is there. OSError."""
    path = os.path.abspath(file)
    if _is_utf8(path):
        yield path
    elif os.path.isdir(DESCRIPTORS):
        fd = os.open(path, os.O_RDONLY)
        try:
            yield f"{DESCRIPTORS}/{fd}"
        finally:
            os.close(fd)
    else:
        with _linked(path) as link:
            yield link


@contextmanager
def writable(file: str | Path) -> Iterator[str]:
    """A name with the same ending under which any library writes a file. OSError."""
    path = os.path.abspath(file)
    with contextlib.nullcontext(path) if _is_utf8(path) else _linked(path) as name:
        yield name


def _is_utf8(path: str) -> bool:
    try:
        # Not the same where the locale is another: OpenCV would open another file.
        return path.encode() == os.fsencode(path)
    except UnicodeEncodeError:
        return False


@contextmanager
def _linked(path: str) -> Iterator[str]:
    """Another name for a path, in a folder for temporary files."""
    ending = os.path.splitext(path)[1]
    with tempfile.TemporaryDirectory() as folder:
        link = f"media{ending if ending.isascii() else ''}"
        os.symlink(path, os.path.join(folder, link))
        if not os.path.isdir(DESCRIPTORS):
            yield os.path.join(folder, link)
            return
        # The folder's own name may be no UTF-8 either.
        fd = os.open(folder, os.O_RDONLY)
        try:
            yield f"{DESCRIPTORS}/{fd}/{link}"
        finally:
            os.close(fd)
