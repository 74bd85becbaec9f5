"""A labelled picture zoomed, turned and moved to its place in a sample, with its boxes."""

from typing import NamedTuple

import cv2
import numpy as np

from handflow.training.labels.pictures import LabelledPicture

from .cutouts import soft_edge
from .pool import WeightedPictures

NO_PARTS = np.zeros((0, 5), np.float32)
WHOLE_VIEWS = 0.35  # of the samples that show strangers, share in which the whole picture is seen


class Layer(NamedTuple):
    """A picture moved to its place in a sample."""

    image: np.ndarray  # (height, width, 3) uint8
    alpha: np.ndarray  # (height, width) float32: 1 where this layer covers what lies below it
    boxes: np.ndarray
    kinds: np.ndarray
    parts: np.ndarray = NO_PARTS  # (m, 5) boxes and kinds of people and their parts


def black(width: int, height: int) -> Layer:
    """The bars beside a picture of another shape."""
    return Layer(
        np.zeros((height, width, 3), np.uint8), np.ones((height, width), np.float32), np.zeros((0, 4)), np.zeros(0, int)
    )


def scene(rng: np.random.Generator, pictures: WeightedPictures, width: int, height: int) -> Layer:
    """A part of a picture that covers the whole sample."""
    picture = pictures.draw(rng)
    cover = max(width / picture.width, height / picture.height)
    zoom = cover * float(np.exp(rng.uniform(0, 0.7)))
    span = np.array([picture.width * zoom - width, picture.height * zoom - height])
    corner = -rng.random(2) * span
    return warp(picture, zoom, 0.0, corner, width, height)


def fit(rng: np.random.Generator, picture: LabelledPicture, width: int, height: int) -> Layer:
    """The whole picture between black bars, as the stage sees one of another shape; a little zoomed."""
    zoom = min(width / picture.width, height / picture.height) * float(rng.uniform(0.9, 1.25))
    angle = float(rng.normal(0, 6)) if rng.random() < 0.5 else 0.0
    corner = (np.array([width, height]) - np.array([picture.width, picture.height]) * zoom) / 2
    return warp(picture, zoom, angle, corner + rng.uniform(-0.04, 0.04, 2) * width, width, height)


def view(rng: np.random.Generator, picture: LabelledPicture, width: int, height: int) -> Layer:
    """The whole picture, as the stage sees it, or the part about one of its hands, hardly enlarged and so that this
    hand can be told.
    """
    whole = min(width / picture.width, height / picture.height)
    hands = picture.boxes[picture.hands]
    if len(hands):
        box = hands[rng.integers(len(hands))]
        hand_px = float(np.exp(rng.uniform(np.log(5.5), np.log(65))))
    else:
        box = np.array([0, 0, picture.width, picture.height])
        hand_px = width * float(rng.uniform(0.9, 2))
    zoom = min(max(hand_px / box[2:].max(), whole * float(rng.uniform(0.9, 1.1))), max(1.3, whole))
    # A foot is told from a hand by the person it belongs to, of whom the part about a hand shows little.
    if rng.random() < WHOLE_VIEWS:
        zoom = whole * float(np.exp(rng.uniform(-0.05, 0.4)))
    corner = rng.uniform(0.1, 0.9, 2) * [width, height] - (box[:2] + box[2:] / 2) * zoom
    room = np.array([width - picture.width * zoom, height - picture.height * zoom])
    corner = np.clip(corner, np.minimum(room, 0), np.maximum(room, 0))
    return warp(picture, zoom, float(rng.normal(0, 3)), corner, width, height)


def place(
    rng: np.random.Generator,
    picture: LabelledPicture,
    hand_px: float,
    width: int,
    height: int,
    cover: bool = False,
    cut: bool = False,
) -> Layer:
    """The picture so that one of its hands is about `hand_px` long and lies somewhere in the sample.

    `cover`: not smaller than the sample. `cut`: with a soft edge, or only the hand, cut out of its background.
    """
    hands = picture.boxes[picture.hands]
    if len(hands):
        box = hands[rng.integers(len(hands))]
    else:
        corner = rng.random(2) * 0.7
        box = np.append(corner, [0.3, 0.3]) * np.tile([picture.width, picture.height], 2)
    zoom = min(hand_px / box[2:].max(), 2.0 if rng.random() < 0.7 else 4.0)  # more is only blur
    centre = box[:2] + box[2:] / 2
    target = rng.uniform(0.06, 0.94, 2) * [width, height]
    if cover:  # shifted no farther than the picture reaches
        zoom = max(zoom, width / picture.width, height / picture.height)
        least = [width - picture.width * zoom, height - picture.height * zoom]
        return warp(picture, zoom, float(rng.normal(0, 4)), np.clip(target - centre * zoom, least, 0), width, height)
    angle = float(rng.normal(0, 12) if rng.random() < 0.75 else rng.uniform(-100, 100))
    corner = corner_for(picture, centre, target, zoom, angle)
    return warp(picture, zoom, angle, corner, width, height, soft_edge(rng, picture, box) if cut else None)


