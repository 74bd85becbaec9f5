"""Files: those that come with the package, those of a folder, and those that are replaced whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handflow.errors import SetupError

from .names import fitting

PACKAGE = Path(__file__).parent.parent
# Folders that systems put beside people's files: macOS into archives, others for thumbnails and what was deleted.
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})


def packaged(name: str) -> Path:
    """A file or folder that comes with the package: inside it in a wheel, at the top of a checkout."""
    inside = PACKAGE / name
    return inside if inside.exists() else PACKAGE.parent.parent / name


def files_in(folder: Path, pattern: str = "*", deep: bool = False) -> list[Path]:
    """The files of a folder (`deep`: and of those in it) that people put there, sorted. SetupError.

    Left out are hidden ones, among them the `._` files that macOS leaves beside others, and what systems keep.
    """

    def shown(file: Path) -> bool:
        parts = file.relative_to(folder).parts
        return not any(part.startswith(".") or part in SYSTEM_FOLDERS for part in parts) and not file.is_dir()

    try:
        # Listing by itself: a pattern passes over a folder that may not be read.
        with os.scandir(folder):
            return sorted(filter(shown, folder.rglob(pattern) if deep else folder.glob(pattern)))
    except OSError as error:
        raise SetupError(f"{folder}: cannot be read: {error.strerror}") from error


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to, which becomes `file` if the block ends well and is removed if it does not.

    Nobody sees half a file, and what was there stays until something better is whole. OSError as writing raises it.
    """
    part = file.with_name(fitting(f".{file.name}", ".part"))
    try:
        yield part
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
