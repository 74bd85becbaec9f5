"""A frame as JPEG, as pages show it."""

import cv2
import numpy as np

from handflow.capture.transform import transform


def jpeg(image: np.ndarray, size: tuple[int, int], quality: int) -> bytes:
    """The picture, made to fit into `size` (width, height), as a JPEG."""
    small = transform(image, np.empty, size=size)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
