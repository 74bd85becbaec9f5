"""Files: those that come with the package, and those that are replaced whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def packaged(name: str) -> Path:
    """A file or folder that comes with the package: inside it in a wheel, at the top of a checkout."""
    inside = PACKAGE / name
    return inside if inside.exists() else PACKAGE.parent.parent / name


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to, which becomes `file` if the block ends well and is removed if it does not.

    Nobody sees half a file, and what was there stays until something better is whole. OSError as writing raises it.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        yield part
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
