"""A hand as a solid: bones covered with balls of flesh, bent by `curl`, and its picture from the palm or the back.

Lengths are in hand lengths: wrist to the tip of the stretched middle finger is 1. x points to the thumb, y to the
fingers, z out of the palm. The proportions are those of an adult (Buryanov and Kotiuk 2010, lengths of hand bones).
"""

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

LEFT, RIGHT, BOTTOM, TOP = -0.50, 0.62, -1.00, 1.10  # what a sprite shows, in hand lengths
PIXELS = 112  # of a sprite, per hand length: a hand three steps from a 720p camera; 160 took 2 s to paint at the start


class Part(IntEnum):
    """What a ball is made of."""

    SKIN = 0
    CREASE = 1
    NAIL = 2
    SLEEVE = 3


class Sprite(NamedTuple):
    """The picture of a hand with its soft shadow, thumb to the right."""

    colour: np.ndarray  # (rows, columns, 3) uint8
    cover: np.ndarray  # (rows, columns) float32, 0..1: how much of the background it hides
    corner: tuple[float, float]  # x and y of the upper left corner, hand lengths


class Finger(NamedTuple):
    """Where a finger begins and points (degrees from y, to the thumb), its bones, and its radius at each joint."""

    root: tuple[float, float]
    spread: float
    bones: tuple[float, float, float]
    radii: tuple[float, float, float, float]


FINGERS = (
    Finger((0.155, 0.470), 9, (0.225, 0.135, 0.095), (0.056, 0.049, 0.043, 0.035)),
    Finger((0.050, 0.490), 1, (0.245, 0.150, 0.100), (0.057, 0.050, 0.044, 0.036)),
    Finger((-0.055, 0.470), -7, (0.230, 0.145, 0.098), (0.054, 0.047, 0.041, 0.034)),
    Finger((-0.150, 0.420), -19, (0.180, 0.105, 0.088), (0.047, 0.041, 0.036, 0.030)),
)
BENT = (82, 100, 62)  # degrees by which the three joints of a finger bend in a fist
THUMB_OPEN = ((0.090, 0.075, 0.030), (0.225, 0.215, 0.050), (0.335, 0.345, 0.050), (0.415, 0.465, 0.045))
THUMB_FIST = ((0.090, 0.075, 0.040), (0.205, 0.235, 0.115), (0.165, 0.365, 0.215), (0.040, 0.375, 0.265))
THUMB_RADII = (0.080, 0.066, 0.054, 0.040)
PALM_LINES = (
    ((-0.185, 0.340), (-0.02, 0.375), (0.095, 0.480)),
    ((0.195, 0.370), (0.05, 0.315), (-0.135, 0.230)),
    ((0.195, 0.365), (0.055, 0.270), (0.030, 0.090)),
)


def solid(curl: float) -> np.ndarray:
    """Balls (n, 5) of a hand between stretched (`curl` 0) and fist (1): x, y, z, radius, Part."""
    balls: list[np.ndarray] = []
    for number, finger in enumerate(FINGERS):
        joints = finger_joints(finger, np.clip(curl * 1.15 - 0.05 * number, 0, 1))
        for bone in range(3):
            balls.append(sweep(joints[bone], joints[bone + 1], finger.radii[bone], finger.radii[bone + 1]))
            if bone:
                balls.append(crease(joints[bone], finger.radii[bone]))
        balls.append(nail(joints[2], joints[3], finger.radii[3]))
        root = (*finger.root, -0.030 - 0.012 * curl)
        balls.append(sweep(root, root, 0.054, 0.054))  # knuckle
        balls.append(sweep((finger.root[0] * 0.6, 0.16, -0.030), root, 0.056, 0.050))  # tendon
    thumb = np.array(THUMB_OPEN) * (1 - curl) + np.array(THUMB_FIST) * curl
    for bone in range(3):
        balls.append(sweep(thumb[bone], thumb[bone + 1], THUMB_RADII[bone], THUMB_RADII[bone + 1]))
    balls.append(crease(thumb[2], THUMB_RADII[2]))
    balls.append(nail(thumb[2], thumb[3], THUMB_RADII[3]))
    balls.append(sweep((0.07, 0.08, 0.02), (0.16, 0.30, 0.02), 0.095, 0.070))  # ball of the thumb
    balls.append(sweep((-0.085, 0.08, 0.02), (-0.120, 0.30, 0.012), 0.090, 0.072))  # ball of the hand
    balls.append(sweep((0.135, 0.485, 0.012), (-0.135, 0.445, 0.012), 0.052, 0.046))  # pads under the fingers
    for x, y in zip(
        np.linspace(0.155, -0.150, 11),
        (0.47, 0.48, 0.488, 0.49, 0.49, 0.485, 0.478, 0.47, 0.455, 0.44, 0.42),
        strict=True,
    ):
        balls.append(sweep((x * 0.52, 0.07, -0.01), (x, y, -0.012), 0.083, 0.066))
    return np.vstack(balls).astype(np.float32)


