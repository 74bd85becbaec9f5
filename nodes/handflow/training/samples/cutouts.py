"""Hands cut out of their pictures: alpha maps."""

import cv2
import numpy as np

from handflow.training.labels.pictures import LabelledPicture


def soft_edge(rng: np.random.Generator, picture: LabelledPicture, box: np.ndarray) -> np.ndarray:
    """An alpha map: the hand alone where it can be told from its background, else a soft-edged part of the picture."""
    if rng.random() < 0.6 and (alone := cutout(picture, box)) is not None:
        return alone
    grow = float(rng.uniform(0.15, 1.2)) * box[2:].max()  # how much of the arm and the person comes along
    feather = max(1.0, 0.08 * float(box[2:].max()))
    left, top = (box[:2] - grow).clip(0) + feather
    right, bottom = np.minimum(box[:2] + box[2:] + grow, [picture.width, picture.height]) - feather
    alpha = np.zeros((picture.height, picture.width), np.float32)
    alpha[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = 1
    return np.asarray(cv2.blur(alpha, (int(2 * feather) | 1,) * 2, borderType=cv2.BORDER_REPLICATE))


def cutout(picture: LabelledPicture, box: np.ndarray) -> np.ndarray | None:
    """Alpha of one hand: around its landmarks, else by colour where it stands before a plain wall; None if neither."""
    number = np.flatnonzero((picture.boxes == box).all(axis=1))
    if not len(number):
        return None
    points = picture.polygons[number[0]] if picture.polygons else None
    feather = max(1, int(0.03 * box[2:].max())) * 2 + 1
    if points is not None:
        alpha = np.zeros((picture.height, picture.width), np.float32)
        cv2.fillConvexPoly(alpha, cv2.convexHull(points.astype(np.int32)), 1.0)
        grow = max(1, int(0.07 * box[2:].max()))
        return np.asarray(cv2.blur(cv2.dilate(alpha, np.ones((2 * grow + 1,) * 2, np.uint8)), (feather, feather)))
    image = picture.read()
    warmth = cv2.subtract(image[..., 2], image[..., 0])  # skin is redder than it is blue, a wall is not
    _, mask = cv2.threshold(warmth, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    x, y, w, h = cv2.boundingRect(mask)
    left, top = np.maximum(box[:2], [x, y])
    right, bottom = np.minimum(box[:2] + box[2:], [x + w, y + h])
    both = max(0, right - left) * max(0, bottom - top)
    if both < 0.7 * (w * h + box[2] * box[3] - both):  # the colour's box is not the label's
        return None
    return np.asarray(cv2.blur(np.asarray(mask, np.float32), (feather, feather)))
