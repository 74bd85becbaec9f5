"""Training samples: labelled pictures zoomed, turned, shrunk into other scenes, and worn as cameras wear them.

Scale decides: most labelled hands are near the camera, most wanted ones are 2-5 % of the picture's width.
"""

from collections import Counter
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from handflow.capture.images import decode_image
from handflow.synthetic.hand_model import PIXELS, Sprite, paint, solid
from handflow.training.labels.data import LabelledPicture

from .targets import IGNORE, OPEN, OTHER, UNKNOWN


class TrainingSample(NamedTuple):
    """What the network is shown, and the hands in it."""

    image: np.ndarray  # (height, width, 3) uint8 BGR
    boxes: np.ndarray  # (n, 4) float32: x, y, width, height in pixels
    kinds: np.ndarray  # (n,) int


class Layer(NamedTuple):
    """A picture moved to its place in a sample."""

    image: np.ndarray  # (height, width, 3) uint8
    alpha: np.ndarray  # (height, width) float32: 1 where this layer covers what lies below it
    boxes: np.ndarray
    kinds: np.ndarray


FULL_PX = 300  # a picture of so many pixels squared is drawn as often as any larger one
SMALLEST_PX = 6  # a smaller hand is a region to ignore: at this size there is nothing to learn


class Pool:
    """The labelled pictures by how near their hands are; a source with many pictures does not drown the others."""

    def __init__(self, pictures: list[LabelledPicture]) -> None:
        size = [np.median(p.boxes[p.hands, 2:].max(axis=1)) / p.width if p.hands.any() else 0 for p in pictures]
        count = Counter(p.source for p in pictures)
        groups = {source: len({p.group for p in pictures if p.source == source}) for source in count}
        # A second picture of the same person teaches less than a second person, and a thumbnail less than a scene.
        weight = [
            groups[p.source] ** 0.33
            / count[p.source] ** 0.5
            * (2 if OPEN in p.kinds else 1)
            * min(1, (p.width * p.height) ** 0.5 / FULL_PX)
            for p in pictures
        ]
        self.near = Drawer([(p, w) for p, w, s in zip(pictures, weight, size, strict=True) if s > 0.15])
        self.far = Drawer([(p, w) for p, w, s in zip(pictures, weight, size, strict=True) if 0 < s <= 0.15])
        self.empty = Drawer([(p, w) for p, w, s in zip(pictures, weight, size, strict=True) if s == 0])


class Drawer:
    def __init__(self, pictures: list[tuple[LabelledPicture, float]]) -> None:
        self.pictures = [p for p, _ in pictures]
        self.edges = np.cumsum([w for _, w in pictures])

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, rng: np.random.Generator) -> LabelledPicture:
        return self.pictures[int(np.searchsorted(self.edges, rng.random() * self.edges[-1], side="right"))]


