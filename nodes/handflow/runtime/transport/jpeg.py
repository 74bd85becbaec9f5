"""Frames as JPEG: the one place where they are made, for other machines, pages and recordings.

Twenty times smaller than the pixels; 3 ms at 1280x720. OpenCV is loaded where it is needed: a graph on one machine may
need none of it.
"""

import numpy as np

# 8192 x 8192: a few bytes must not make us take a gigabyte.
MAX_PIXELS = 1 << 26


def shrink(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """`image` (h, w, 3) made to fit into `size` (width, height), its aspect ratio kept; never made bigger."""
    import cv2

    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height) if size else 1
    if scale >= 1:
        return image
    small = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, small, interpolation=cv2.INTER_LINEAR)


def encode(image: np.ndarray, quality: int) -> bytes:
    """An image (h, w, 3), BGR, as JPEG of a quality of 0 to 100. ValueError."""
    import cv2

    try:
        good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error:
        good = False
    if not good:
        raise ValueError(f"expected an image that can be a JPEG, got {image.dtype} of shape {image.shape}")
    return data.tobytes()


def decode(data: bytes) -> np.ndarray:
    """The image (h, w, 3), BGR, in a JPEG, read-only and not turned as EXIF may say. ValueError."""
    import cv2

    height, width = size_of(data)
    if not 0 < height * width <= MAX_PIXELS:
        raise ValueError(f"expected a JPEG of at most {MAX_PIXELS} pixels, got {width}x{height}")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ValueError(f"expected a JPEG, got {len(data)} bytes of something else")
    image.flags.writeable = False
    return image


def size_of(data: bytes) -> tuple[int, int]:
    """(height, width) from a JPEG's frame header (ITU T.81, B.2.2), before anything is decoded. ValueError."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ValueError(f"expected a JPEG, got {len(data)} bytes of something else")
