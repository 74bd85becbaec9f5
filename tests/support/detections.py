"""Labelled pictures with few hands, and what was detected in them."""

import numpy as np

from handflow.training.labels.pictures import LabelledPicture
from handflow.vision.peaks import Peaks


def picture(*hands):
    """A picture of 200x100 with hands (x, y, width, height, kind)."""
    boxes = np.array([hand[:4] for hand in hands], np.float32).reshape(-1, 4)
    return LabelledPicture("nowhere.png", 200, 100, boxes, np.array([hand[4] for hand in hands], int), "desk", "anna")


def peaks(*found):
    """Detections (x, y in pixels, score, open)."""
    table = np.array(found, np.float32).reshape(-1, 4)
    return Peaks(table[:, :2] / [200, 100], table[:, 2], table[:, 3], np.full(len(table), 0.05, np.float32))