def forearm() -> np.ndarray:
    """Balls (n, 5) of the wrist and the sleeve, down to the lower end of the sprite; not part of the hand's box."""
    arm = [sweep((x, 0.10, -0.01), (x * 1.2, -0.45, -0.02), 0.088, 0.115) for x in np.linspace(-0.065, 0.065, 7)]
    cloth = [
        sweep((x, -0.34, -0.02), (x * 1.3, BOTTOM - 0.2, -0.04), 0.150, 0.185) for x in np.linspace(-0.075, 0.075, 7)
    ]
    for balls in cloth:
        balls[:, 4] = Part.SLEEVE
    return np.vstack([*arm, *cloth]).astype(np.float32)


def finger_joints(finger: Finger, curl: float) -> np.ndarray:
    """The four joints (4, 3) of a finger, root to tip."""
    spread = np.radians(finger.spread * (1 - 0.8 * curl))
    along = np.array([np.sin(spread), np.cos(spread), 0.0])
    joints = [np.array([*finger.root, 0.0])]
    bend = np.radians(4.0)  # no finger is quite straight
    for length, angle in zip(finger.bones, BENT, strict=True):
        bend += np.radians(angle) * curl
        joints.append(joints[-1] + length * (np.cos(bend) * along + np.sin(bend) * np.array([0.0, 0.0, 1.0])))
    return np.array(joints)


def sweep(start: object, end: object, start_radius: float, end_radius: float) -> np.ndarray:
    """Balls from `start` to `end`, so close together that their surface looks smooth."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    count = 2 + int(np.linalg.norm(last - first) / (0.25 * min(start_radius, end_radius)))
    share = np.linspace(0, 1, count)[:, None]
    places = first + (last - first) * share
    return np.hstack([places, start_radius + (end_radius - start_radius) * share, np.zeros((count, 1))])


def crease(joint: np.ndarray, radius: float) -> np.ndarray:
    """The fold of a joint: a ball that stands out by a hair on the palm's side, coloured darker."""
    return np.array([[*joint, radius * 1.012, Part.CREASE]])


def nail(joint: np.ndarray, tip: np.ndarray, radius: float) -> np.ndarray:
    """A nail on the back of the last bone."""
    along = (tip - joint) / np.linalg.norm(tip - joint)
    back = np.array([0.0, along[2], -along[1]])  # across the finger, away from the palm
    back *= radius * 0.45 / max(float(np.linalg.norm(back)), 1e-6)
    balls = sweep(tip + back - along * 0.030, tip + back + along * 0.014, radius * 0.68, radius * 0.66)
    balls[:, 4] = Part.NAIL
    return balls


@lru_cache(maxsize=64)
def relief(curl: float, back: bool) -> tuple[np.ndarray, np.ndarray]:
    """Height (rows, columns) of the nearest surface, -1 where there is none, and its Part, at twice PIXELS."""
    zoom = 2 * PIXELS
    rows, columns = round((TOP - BOTTOM) * zoom), round((RIGHT - LEFT) * zoom)
    height, part = np.full((rows, columns), -1, np.float32), np.zeros((rows, columns), np.uint8)
    turn = -1 if back else 1
    for x, y, z, radius, kind in np.vstack([forearm(), solid(curl)]):
        column, row = (x - LEFT) * zoom, (TOP - y) * zoom
        reach = radius * zoom
        top, left = max(int(row - reach), 0), max(int(column - reach), 0)
        window = np.s_[top : max(int(row + reach) + 2, 0), left : max(int(column + reach) + 2, 0)]
        seen = height[window]
        away = (np.arange(top, top + seen.shape[0])[:, None] - row) ** 2 + (
            np.arange(left, left + seen.shape[1]) - column
        ) ** 2
        surface = turn * z + np.sqrt(np.maximum(radius**2 - away / zoom**2, 0)).astype(np.float32)
        nearer = (surface > seen) & (away < reach**2)
        seen[nearer] = surface[nearer]
        part[window][nearer] = int(kind)
    return height, part


