"""Pictures made by hand."""

from pathlib import Path

import cv2
import numpy as np


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) % 200]).astype(np.uint8)


def clip(path: Path, count: int = 10, fps: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
    """A video whose pictures get brighter by 20 from one to the next."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for number in range(count):
        writer.write(np.full((size[1], size[0], 3), 20 * number % 256, np.uint8))
    writer.release()
    return path
