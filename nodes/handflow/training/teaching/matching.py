"""What teachers see in a training sample, as targets for the network (function matching, arXiv 2106.05237).

Teacher and network look at the very same picture, zoomed, turned and lit alike, of people or of nobody.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from handflow.errors import SetupError
from handflow.training.network import STRIDE
from handflow.training.targets import SIGMA
from handflow.vision.model import Model, open_model, open_session

from .palm_detector import PalmDetector

PALM_ZOOMS = (1.0, 2.0)
CERTAIN = 0.7  # palms from this score on count as hands; those below are left open

# (height, width, 3) uint8 BGR -> maps of any hand and open palm (2, rows, columns), and how much each cell counts.
MapTeacher = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def teachers_of(files: str) -> list[MapTeacher]:
    """The teachers in FILE,FILE: models of ours, or MediaPipe's palm detector. Raises SetupError."""
    # A session does not survive a fork: each process that makes samples opens its own.
    return [open_teacher(file, os.getpid()) for file in files.split(",") if file]


@lru_cache(maxsize=8)
def open_teacher(file: str, process: int) -> MapTeacher:
    """One teacher, kept for this process."""
    path = Path(file)
    if not path.is_file():
        raise SetupError(f"teachers: there is no file {path}")
    outputs = [output.name for output in open_session(path.read_bytes(), path).get_outputs()]
    if "any" in outputs:
        return ModelTeacher(open_model(path))
    return PalmTeacher(PalmDetector(path))


class ModelTeacher:
    """A network of ours, larger than the one that learns: both of its maps count everywhere."""

    def __init__(self, model: Model) -> None:
        if model.stride != STRIDE:
            raise SetupError(f"teachers: {model.path}: expected a map cell for {STRIDE} pixels, got {model.stride}")
        self.model = model

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        maps = self.model.run(np.ascontiguousarray(image.transpose(2, 0, 1)[None]))[:2]
        heat = np.stack(maps).astype(np.float32)
        return heat, np.ones_like(heat)


class PalmTeacher:
    """MediaPipe's palm detector: where it is sure, the map of any hand is lit; it knows nothing of open palms."""

    def __init__(self, detector: PalmDetector) -> None:
        self.detector = detector

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = image.shape[0] // STRIDE, image.shape[1] // STRIDE
        heat, weight = np.zeros((2, rows, columns), np.float32), np.zeros((2, rows, columns), np.float32)
        weight[0] = 1
        x, y = np.arange(columns) + 0.5, np.arange(rows)[:, None] + 0.5
        palms = [palm for zoom in PALM_ZOOMS for palm in self.detector.detect(image, zoom)]
        for palm in sorted(palms, key=lambda palm: palm.score):
            box = palm.hand / STRIDE
            middle, side = box[:2] + box[2:] / 2, box[2]
            away = (x - middle[0]) ** 2 + (y - middle[1]) ** 2
            if palm.score < CERTAIN:
                weight[0][away < (side / 2) ** 2] = 0
            else:
                blob = palm.score * np.exp(-away / (2 * max(0.7, SIGMA * side) ** 2))
                heat[0] = np.maximum(heat[0], blob)
                weight[0][away < (side / 2) ** 2] = 1
        return heat, weight


def taught_maps(images: np.ndarray, files: str) -> tuple[np.ndarray, np.ndarray]:
    """The teachers' mean for images (B, 3, h, w): maps and weights, both (B, 2, h/4, w/4) float32."""
    heats, weights = [], []
    for image in images.transpose(0, 2, 3, 1):  # (h, w, 3)
        seen = [teacher(np.ascontiguousarray(image)) for teacher in teachers_of(files)]
        weight = np.sum([w for _, w in seen], axis=0)
        heats.append(np.sum([heat * w for heat, w in seen], axis=0) / np.maximum(weight, 1e-6))
        weights.append(weight / len(seen))
    return np.stack(heats).astype(np.float32), np.stack(weights).astype(np.float32)
