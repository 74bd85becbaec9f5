"""A frame as JPEG, as pages show it."""

import numpy as np

from handflow.capture.transform import transform
from handflow.runtime.transport.jpeg import encode


def jpeg(image: np.ndarray, size: tuple[int, int], quality: int) -> bytes:
    """The picture, made to fit into `size` (width, height), as a JPEG."""
    return encode(transform(image, np.empty, size=size), quality)
