"""Labelled pictures and clips, read once and kept."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ..runtime.node import SetupError


class LabelError(SetupError):
    """What is wrong with which line of which label file, in one line."""


@lru_cache(maxsize=8000)  # decoding costs more than anything else in making a sample; 8000 pictures are about 3 GB
def read_image(path: Path) -> np.ndarray:
    if not path.is_file():
        raise LabelError(f"{path}: no such picture")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise LabelError(f"{path}: not a picture that OpenCV can read")
    return np.asarray(image)


@lru_cache(maxsize=16)
def read_clip(path: Path) -> list[np.ndarray]:
    clip = cv2.VideoCapture(str(path))
    frames: list[np.ndarray] = []
    while True:
        good, frame = clip.read()
        if not good:
            break
        frames.append(np.asarray(frame))
    if not frames:
        raise LabelError(f"{path}: no such clip, or not one OpenCV can read")
    return frames