def compose(rng: np.random.Generator, pool: Pool, width: int, height: int) -> TrainingSample:
    """One random sample of `width` x `height` pixels."""
    kind = rng.choice(["near", "whole", "far", "shrunk", "empty"], p=[0.16, 0.18, 0.36, 0.22, 0.08])
    near = pool.near if len(pool.near) else pool.far if len(pool.far) else pool.empty
    far = pool.far if len(pool.far) else near
    empty = pool.empty if len(pool.empty) else far
    if kind == "near":
        below = scene(rng, empty, width, height)
        hand_px = float(np.exp(rng.uniform(np.log(0.09), np.log(0.8)))) * width
        layers = [below, place(rng, near.draw(rng), hand_px, width, height)]
    elif kind == "whole":
        layers = [black(width, height), fit(rng, near.draw(rng), width, height)]
    elif kind == "far":
        picture = far.draw(rng)
        hand_px = float(np.exp(rng.uniform(np.log(0.02), np.log(0.15)))) * width
        layers = [scene(rng, empty, width, height), place(rng, picture, hand_px, width, height, cover=True)]
    elif kind == "shrunk":
        below = scene(rng, far if rng.random() < 0.3 else empty, width, height)
        layers = [below]
        for _ in range(rng.integers(1, 6)):
            hand_px = float(np.exp(rng.uniform(np.log(0.022), np.log(0.12)))) * width
            drawn = rng.random() < 0.15
            layers.append(
                draw_hand(rng, hand_px, width, height)
                if drawn
                else place(rng, near.draw(rng), hand_px, width, height, cut=True)
            )
    else:
        layers = [scene(rng, empty, width, height)]
    if kind in ("shrunk", "empty") or rng.random() < 0.2:  # else whatever is pasted would be taken for a hand
        for drawer in rng.choice(np.array([near, far, empty], object), rng.integers(0, 5)):
            size_px = float(np.exp(rng.uniform(np.log(0.022), np.log(0.15)))) * width
            layers.append(distract(rng, drawer.draw(rng), size_px, width, height))
    image, boxes, kinds = merge(layers)
    if rng.random() < 0.5:
        image, boxes = mirror(image, boxes)
    return TrainingSample(wear(rng, image), *visible(boxes, kinds, width, height))


def calibration_pictures(pool: Pool, seed: int, count: int = 80) -> np.ndarray:
    """Samples (count, 3, 192, 320) uint8 that tell `handflow export` the ranges of an int8 file's activations."""
    rng = np.random.default_rng(seed)
    return np.stack([compose(rng, pool, 320, 192).image.transpose(2, 0, 1) for _ in range(count)])


def black(width: int, height: int) -> Layer:
    return Layer(
        np.zeros((height, width, 3), np.uint8), np.ones((height, width), np.float32), np.zeros((0, 4)), np.zeros(0, int)
    )


def scene(rng: np.random.Generator, drawer: Drawer, width: int, height: int) -> Layer:
    """A part of a picture that covers the whole sample."""
    picture = drawer.draw(rng)
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


def draw_hand(rng: np.random.Generator, hand_px: float, width: int, height: int) -> Layer:
    """A hand as the demo draws them, in any light skin and pose, somewhere in the sample."""
    sprite, curl, back = sprite_of(int(rng.integers(SPRITES)))
    turn = rotation(float(rng.normal(0, 30) if rng.random() < 0.75 else rng.uniform(-180, 180)))
    turn = turn * [rng.choice([-1.0, 1.0]), 1.0] * [rng.uniform(0.6, 1), 1]  # either hand, turned to the side a little
    balls = solid(curl)
    at = (balls[:, :2] - sprite.corner) * [1, -1] @ turn.T * PIXELS  # (n, 2), pixels
    reach = balls[:, 3:4] * PIXELS
    low, high = (at - reach).min(axis=0), (at + reach).max(axis=0)
    zoom = hand_px / (high - low).max()
    shift = rng.uniform(0.06, 0.94, 2) * [width, height] - (low + high) / 2 * zoom
    colour, cover, reduced = sprite.colour, sprite.cover, 1.0
    if zoom < 0.7:
        reduced = zoom
        colour, cover = (
            np.asarray(cv2.resize(layer, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA))
            for layer in (colour, cover)
        )
    matrix = np.column_stack([turn * (zoom / reduced), shift])
    return Layer(
        image=np.asarray(cv2.warpAffine(colour, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)),
        alpha=np.asarray(cv2.warpAffine(cover, matrix, (width, height))),
        boxes=np.append(low * zoom + shift, (high - low) * zoom).astype(np.float32)[None],
        kinds=np.array([OTHER if back or curl > 0.5 else OPEN if curl < 0.15 else UNKNOWN]),
    )


SPRITES = 48  # drawn hands that samples choose from: painting one takes as long as twenty samples


