"""Sessions of annotate, and the clips in them."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handflow.training.annotation.session import Session, opened

FRAMES = 20


def write(file: Path, pictures: list[np.ndarray]) -> None:
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 30, pictures[0].shape[1::-1])
    for picture in pictures:
        writer.write(np.repeat(picture[..., None], 3, axis=2))
    writer.release()


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in file.read_text().splitlines()]


def begun(paths: list[str], folder: Path) -> Session:
    return Session(*opened(paths), folder)
