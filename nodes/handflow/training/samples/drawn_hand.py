"""Hands as the demo draws them, as layers of a sample."""

from functools import cache

import cv2
import numpy as np

from handflow.synthetic.hand_model import PIXELS, Sprite, paint, solid
from handflow.training.targets import OPEN, OTHER, UNKNOWN

from .layers import Layer, rotation


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
