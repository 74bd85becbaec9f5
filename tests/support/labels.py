"""Label files and their pictures, written down; and what is read of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handflow.training.labels.pictures import LabelledPicture


def draw(path: Path, width: int = 200, height: int = 100) -> Path:
    """A grey picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def film(path: Path, frames: int, width: int = 200, height: int = 100) -> Path:
    """A clip whose frames get lighter, by 40."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (width, height))
    for number in range(frames):
        writer.write(np.full((height, width, 3), 40 * number, np.uint8))
    writer.release()
    return path


def write(path: Path, content: Any) -> Path:
    """A file of text or bytes as they are, or of anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def kinds(pictures: Iterable[LabelledPicture]) -> list[list[int]]:
    return [picture.kinds.tolist() for picture in pictures]


def boxes(pictures: Iterable[LabelledPicture]) -> list[list[list[float]]]:
    return [np.round(picture.boxes.astype(float), 2).tolist() for picture in pictures]
