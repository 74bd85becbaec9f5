"""Hands as two larger networks see them: MediaPipe's palm detector at several sizes, then its landmarks on each palm.

The landmarks' network (hand_landmark_full.tflite of the same wheel, converted alike) says how sure it is of a hand,
and where its fingers end: the box becomes tight. Of 108 hands labelled by eye the two found 85, 74 of them with
landmarks; their boxes were 1.02 to 1.08 times the eye's (median), off by .03 hands.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from handflow.vision.model import open_session

from .palm_detector import Palm, PalmDetector, overlap

SIDES = (256, 512, 1024)  # pixels of the longer side: the detector finds hands of 20 to 190 pixels
LARGEST_ZOOM = 2.2  # a picture magnified further shows nothing new
CROP_PX = 224  # the landmarks' network looks at squares of this size
LOOK_AGAIN, SURE = 0.3, 0.5  # presence from which it looks again where its landmarks lie, and believes them
GROW = 0.08  # of a hand: its box reaches beyond its landmarks
PALM_LANDMARKS = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]  # by which MediaPipe places its square again


class TaughtHand(NamedTuple):
    """A hand that the teacher sees, in pixels."""

    score: float  # of its palm
    presence: float  # that the landmarks' network takes it for a hand
    box: np.ndarray  # (4,) tight where presence is over SURE, else a guess from the palm
    guess: np.ndarray  # (4,) the guess from the palm


class HandTeacher:
    """Both networks. Raises SetupError."""

    def __init__(self, palm: Path, landmarks: Path) -> None:
        self.palm = PalmDetector(palm)
        self.landmarks = open_session(landmarks.read_bytes(), landmarks)
        self.input = self.landmarks.get_inputs()[0].name

    def hands(self, image: np.ndarray) -> list[TaughtHand]:
        """The hands of a picture (height, width, 3) BGR, surest palm first."""
        zooms = [side / max(image.shape[:2]) for side in SIDES]
        palms = [palm for zoom in zooms if zoom <= LARGEST_ZOOM for palm in self.palm.detect(image, zoom)]
        hands: list[TaughtHand] = []
        for palm in sorted(palms, key=lambda palm: -palm.score):
            if not any(is_same(palm.hand, hand.guess) for hand in hands):
                hands.append(self.looked_at(image, palm))
        return hands

    def looked_at(self, image: np.ndarray, palm: Palm) -> TaughtHand:
        """A palm, checked."""
        presence, points = self.points(image, *palm.region)
        if presence > LOOK_AGAIN:
            again, closer = self.points(image, *region_of(points))
            presence, points = (again, closer) if again >= 0.9 * presence else (presence, points)
        box = tight(points) if presence > SURE else palm.hand
        return TaughtHand(palm.score, presence, box, palm.hand)

    def points(self, image: np.ndarray, centre: np.ndarray, side: float, angle: float) -> tuple[float, np.ndarray]:
        """Presence of a hand in a turned square, and its 21 landmarks (21, 2) in pixels."""
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        corners = [centre + (u * along + v * across) * side / 2 for u, v in ((-1, -1), (1, -1), (-1, 1))]
        square = np.array([[0, 0], [CROP_PX, 0], [0, CROP_PX]], np.float32)
        back = cv2.getAffineTransform(square, np.array(corners, np.float32))
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = np.asarray(cv2.warpAffine(image, back, (CROP_PX, CROP_PX), flags=flags))
        given = {self.input: crop[None, ..., ::-1].astype(np.float32) / 255}
        points, presence, *_ = self.landmarks.run(None, given)
        return float(presence.ravel()[0]), points.reshape(21, 3)[:, :2] @ back[:, :2].T + back[:, 2]


def region_of(points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """MediaPipe's square about a hand whose landmarks (21, 2) are known: centre, side, angle."""
    wrist, knuckles = points[0], 0.25 * (points[5] + points[13]) + 0.5 * points[9]
    angle = float(np.pi / 2 - np.arctan2(wrist[1] - knuckles[1], knuckles[0] - wrist[0]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = points[PALM_LANDMARKS] @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    side, up = float((high - low).max()), np.array([np.sin(angle), -np.cos(angle)])
    return (low + high) / 2 @ turn + up * 0.1 * side, 2 * side, angle


def tight(points: np.ndarray) -> np.ndarray:
    """The box (4,) about landmarks, with the flesh around them."""
    low, high = points.min(axis=0), points.max(axis=0)
    grow = GROW * (high - low).max()
    return np.append(low - grow, high - low + 2 * grow)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Between the middles of two boxes."""
    return float(np.hypot(*(a[:2] + a[2:] / 2 - b[:2] - b[2:] / 2)))


def is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two boxes are of one hand."""
    return overlap(a, b) > 0.3 or distance(a, b) < 0.35 * max(a[2], b[2])
