"""Pictures as JPEG: how they cross from one machine to another. Twenty times smaller, 3 ms at 720p."""

import numpy as np

MOST_PIXELS = 1 << 26  # 8192 x 8192: a few bytes must not make us take a gigabyte


def shrink(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """`image` (h, w, 3) made to fit into `size` (width, height), its shape kept; never made bigger."""
    import cv2  # here: a graph on one machine need not load it

    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height) if size else 1
    if scale >= 1:
        return image
    small = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, small, interpolation=cv2.INTER_LINEAR)


def encode(image: np.ndarray, quality: int) -> bytes:
    """A picture (h, w, 3), BGR, as JPEG."""
    import cv2

    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise ValueError(f"a picture of {image.shape} is no JPEG's")
    return data.tobytes()


def decode(data: bytes) -> np.ndarray:
    """The picture (h, w, 3), BGR, in a JPEG, read-only. ValueError."""
    import cv2

    height, width = size_of(data)
    if not 0 < height * width <= MOST_PIXELS:
        raise ValueError(f"a JPEG of {width}x{height}")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ValueError("no JPEG")
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
    raise ValueError("no JPEG")
