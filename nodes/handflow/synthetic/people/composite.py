"""Puts drawn people into the picture of an empty place, as its camera would have seen them."""

import cv2
import numpy as np

from .backgrounds import EmptyView
from .renderer import Drawn
from .sensor import motion_blur, noisy, seen
from .strangers import PlacedPerson

BLURRED = 0.25  # share of waved hands that are blurred by their motion
SHADOWS = (0.55, 0.95)  # how much of the computed shadow the ground takes
# Where colours begin to run into white.
KNEE = 0.85


def composed(
    rng: np.random.Generator, view: EmptyView, background: np.ndarray, drawn: Drawn | None, people: list[PlacedPerson]
) -> np.ndarray:
    """The finished picture, (h, w, 3) uint8 BGR of the view's size."""
    if drawn is None:
        return seen(rng, _softened(background, view), view.look)
    layer = drawn.colour.astype(np.float32) / 255
    alpha = layer[..., 3:]
    # Samples of a pixel that nobody covers are black.
    if view.own:
        layer[..., :3] *= _matched(rng, view, background, layer)
    else:
        layer[..., :3] = _contrasted(rng, layer[..., :3] / np.maximum(alpha, 0.02)) * alpha
    layer[..., :3] = np.where(
        layer[..., :3] > KNEE, KNEE + 0.15 * np.tanh((layer[..., :3] - KNEE) / 0.15), layer[..., :3]
    )
    _blur_hands(rng, layer, drawn, people)
    layer, depth = _resized(layer, view.size), np.float32(rng.uniform(*SHADOWS))
    kept = cv2.resize(drawn.shadow, view.size, interpolation=cv2.INTER_LINEAR)
    # An infra-red lamp sits on the camera, which sees no shadow of it.
    shaded = background if view.condition == "infrared" else background * (1 - (1 - kept) * depth)
    if view.own:
        # The picture has its camera's softness and noise in it; people are to get the same.
        soft = cv2.GaussianBlur(layer, (0, 0), view.look.softness_px) if view.look.softness_px > 0.25 else layer
        people_only = noisy(rng, soft[..., :3], view.look.noise, soft[..., 3:])
        done = people_only.clip(0, 1) + shaded * (1 - soft[..., 3:])
        return np.ascontiguousarray((done.clip(0, 1) * 255 + 0.5).astype(np.uint8)[..., ::-1])
    return seen(rng, _softened(layer[..., :3] + shaded * (1 - layer[..., 3:]), view), view.look)


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[1::-1] == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _softened(image: np.ndarray, view: EmptyView) -> np.ndarray:
    soft = view.look.softness_px
    return np.asarray(cv2.GaussianBlur(image, (0, 0), soft)) if soft > 0.25 else image


def _matched(rng: np.random.Generator, view: EmptyView, background: np.ndarray, layer: np.ndarray) -> float:
    """What makes people as bright as the ground around them, or a little brighter or darker."""
    mask = layer[..., 3] > 0.5
    if not mask.any():
        return 1.0
    brightness = float((layer[..., :3][mask] ** 2).mean())
    # The sky is no measure of it.
    below = background[background.shape[0] // 3 :] ** 2
    wanted = float(np.minimum(below, np.quantile(below, 0.95)).mean()) * view.lit_from
    return float(np.sqrt(np.clip(wanted / max(brightness, 1e-4), 0.1, 3.0)))


def _contrasted(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    middle = 0.4 * float(colour.max() > 0.5)
    return np.maximum((colour - middle) * rng.uniform(1, 1.12) + middle + rng.normal(0, 0.01), 0)


def _blur_hands(rng: np.random.Generator, layer: np.ndarray, drawn: Drawn, people: list[PlacedPerson]) -> None:
    """Motion blur of some waved hands, on the layer of people."""
    for hand in (hand for person in people for hand in person.hands if hand.moving):
        blurred, length, angle = rng.random() < BLURRED, rng.uniform(0.15, 0.6), rng.normal(0, 0.4)
        rows, columns = np.nonzero(drawn.owners == hand.owner)
        if not blurred or len(rows) < 30:
            continue
        size = max(int(np.ptp(columns)), int(np.ptp(rows)))
        pad = int(length * size) + size // 2
        window = (
            slice(max(0, rows.min() - pad), rows.max() + pad),
            slice(max(0, columns.min() - pad), columns.max() + pad),
        )
        patch = layer[window]
        mask = np.zeros(patch.shape[:2], np.float32)
        middle = int(columns.mean()) - window[1].start, int(rows.mean()) - window[0].start
        cv2.circle(mask, middle, int(size * 0.6 + length * size * 0.6), 1.0, -1)
        share = cv2.GaussianBlur(mask, (0, 0), size * 0.12 + 0.5)[..., None]
        layer[window] = patch * (1 - share) + motion_blur(patch, length * size, angle) * share
