"""Training samples: labelled pictures zoomed, turned, shrunk into other scenes, and seen through a camera.

Scale decides: most labelled hands are near the camera, most wanted ones are 2-5 % of the picture's width.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from handflow.errors import LabelError
from handflow.training.conditions import fish_eye, mirrored, on_its_side, upside_down
from handflow.training.labels.omissions import tell
from handflow.training.targets import IGNORE, PeopleLabelled
from handflow.vision.model_input import in_even_light, light_gains

from .camera_effects import camera_effects
from .drawn_hand import draw_hand
from .layers import NO_PARTS, Layer, black, covered, distract, fit, place, scene, view
from .pool import Pool, WeightedPictures

TRIES = 20  # pictures in a row that cannot be read
# A smaller hand is a region to ignore. Not higher: near sees a hand of 2 % of the width in 4.5 pixels, and of what is
# never learned not even the radius is right (8 here made it 2.2 times too large).
SMALLEST_PX = 4.5
# How often each is drawn, of those without rendered people.
KINDS_OF_SAMPLE = {"near": 0.12, "whole": 0.17, "people": 0.35, "far": 0.13, "shrunk": 0.12, "empty": 0.11}
# Shares of samples: cameras hang from ceilings, stand on end, and have wide lenses.
UPSIDE_DOWN, ON_ITS_SIDE, FISH_EYE = 0.12, 0.03, 0.03


class TrainingSample(NamedTuple):
    """What the network is shown, and the hands in it."""

    image: np.ndarray  # (height, width, 3) uint8 BGR
    scene: np.ndarray  # the same before light, lens and sensor changed it: what teachers are shown
    boxes: np.ndarray  # (n, 4) float32: x, y, width, height in pixels
    kinds: np.ndarray  # (n,) int: targets.OPEN, OTHER, UNKNOWN, IGNORE, COARSE
    parts: np.ndarray = NO_PARTS  # (m, 5) float32: boxes and kinds of people and their parts
    people: PeopleLabelled = PeopleLabelled.NOBODY


def sample(rng: np.random.Generator, pool: Pool, width: int, height: int) -> TrainingSample:
    """One random sample of `width` x `height` pixels, of pictures that can be read. LabelError where few can."""
    for _ in range(TRIES):
        try:
            return compose(rng, pool, width, height)
        except LabelError as error:
            tell_once(str(error))
    raise LabelError(f"the last {TRIES} pictures that were drawn for training could not be read")


@cache
def tell_once(line: str) -> None:
    """Says that a picture is left out, the first time that it is drawn."""
    tell(f"{line}; left out")


def compose(rng: np.random.Generator, pool: Pool, width: int, height: int) -> TrainingSample:
    """One random sample. Raises LabelError where a picture cannot be read."""
    on_side = rng.random() < ON_ITS_SIDE
    layers, people = arrange(rng, pool, *((height, width) if on_side else (width, height)))
    image, boxes, kinds, parts = merge(layers)
    # All boxes move together.
    every = np.concatenate([boxes, parts[:, :4]])
    if rng.random() < 0.5:
        image, every = mirrored(image, every)
    if on_side:
        image, every = on_its_side(image, every)
    if rng.random() < UPSIDE_DOWN:
        image, every = upside_down(image, every)
    if rng.random() < FISH_EYE:
        image, every = fish_eye(image, every, float(rng.uniform(0.1, 0.9)))
    boxes, kinds = visible(every[: len(boxes)], kinds, width, height)
    parts = np.column_stack(clipped(every[len(every) - len(parts) :], parts[:, 4], width, height))
    seen = camera_effects(rng, image)
    # As `prepare` will.
    seen = in_even_light(seen, light_gains(seen))
    return TrainingSample(seen, image, boxes, kinds, parts.astype(np.float32), people)


def arrange(rng: np.random.Generator, pool: Pool, width: int, height: int) -> tuple[list[Layer], PeopleLabelled]:
    """The layers of a random sample, from the lowest to the top one; and whose parts are labelled in it."""
    kind = str(rng.choice(list(KINDS_OF_SAMPLE), p=list(KINDS_OF_SAMPLE.values())))
    if rng.random() < pool.rendered_share:
        kind = "rendered"
    near = pool.near if len(pool.near) else pool.far if len(pool.far) else pool.empty
    far = pool.far if len(pool.far) else near
    empty = pool.empty if len(pool.empty) else far
    people = PeopleLabelled.NOBODY
    if kind in ("people", "rendered"):
        pictures = pool.rendered if kind == "rendered" else pool.people if len(pool.people) else far
        picture = pictures.draw(rng)
        layers, people = [black(width, height), view(rng, picture, width, height)], picture.people
    elif kind == "near":
        layers = [scene(rng, empty, width, height)]
        hand_px = log_uniform(rng, 0.09, 0.8) * width
        layers.append(place(rng, near.draw(rng), hand_px, width, height))
    elif kind == "whole":
        layers = [black(width, height), fit(rng, near.draw(rng), width, height)]
    elif kind == "far":
        picture = far.draw(rng)
        hand_px = log_uniform(rng, 0.02, 0.15) * width
        layers = [scene(rng, empty, width, height), place(rng, picture, hand_px, width, height, cover=True)]
    elif kind == "shrunk":
        layers = [scene(rng, far if rng.random() < 0.3 else empty, width, height)]
        layers += [small_hand(rng, near, width, height) for _ in range(rng.integers(1, 6))]
    else:
        layers = [scene(rng, empty, width, height)]
    # Pieces without a hand are pasted as well, else whatever is pasted would be taken for a hand.
    if kind in ("shrunk", "empty") or (people == PeopleLabelled.NOBODY and rng.random() < 0.2):
        for pictures in rng.choice(np.array([near, far, empty], object), rng.integers(0, 5)):
            size_px = log_uniform(rng, 0.022, 0.15) * width
            layers.append(distract(rng, pictures.draw(rng), size_px, width, height))
    return layers, people


def small_hand(rng: np.random.Generator, near: WeightedPictures, width: int, height: int) -> Layer:
    """A near hand, or now and then a drawn one, as small as a far one."""
    hand_px = log_uniform(rng, 0.022, 0.12) * width
    if rng.random() < 0.15:
        return draw_hand(rng, hand_px, width, height)
    return place(rng, near.draw(rng), hand_px, width, height, cut=True)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A random number from `low` to `high`, each octave as likely as any other."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def calibration_pictures(pool: Pool, seed: int, count: int = 80) -> np.ndarray:
    """Samples (count, 3, 192, 320) uint8 that tell `handflow export` the ranges of an int8 file's activations."""
    rng = np.random.default_rng(seed)
    return np.stack([sample(rng, pool, 320, 192).image.transpose(2, 0, 1) for _ in range(count)])