def distract(rng: np.random.Generator, picture: LabelledPicture, size_px: float, width: int, height: int) -> Layer:
    """A piece of the picture without a hand in it: a face, an arm, a lamp, a letter, cut out as hands are."""
    for _ in range(8):
        size = rng.uniform(0.08, 0.35, 2) * min(picture.width, picture.height)
        box = np.append(rng.random(2) * ([picture.width, picture.height] - size), size)
        apart = (box[:2] + size < picture.boxes[:, :2]) | (picture.boxes[:, :2] + picture.boxes[:, 2:] < box[:2])
        if apart.any(axis=1).all():
            break
    else:
        return black(width, height)._replace(alpha=np.zeros((height, width), np.float32))
    alpha = np.zeros((picture.height, picture.width), np.float32)
    points = box[:2] + rng.random((int(rng.integers(4, 12)), 2)) * size
    cv2.fillConvexPoly(alpha, cv2.convexHull(points.astype(np.int32)), 1.0)
    feather = int(rng.uniform(0.01, 0.06) * size.max()) * 2 + 1
    alpha = np.asarray(cv2.blur(alpha, (feather, feather)))
    zoom, angle = min(size_px / size.max(), 2.0), float(rng.normal(0, 30))
    target = rng.random(2) * [width, height]
    corner = corner_for(picture, box[:2] + size / 2, target, zoom, angle)
    return warp(picture, zoom, angle, corner, width, height, alpha)


def corner_for(
    picture: LabelledPicture, point: np.ndarray, target: np.ndarray, zoom: float, angle: float
) -> np.ndarray:
    """Where the picture's corner must lie for `point` to come to `target`, given `warp`'s zoom and turn."""
    middle = np.array([picture.width, picture.height]) / 2
    return target - (rotation(angle) @ (point - middle) + middle) * zoom


def rotation(angle: float) -> np.ndarray:
    """The matrix (2, 2) that turns by `angle` degrees."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[c, -s], [s, c]])


def warp(
    picture: LabelledPicture,
    zoom: float,
    angle: float,
    corner: np.ndarray,
    width: int,
    height: int,
    cut: np.ndarray | None = None,
) -> Layer:
    """`picture` scaled by `zoom` about its corner, which comes to lie at `corner`, and turned about its own middle.

    `cut` is its alpha (height, width); hands of which that leaves too little are dropped.
    """
    image = picture.read()
    alpha = np.ones(image.shape[:2], np.float32) if cut is None else cut
    keep = np.array([covered(alpha, box) > 0.6 for box in picture.boxes], bool)
    reduced = 1.0
    if zoom < 0.7:  # mean over the pixels that fall together: a camera does not skip any
        size = max(2, round(picture.width * zoom)), max(2, round(picture.height * zoom))
        reduced = size[0] / picture.width
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    turn = rotation(angle)
    middle = np.array([picture.width, picture.height]) / 2
    shift = corner + (middle - turn @ middle) * zoom  # x' = zoom * (turn @ (x - middle) + middle) + corner
    linear = turn * (zoom / reduced)
    matrix = np.column_stack([linear, linear @ [0.5, 0.5] + shift - 0.5])  # OpenCV counts from pixels' middles
    return Layer(
        image=np.asarray(cv2.warpAffine(image, matrix, (width, height))),
        alpha=np.asarray(cv2.warpAffine(alpha, matrix, (width, height))),
        boxes=turn_boxes(picture.boxes, turn, zoom, shift)[keep],
        kinds=picture.kinds[keep],
        parts=np.column_stack([turn_boxes(picture.parts[:, :4], turn, zoom, shift), picture.parts[:, 4:]]),
    )


def covered(alpha: np.ndarray, box: np.ndarray) -> float:
    """The mean of `alpha` in the middle half of a box (x, y, width, height in pixels)."""
    x, y = (box[:2] + box[2:] / 4).astype(int)
    w, h = np.ceil(box[2:] / 2).astype(int)
    part = alpha[max(y, 0) : y + h, max(x, 0) : x + w]
    return float(part.mean()) if part.size else 0.0


def turn_boxes(boxes: np.ndarray, turn: np.ndarray, zoom: float, shift: np.ndarray) -> np.ndarray:
    """Boxes after x' = zoom * turn @ x + shift: of the turned ellipses inside, as hands leave a box's corners empty."""
    centre = (boxes[:, :2] + boxes[:, 2:] / 2) @ turn.T * zoom + shift
    half = np.sqrt((boxes[:, 2:] / 2) ** 2 @ (turn.T**2)) * zoom
    return np.column_stack([centre - half, 2 * half]).astype(np.float32).reshape(-1, 4)
