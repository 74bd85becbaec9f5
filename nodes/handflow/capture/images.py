"""The one way to decode an image, from a file or from bytes, and to list the images of a folder.

Every image comes out as (height, width, 3) uint8, BGR, upright: EXIF orientation applied, grey spread over three
channels, 10 to 16 bits scaled to 8, alpha dropped, of a moving picture the first one. OpenCV decodes; HEIC takes
pi-heif, where it is installed.
"""

import contextlib
import importlib
import os
import re
import warnings
from io import BytesIO
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from handflow.errors import SetupError
from handflow.runtime.files import files_in, is_special, result_file

SUFFIXES = frozenset({
    ".avif", ".bmp", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
    ".tif", ".tiff", ".webp",
})  # fmt: skip
# A telephone's largest pictures have 200 million; a few bytes that ask for more are no picture.
MAX_PIXELS = 1 << 28
# What a 16-bit picture may really hold, bits: industrial cameras store 10, 12 or 14 without scaling them.
DEPTHS = (10, 12, 14, 16)
# The types that the first bytes of a HEIC file name (ISO/IEC 23008-12, annex B).
HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def silence_opencv() -> None:
    """Keeps OpenCV and FFmpeg from writing to stderr what we say ourselves, or would say again at every try."""
    # It moved in the course of OpenCV 4.
    log = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    log.setLogLevel(0)  # silent
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when the first video is opened


# Whoever decodes says what is wrong in one line.
silence_opencv()


def is_image(path: str | Path) -> bool:
    """Whether a file is an image by its name."""
    return Path(path).suffix.lower() in SUFFIXES


def images_in(folder: Path, deep: bool = False) -> list[Path]:
    """The image files of a folder (`deep`: and of those in it), hand2 before hand10. SetupError if there are none."""
    files = sorted(filter(is_image, files_in(folder, deep=deep)), key=_natural)
    if not files:
        raise SetupError(f"{folder}: no pictures in this folder; expected files named {', '.join(sorted(SUFFIXES))}")
    return files


def read_image(file: Path) -> np.ndarray:
    """The image in a file. SetupError says in one line why there is none."""
    if is_special(file):
        raise SetupError(f"{file}: expected a file, got a folder, a pipe or a device")
    # Through numpy: imread cannot open names outside the code page on Windows, and cannot tell absent from broken.
    try:
        data = np.fromfile(file, np.uint8)
    except FileNotFoundError:
        raise SetupError(f"{file}: no such picture") from None
    except OSError as error:
        raise SetupError(f"{file}: cannot be read: {error.strerror or error}") from error
    image = decode_image(data)
    if image is None:
        raise SetupError(f"{file}: {_reason(data)}")
    return image


def pictures_in(file: Path) -> int:
    """How many pictures are in an image file: more than one if it moves (WebP) or has pages (TIFF)."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as opened:
            return int(getattr(opened, "n_frames", 1))
    except Exception:
        # As in `_size_of`: what cannot be read has been told.
        return 1


def write_image(file: Path, image: np.ndarray) -> None:
    """Writes an image as PNG. OutputError."""
    data = cv2.imencode(".png", image)[1]
    with result_file(file) as part:
        part.write_bytes(data.tobytes())


def decode_image(data: bytes | np.ndarray) -> np.ndarray | None:
    """The image in the bytes of a file, or None if there is none."""
    # AVIF may begin in the same way; OpenCV reads that.
    if _is_heif(data) and (image := _decoded_heif(data)) is not None:
        return image
    if _is_too_large(_size_of(data)):
        return None
    image = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None and bytes(data[:4]) == b"RIFF" and bytes(data[8:12]) == b"WEBP":
        # OpenCV before 4.11 reads none that moves, and not each that is still.
        return _decoded_by_pillow(data)
    return None if image is None else eight_bits(image)


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


def _decoded_by_pillow(data: bytes | np.ndarray) -> np.ndarray | None:
    """The first image in a file, BGR, or None if there is none."""
    from PIL import Image

    try:
        with Image.open(BytesIO(bytes(data))) as opened:
            return np.asarray(opened.convert("RGB"))[..., ::-1].copy()
    except Exception:
        # A damaged file makes it raise whatever it likes.
        return None


def eight_bits(image: np.ndarray) -> np.ndarray:
    """An image of any depth as uint8."""
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        largest = int(image.max())
        bits = next(bits for bits in DEPTHS if largest < 1 << bits)
        return (image >> (bits - 8)).astype(np.uint8)
    # Floating point: 0..1, as TIFF has it.
    return (np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8)


def _size_of(data: bytes | np.ndarray) -> tuple[int, int] | None:
    """Width and height by the header, before anything is decoded; None where Pillow does not know the format."""
    # A camera's JPEGs need it as well: its import takes 15 ms, OpenCV's 150.
    from PIL import Image

    # It refuses what has more than twice as many, and warns before.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(bytes(data))) as opened:
            width, height = opened.size
            return width, height
    except Image.DecompressionBombError:
        return MAX_PIXELS, 2
    except Exception:
        # A damaged header makes it raise whatever it likes; whether the rest is an image is OpenCV's to say.
        return None


def _is_too_large(size: tuple[int, int] | None) -> bool:
    return size is not None and size[0] * size[1] > MAX_PIXELS


def _is_heif(data: bytes | np.ndarray) -> bool:
    return bytes(data[4:8]) == b"ftyp" and bytes(data[8:12]) in HEIF


def _decoded_heif(data: bytes | np.ndarray) -> np.ndarray | None:
    """A HEIC picture, None without a library for it, or if there is none in it."""
    library = _heif_library()
    if library is None:
        return None
    try:
        opened = library.open_heif(BytesIO(bytes(data)), convert_hdr_to_8bit=True)
        width, height = opened.size
        return None if width * height > MAX_PIXELS else np.asarray(opened.to_pillow().convert("RGB"))[..., ::-1].copy()
    except Exception:
        return None


def _heif_library() -> ModuleType | None:
    """What reads HEIC, where it is installed; the smaller of two that are alike comes first."""
    for name in ("pi_heif", "pillow_heif"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return None


def _reason(data: np.ndarray) -> str:
    """Why these bytes are no image, and what to do."""
    if _is_heif(data) and _heif_library() is None:
        return "is a HEIC picture, which nothing installed can read; pip install pi-heif, or save it as JPEG"
    size = None if _is_heif(data) else _size_of(data)
    if size is not None and _is_too_large(size):
        return f"expected a picture of at most {MAX_PIXELS >> 20} megapixels, got more; save it smaller"
    return f"expected a picture that OpenCV can decode, got {data.size} bytes of something else"


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