@cache
def sprite_of(number: int) -> tuple[Sprite, float, bool]:
    """A drawn hand, how far its fingers are bent, and whether it shows its back."""
    rng = np.random.default_rng((number, 7))
    curl, back = (0.0 if rng.random() < 0.5 else float(rng.random())), bool(rng.random() < 0.35)
    brightness = float(rng.uniform(0.25, 1.05))  # of the skin: from the darkest to the palest people
    blue, green, red = (np.array([150, 175, 225]) * brightness + rng.normal(0, 8, 3)).clip(10, 250).astype(int).tolist()
    cloth = rng.integers(20, 230, 3).tolist()
    return paint(curl, back, (blue, green, red), (cloth[0], cloth[1], cloth[2])), curl, back


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


def merge(layers: list[Layer]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The layers on top of each other. A hand that a later layer covers is gone, or a region to ignore."""
    image, _, boxes, kinds = layers[0]
    for layer in layers[1:]:
        x, y, w, h = cv2.boundingRect((layer.alpha > 0).view(np.uint8))
        part = slice(y, y + h), slice(x, x + w)
        alpha = layer.alpha[part][..., None]
        image[part] = (image[part] * (1 - alpha) + layer.image[part] * alpha).astype(np.uint8)
        seen = 1 - np.array([covered(layer.alpha, box) for box in boxes])
        kinds = np.where(seen < 0.7, IGNORE, kinds) if len(kinds) else kinds
        keep = seen > 0.1 if len(kinds) else np.zeros(0, bool)
        boxes, kinds = np.concatenate([boxes[keep], layer.boxes]), np.concatenate([kinds[keep], layer.kinds])
    return image, boxes, kinds


def mirror(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turned = boxes.copy()
    turned[:, 0] = image.shape[1] - boxes[:, 0] - boxes[:, 2]
    return np.ascontiguousarray(image[:, ::-1]), turned


def visible(boxes: np.ndarray, kinds: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes cut off at the picture's edge. Hands of which under 40 % is left, or too small to tell, become ignored."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    low = boxes[:, :2].clip(0, [width, height])
    high = (boxes[:, :2] + boxes[:, 2:]).clip(0, [width, height])
    left = (high - low).prod(axis=1) / np.maximum(boxes[:, 2:].prod(axis=1), 1e-6)
    small = boxes[:, 2:].max(axis=1, initial=0) < SMALLEST_PX
    kinds = np.where((left < 0.4) | small, IGNORE, kinds)
    inside = left > 0.02
    return np.column_stack([low, high - low])[inside].astype(np.float32), kinds[inside].astype(np.int64)


def wear(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """What light, lens, sensor and compression do to a picture, each at times."""
    if rng.random() < 0.3:  # lower resolution than the network's input, or soft focus
        if rng.random() < 0.5:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.4)))
        else:
            height, width = image.shape[:2]
            scale = float(rng.uniform(0.45, 0.9))
            small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
            image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    elif rng.random() < 0.1:  # motion
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), float(rng.uniform(0, 180)), 1)
        kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)))
        image = cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-6))
    if rng.random() < 0.9:  # light: gain and white balance by channel, gamma, lift; one table does it all
        gain = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.09, 3))
        if rng.random() < 0.08:
            gain = gain * rng.uniform(0.2, 0.5)  # a dark room
        gamma = float(np.exp(rng.normal(0, 0.2)))
        lift = float(rng.normal(0, 10) * gain.min().clip(0, 1))
        ramp = (np.arange(256) / 255)[:, None] ** gamma * 255 * gain + lift  # (256, 3)
        image = cv2.LUT(image, ramp.clip(0, 255).astype(np.uint8).reshape(1, 256, 3))
    if rng.random() < 0.5:  # saturation
        amount = 0.0 if rng.random() < 0.08 else float(rng.uniform(0.5, 1.5))
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        image = cv2.addWeighted(image, amount, grey, 1 - amount, 0)
    if rng.random() < 0.25:
        noise = rng.normal(0, rng.uniform(2, 12), image.shape).astype(np.float32)
        image = (image + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        _, code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
        image = np.asarray(decode_image(code))
    return image