def merge(layers: list[Layer]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The layers on top of each other: image, boxes, kinds, parts.

    A hand that a later layer covers is gone, or a region to ignore.
    """
    image, _, boxes, kinds, _ = layers[0]
    for layer in layers[1:]:
        x, y, w, h = cv2.boundingRect((layer.alpha > 0).view(np.uint8))
        part = slice(y, y + h), slice(x, x + w)
        alpha = layer.alpha[part][..., None]
        image[part] = (image[part] * (1 - alpha) + layer.image[part] * alpha).astype(np.uint8)
        left = 1 - np.array([covered(layer.alpha, box) for box in boxes])
        kinds = np.where(left < 0.7, IGNORE, kinds) if len(kinds) else kinds
        keep = left > 0.1 if len(kinds) else np.zeros(0, bool)
        boxes, kinds = np.concatenate([boxes[keep], layer.boxes]), np.concatenate([kinds[keep], layer.kinds])
    return image, boxes, kinds, np.concatenate([layer.parts for layer in layers])


def visible(boxes: np.ndarray, kinds: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes cut off at the picture's edge. Hands of which under 40 % is left, or too small to tell, become ignored."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    small = boxes[:, 2:].max(axis=1, initial=0) < SMALLEST_PX
    kinds = np.where((share_inside(boxes, width, height) < 0.4) | small, IGNORE, kinds)
    boxes, kinds = clipped(boxes, kinds, width, height)
    return boxes, kinds.astype(np.int64)


def clipped(boxes: np.ndarray, kinds: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes cut off at the picture's edge; those outside are gone."""
    low = boxes[:, :2].clip(0, [width, height])
    high = (boxes[:, :2] + boxes[:, 2:]).clip(0, [width, height])
    inside = share_inside(boxes, width, height) > 0.02
    return np.column_stack([low, high - low])[inside].astype(np.float32), kinds[inside]


def share_inside(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """How much of each box lies in the picture, (n,) 0..1."""
    low, high = boxes[:, :2].clip(0, [width, height]), (boxes[:, :2] + boxes[:, 2:]).clip(0, [width, height])
    return (high - low).prod(axis=1) / np.maximum(boxes[:, 2:].prod(axis=1), 1e-6)