def paint(curl: float, back: bool, skin: tuple[int, int, int], cloth: tuple[int, int, int]) -> Sprite:
    """The hand in light that falls from the upper left; `skin` and `cloth` are BGR."""
    height, part = relief(curl, back)
    solid_part = (height > -1).astype(np.float32)
    smooth = spread(height, solid_part, 0.012)
    slope_x, slope_y = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=2 * PIXELS / 8) for order in ((1, 0), (0, 1)))
    steep = np.maximum(np.hypot(slope_x, slope_y) / 1.3, 1)  # steps in height would look like drawn outlines
    slope_x, slope_y = slope_x / steep, slope_y / steep
    facing = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    light = np.clip((0.42 * slope_x + 0.52 * slope_y + 0.74) * facing * 0.8 + 0.2, 0, 1.2)
    shade = (0.30 + 0.80 * light) * hollows(height, solid_part)
    lines = palm_lines(height) * (1 - curl) if not back else np.zeros_like(height)
    albedo = colours(part, lines, back, np.array(skin, np.float32), np.array(cloth, np.float32))
    shine = 26 * np.clip((0.25 * slope_x + 0.35 * slope_y + 0.9) * facing, 0, 1) ** 24
    # Blood shines through where skin is in shade: red falls off more slowly than blue and green.
    lit = (
        albedo * shade[..., None] ** np.array([1.12, 1.06, 0.88], np.float32)
        + (shine * (part != Part.SLEEVE))[..., None]
    )
    size = (height.shape[1] // 2, height.shape[0] // 2)
    weight = cv2.resize(solid_part, size, interpolation=cv2.INTER_AREA)
    colour = (
        cv2.resize(lit * solid_part[..., None], size, interpolation=cv2.INTER_AREA)
        / np.maximum(weight, 0.02)[..., None]
    )
    fade = np.clip(np.linspace(size[1], 0, size[1]) / (0.25 * PIXELS), 0, 1)[:, None]  # the sleeve goes out of focus
    weight = (cv2.GaussianBlur(weight, (0, 0), 0.9) * fade).astype(np.float32)
    shadow = 0.30 * cv2.GaussianBlur(weight, (0, 0), 0.06 * PIXELS)
    cover = weight + (1 - weight) * shadow
    colour *= (weight / np.maximum(cover, 1e-3))[..., None]
    across, down = (np.flatnonzero((cover > 0.01).any(axis=axis)) for axis in (0, 1))
    window = np.s_[down[0] : down[-1] + 1, across[0] : across[-1] + 1]  # a fist needs half the paper
    corner = (LEFT + across[0] / PIXELS, TOP - down[0] / PIXELS)
    return Sprite(np.clip(colour[window], 0, 255).astype(np.uint8), cover[window], corner)


def hollows(height: np.ndarray, solid_part: np.ndarray) -> np.ndarray:
    """0..1: how much light reaches each place; less between fingers and under what stands out."""
    light = np.ones_like(height)
    for reach, strength in ((0.012, 7.0), (0.045, 3.0)):
        light *= np.exp(-strength * np.clip(spread(height, solid_part, reach) - height, 0, 0.10))
    return light


def spread(height: np.ndarray, solid_part: np.ndarray, reach: float) -> np.ndarray:
    """`height` blurred by `reach` hand lengths, with nothing flowing in from outside the hand."""
    sigma = reach * 2 * PIXELS
    weight = np.maximum(cv2.GaussianBlur(solid_part, (0, 0), sigma), 1e-3)
    return np.where(solid_part > 0, cv2.GaussianBlur(height * solid_part, (0, 0), sigma) / weight, -0.04)


def palm_lines(height: np.ndarray) -> np.ndarray:
    """0..1 (rows, columns): the three great lines of a palm."""
    lines = np.zeros_like(height)
    for line in PALM_LINES:
        points = np.polyval(np.polyfit([0, 0.5, 1], line, 2), np.linspace(0, 1, 24)[:, None])
        pixels = np.round((points - [LEFT, TOP]) * [1, -1] * 2 * PIXELS).astype(np.int32)
        cv2.polylines(lines, [pixels], False, 1.0, 3, cv2.LINE_AA)
    return cv2.GaussianBlur(lines * (height < 0.13), (0, 0), 1.6)


def colours(part: np.ndarray, palm: np.ndarray, back: bool, skin: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """The colour of each place (rows, columns, 3) before light falls on it: mottled skin, lines, nails, cloth."""
    rows, columns = part.shape
    if not back:  # palms are lighter and pinker than backs, most of all on dark skin
        skin = skin * 0.72 + np.array([150, 165, 225], np.float32) * 0.28
    blotches, threads = grain(rows, columns)
    albedo = skin * (1 + blotches[..., None] * np.array([0.022, 0.020, 0.012], np.float32))
    albedo[part == Part.NAIL] = skin * 0.5 + np.array([195, 200, 240], np.float32) * 0.5
    folds = cv2.GaussianBlur((part == Part.CREASE).astype(np.float32), (0, 0), 2.0) * (0.35 if back else 0.55)
    lines = np.maximum(folds, palm)
    albedo *= 1 - lines[..., None] * np.array([0.34, 0.32, 0.20], np.float32)
    woven = 1 + 0.05 * blotches[..., None] + 0.04 * threads[..., None]
    return np.where((part == Part.SLEEVE)[..., None], cloth * woven, albedo).astype(np.float32)


@lru_cache(maxsize=4)
def grain(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Two noises (rows, columns) for skin and cloth: blotches, and one that differs from pixel to pixel."""
    rng = np.random.default_rng(7)
    blotches = np.zeros((rows, columns), np.float32)
    for cells in (9, 30, 90):
        coarse = rng.standard_normal((cells * rows // columns, cells)).astype(np.float32)
        blotches += cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return blotches, rng.standard_normal((rows, columns)).astype(np.float32)
