"""Hands drawn on a frame."""

import cv2
import numpy as np

from handflow.outputs.json_line import Line
from handflow.vision.thresholds import OPEN_AT


def draw(image: np.ndarray, line: Line) -> np.ndarray:
    """A copy of the picture with a ring on every hand: green an open palm, white any other, dashed a predicted one."""
    image = image.copy()
    height, width = image.shape[:2]
    side = max(width, height)
    thick, letters = max(1, round(side / 400)), max(0.5, side / 1200)  # to be read on small and upright pictures too
    for hand in line["hands"]:
        centre = round(hand["x"] * width), round(hand["y"] * height)
        radius = max(2, round(hand["radius"] * width))
        colour = (80, 220, 80) if hand["open"] >= OPEN_AT else (255, 255, 255)
        for start in range(0, 360, 30 if hand.get("predicted") else 360):
            end = start + (15 if hand.get("predicted") else 360)
            cv2.ellipse(image, centre, (radius, radius), 0, start, end, (0, 0, 0), thick + 2, cv2.LINE_AA)
            cv2.ellipse(image, centre, (radius, radius), 0, start, end, colour, thick, cv2.LINE_AA)
        text = f"{hand['score']:.2f}" if hand["id"] is None else f"{hand['id']}"
        place = (centre[0] + radius, centre[1] - radius)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, letters, (0, 0, 0), thick + 2, cv2.LINE_AA)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, letters, colour, thick, cv2.LINE_AA)
    return image
