"""The one way to decode an image, from a file or from bytes, and to list the images of a folder.

Every image comes out as (height, width, 3) uint8, BGR, upright: EXIF orientation applied, grey spread over three
channels, of 16 bits the upper 8, alpha dropped. OpenCV does all this where it is asked for colour.
"""

import re
from pathlib import Path

import cv2
import numpy as np

from handflow.errors import SetupError
from handflow.runtime.files import replacing

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def is_image(path: str | Path) -> bool:
    """Whether a file is an image by its name."""
    return Path(path).suffix.lower() in SUFFIXES


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, hand2 before hand10. SetupError if there are none."""
    files = sorted(filter(is_image, folder.iterdir()), key=_natural)
    if not files:
        raise SetupError(f"{folder}: no pictures in this folder; expected files named {', '.join(sorted(SUFFIXES))}")
    return files


def read_image(file: Path) -> np.ndarray:
    """The image in a file. SetupError says in one line why there is none."""
    # Through numpy: imread cannot open names outside the code page on Windows, and cannot tell absent from broken.
    try:
        data = np.fromfile(file, np.uint8)
    except FileNotFoundError:
        raise SetupError(f"{file}: no such picture") from None
    except OSError as error:
        raise SetupError(f"{file}: cannot be read: {error.strerror or error}") from error
    image = decode_image(data)
    if image is None:
        raise SetupError(f"{file}: expected a picture that OpenCV can decode, got {data.size} bytes of something else")
    return image


def write_image(file: Path, image: np.ndarray) -> None:
    """Writes an image as PNG. SetupError."""
    data = cv2.imencode(".png", image)[1]
    try:
        with replacing(file) as part:
            part.write_bytes(data.tobytes())
    except OSError as error:
        raise SetupError(f"{file}: cannot be written: {error.strerror}") from error


def decode_image(data: bytes | np.ndarray) -> np.ndarray | None:
    """The image in the bytes of a file, or None if there is none."""
    return _decoded(data, cv2.IMREAD_COLOR)


def decode_stored(data: bytes | np.ndarray) -> np.ndarray | None:
    """The array that was encoded as an image, its depth and channels as they were, or None if there is none."""
    return _decoded(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)


def _decoded(data: bytes | np.ndarray, flags: int) -> np.ndarray | None:
    array = np.frombuffer(data, np.uint8)
    try:
        return cv2.imdecode(array, flags) if array.size else None
    except cv2.error:
        # A header that asks for more pixels than OpenCV allows, or whose fields contradict each other.
        return None


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
