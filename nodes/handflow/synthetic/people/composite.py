"""Puts drawn people into the picture of an empty place, as its camera would have seen them."""

import cv2
import numpy as np

from .backgrounds import EmptyView, tone
from .drawn import Drawn
from .sensor import INFRARED, motion_blur, noisy, seen
from .strangers import PlacedPerson

SHADOWS = (0.55, 0.95)  # how much of the computed shadow the ground takes
SHORT_PX = 1.5  # motion that blurs less than this is not seen
# Where colours begin to run into white.
KNEE = 0.85


def composed(
    scene: np.random.Generator,
    frame: np.random.Generator,
    view: EmptyView,
    background: np.ndarray,
    drawn: Drawn | None,
    people: list[PlacedPerson],
) -> np.ndarray:
    """The finished picture, (h, w, 3) uint8 BGR of the view's size.

    `scene` draws what stays the same in all frames of a clip, `frame` what changes.
    """
    contrast, offset, depth = scene.uniform(1, 1.12), scene.normal(0, 0.01), np.float32(scene.uniform(*SHADOWS))
    if drawn is None:
        return _pixels(background) if view.own else seen(frame, _softened(background, view), view.look)
    layer = drawn.colour.astype(np.float32) / 255
    _blur_hands(layer, view, drawn, people)
    layer = _resized(layer, view.size)
    alpha = layer[..., 3:]
    # About the brightness of a lit grey.
    middle = float(tone(view.gain * view.light.brightness() * 0.3).mean())
    colour = (layer[..., :3] - middle * alpha) * contrast + (middle + offset) * alpha
    layer[..., :3] = np.where(colour > KNEE, KNEE + 0.15 * np.tanh((colour - KNEE) / 0.15), np.maximum(colour, 0))
    kept = cv2.resize(drawn.shadow, view.size, interpolation=cv2.INTER_LINEAR)
    # An infra-red lamp sits on the camera, which sees no shadow of it.
    shaded = background if view.condition == "infrared" else background * (1 - (1 - kept) * depth)
    if view.own:
        # The picture has its camera's softness and noise in it; people are to get the same.
        layer = _softened(layer, view)
        if view.look.infrared:
            layer[..., :3] = (layer[..., :3] @ INFRARED)[..., None]
        done = noisy(frame, layer[..., :3], view.look.noise, layer[..., 3:]).clip(0, 1) + shaded * (1 - layer[..., 3:])
        return _pixels(done.mean(axis=2, keepdims=True).repeat(3, axis=2) if view.look.infrared else done)
    return seen(frame, _softened(layer[..., :3] + shaded * (1 - layer[..., 3:]), view), view.look)


def _pixels(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray((image.clip(0, 1) * 255 + 0.5).astype(np.uint8)[..., ::-1])


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[1::-1] == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _softened(image: np.ndarray, view: EmptyView) -> np.ndarray:
    soft = view.look.softness_px
    return np.asarray(cv2.GaussianBlur(image, (0, 0), soft)) if soft > 0.25 else image


def _blur_hands(layer: np.ndarray, view: EmptyView, drawn: Drawn, people: list[PlacedPerson]) -> None:
    """Motion blur of moving hands, on the layer of people."""
    for hand in (hand for person in people for hand in person.hands):
        middle = hand.vertices.mean(axis=0)
        ends, depth = view.camera.project(np.stack([middle, middle + hand.velocity * view.look.exposure_s]))
        way = ends[1] - ends[0]
        length = float(np.hypot(*way))
        if length < SHORT_PX or depth.min() < 0.3:
            continue
        rows, columns = np.nonzero(drawn.owners == hand.owner)
        if len(rows) < 30:
            continue
        size = max(int(np.ptp(columns)), int(np.ptp(rows)))
        length = min(length, 1.5 * size)
        pad = int(length) + size // 2
        window = (
            slice(max(0, rows.min() - pad), rows.max() + pad),
            slice(max(0, columns.min() - pad), columns.max() + pad),
        )
        patch = layer[window]
        mask = np.zeros(patch.shape[:2], np.float32)
        centre = int(columns.mean()) - window[1].start, int(rows.mean()) - window[0].start
        cv2.circle(mask, centre, int(size * 0.6 + length * 0.6), 1.0, -1)
        share = cv2.GaussianBlur(mask, (0, 0), size * 0.12 + 0.5)[..., None]
        blurred = motion_blur(patch, length, float(np.arctan2(way[1], way[0])))
        layer[window] = patch * (1 - share) + blurred * share
