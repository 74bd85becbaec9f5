"""People of tubes and balls with five fingers on each hand: what stands in where no assets are at hand."""

from collections.abc import Sequence

import numpy as np

from .body import BodyModel, painted_clothes
from .geometry import axes, cross, unit
from .mesh import SkinnedMesh, merged, only, part
from .skeleton import BONES, INDEX, SIDES, Skeleton

SKIN_TONES = ((0.80, 0.52, 0.38), (0.70, 0.42, 0.29), (0.50, 0.28, 0.17), (0.28, 0.14, 0.08), (0.14, 0.07, 0.045))
HAIR = ((0.02, 0.015, 0.01), (0.06, 0.035, 0.02), (0.2, 0.12, 0.05), (0.45, 0.33, 0.16), (0.4, 0.4, 0.4))
TALL_M = 1.74
# Middle of the body, metres: heights of the bones' beginnings.
TRUNK_M = {
    "root": 0.95, "spine05": 1.0, "spine04": 1.08, "spine03": 1.16, "spine02": 1.25, "spine01": 1.34,
    "neck01": 1.47, "neck02": 1.5, "neck03": 1.53, "head": 1.56,
}  # fmt: skip
# The left side: where bones begin.
LEFT_M = {
    "clavicle": (0.03, 1.42, 0), "shoulder01": (0.11, 1.43, 0), "upperarm01": (0.18, 1.42, 0),
    "pelvis": (0.05, 0.95, 0), "upperleg01": (0.1, 0.92, 0), "lowerleg01": (0.1, 0.5, 0.01), "foot": (0.1, 0.08, -0.02),
}  # fmt: skip
ARM = np.array([0.72, -0.69, 0.05])
UPPER_M, FORE_M = 0.29, 0.25
KNUCKLES_M = (0.031, 0.01, -0.011, -0.031)  # from index to little finger, across the hand
FINGER_M = (0.072, 0.08, 0.074, 0.058)
PHALANGES = (0.45, 0.3, 0.25)
# From bone to bone, with radii (metres) at both ends, and how flat (depth to width).
TUBES: dict[str, tuple[str, float, float, float]] = {
    "root": ("spine04", 0.155, 0.14, 0.66), "spine04": ("spine02", 0.14, 0.15, 0.66),
    "spine02": ("neck01", 0.17, 0.11, 0.62), "neck01": ("head", 0.058, 0.055, 1.0),
    "upperarm01": ("upperarm02", 0.056, 0.048, 1.0), "upperarm02": ("lowerarm01", 0.048, 0.042, 1.0),
    "lowerarm01": ("lowerarm02", 0.042, 0.037, 1.0), "lowerarm02": ("wrist", 0.036, 0.027, 0.9),
    "shoulder01": ("upperarm01", 0.06, 0.062, 1.0), "upperleg01": ("upperleg02", 0.09, 0.075, 1.0),
    "upperleg02": ("lowerleg01", 0.073, 0.058, 1.0), "lowerleg01": ("lowerleg02", 0.056, 0.05, 1.0),
    "lowerleg02": ("foot", 0.048, 0.04, 1.0),
}  # fmt: skip


def simple_body(rng: np.random.Generator) -> BodyModel:
    """Somebody of random height, build, skin, clothes and hair; one in six a child."""
    child = bool(rng.random() < 1 / 6)
    tall = rng.uniform(1.0, 1.45) if child else rng.normal(1.71, 0.08)
    skeleton = simple_skeleton(tall / TALL_M)
    wide = float(tall / TALL_M * rng.uniform(0.88, 1.25))
    tone = np.array(SKIN_TONES[rng.integers(len(SKIN_TONES))]) * rng.uniform(0.85, 1.2)
    # A tint that replaces the texture is as bright as .94 of what it says.
    skin = [*(tone / 0.94).tolist(), 1.0]
    body = [painted_clothes(merged(limbs(skeleton, wide, skin)), rng)]
    large = tall / TALL_M * (1.25 if child else 1.0)
    head = head_parts(skeleton, large, skin, [*HAIR[rng.integers(len(HAIR))], 1.0])
    hands = [each for side in SIDES for each in hand_parts(skeleton, side, tall / TALL_M, skin)]
    return BodyModel.of(skeleton, [*body, *head, *hands], child)


def simple_skeleton(scale: float = 1.0) -> Skeleton:
    """The bones of somebody who is `scale` times 1.74 m tall, arms spread a little."""
    heads, tails = np.zeros((len(BONES), 3)), np.zeros((len(BONES), 3))
    for bone, height in TRUNK_M.items():
        heads[INDEX[bone]] = (0, height, 0)
    for side, mirror in zip(SIDES, (1, -1), strict=True):
        placed = {bone: np.array(position) for bone, position in LEFT_M.items()} | _arm_joints()
        for bone, position in placed.items():
            heads[INDEX[f"{bone}.{side}"]] = position * [mirror, 1, 1]
        for half, end in (("upperarm", "lowerarm01"), ("lowerarm", "wrist"), ("upperleg", "lowerleg01")):
            _halve(heads, half, end, side)
        _halve(heads, "lowerleg", "foot", side)
        for finger in range(1, 6):
            first, second, third = (INDEX[f"finger{finger}-{k}.{side}"] for k in (1, 2, 3))
            tails[first], tails[second] = heads[second], heads[third]
            tails[third] = 2 * heads[third] - heads[second]
    return Skeleton(heads * scale, tails * scale)


def _halve(heads: np.ndarray, limb: str, end: str, side: str) -> None:
    first, last = heads[INDEX[f"{limb}01.{side}"]], heads[INDEX[f"{end}.{side}"]]
    heads[INDEX[f"{limb}02.{side}"]] = (first + last) / 2


def _arm_joints() -> dict[str, np.ndarray]:
    """The left arm's joints from the elbow on: the palm looks at the body, the thumb ahead."""
    along = unit(ARM)
    across = unit(np.array([0, 0, 1.0]) - along * along[2])
    palm = cross(along, across)
    elbow = np.array(LEFT_M["upperarm01"]) + UPPER_M * along
    wrist = elbow + FORE_M * unit(along + 0.12 * np.eye(3)[2])
    joints = {"lowerarm01": elbow, "wrist": wrist}
    for finger, (aside, length) in enumerate(zip(KNUCKLES_M, FINGER_M, strict=True), start=2):
        joints[f"metacarpal{finger - 1}"] = wrist + 0.02 * along + 0.6 * aside * across
        at = wrist + 0.088 * along + aside * across
        for k, share in enumerate(PHALANGES, start=1):
            joints[f"finger{finger}-{k}"] = at
            at = at + share * length * unit(along + 0.12 * k * palm)
    at, way = wrist + 0.02 * along + 0.024 * across, unit(0.75 * along + 0.6 * across + 0.25 * palm)
    for k, length in enumerate((0.045, 0.034, 0.0), start=1):
        joints[f"finger1-{k}"] = at
        at = at + length * unit(way + 0.15 * k * along)
    return joints


def limbs(skeleton: Skeleton, wide: float, skin: Sequence[float]) -> list[SkinnedMesh]:
    """Trunk, neck, arms and legs with feet."""
    parts = []
    for bone, (end, first, last, flat) in TUBES.items():
        for side in SIDES if bone not in TRUNK_M else ("",):
            a, b = (skeleton.head_of(name if name in TRUNK_M else f"{name}.{side}") for name in (bone, end))
            name = bone if bone in TRUNK_M else f"{bone}.{side}"
            parts.append(tube(name, a, b, (first * wide, last * wide), flat, skin, bone == "neck01"))
    for side in SIDES:
        ankle = skeleton.head_of(f"foot.{side}")
        size = ankle[1]
        heel, toe = ankle + np.array([0, -0.35, -0.3]) * size, ankle + np.array([0, -0.55, 1.7]) * size
        parts.append(tube(f"foot.{side}", heel, toe, (0.52 * size, 0.42 * size), 1.0, skin))
    return parts


def head_parts(skeleton: Skeleton, scale: float, skin: Sequence[float], hair: Sequence[float]) -> list[SkinnedMesh]:
    """A ball with hair behind and above, a nose and eyes."""
    neck = skeleton.head_of("head")
    middle = neck + np.array([0, 0.085, 0.015]) * scale
    up = np.array([0, 0.035, 0]) * scale
    face = tube("head", middle - up, middle + up, (0.078 * scale, 0.088 * scale), 1.12, skin, True)
    behind = np.array([0, 0.016, -0.018]) * scale
    hair_cap = tube("head", middle + behind - 0.4 * up, middle + up + behind, (0.086 * scale, 0.092 * scale), 1.1, hair)
    nose = middle + np.array([0, -0.01, 0.09]) * scale
    parts = [face, hair_cap, tube("head", nose, nose - 0.6 * up, (0.008 * scale, 0.014 * scale), 1.0, skin, True)]
    for aside in (-0.032, 0.032):
        eye = middle + np.array([aside, 0.022, 0.081]) * scale
        parts.append(tube("head", eye, eye + 0.05 * up, (0.011 * scale, 0.011 * scale), 0.6, [0.03, 0.025, 0.02, 1]))
    return parts


def hand_parts(skeleton: Skeleton, side: str, scale: float, skin: Sequence[float]) -> list[SkinnedMesh]:
    """A palm and five fingers of three bones."""
    arm, wrist = skeleton.arms[side], skeleton.head_of(f"wrist.{side}")
    end = skeleton.head_of(f"finger3-1.{side}") - 0.012 * scale * arm.hand
    parts = [tube(f"wrist.{side}", wrist, end, (0.03 * scale, 0.043 * scale), 0.36, skin, True, arm.palm)]
    for finger in range(1, 6):
        thick = (0.0125 if finger == 1 else 0.0095 if finger < 5 else 0.0082) * scale
        for k in (1, 2, 3):
            bone = f"finger{finger}-{k}.{side}"
            ends = skeleton.head_of(bone), skeleton.tails[INDEX[bone]]
            parts.append(tube(bone, *ends, (thick * (1.04 - 0.05 * k), thick * (0.98 - 0.05 * k)), 1, skin, True))
    return parts


def tube(
    bone: str,
    a: np.ndarray,
    b: np.ndarray,
    radii: tuple[float, float],
    flat: float,
    tint: Sequence[float],
    bare: bool = False,
    thin: np.ndarray | None = None,
) -> SkinnedMesh:
    """A tube with round ends from `a` to `b`; along `thin` (default: ahead) it is `flat` times as thick as across."""
    sides = 8 if max(radii) < 0.02 else 12
    along, first, second = axes(b - a, np.array([0, 0, 1.0]) if thin is None else thin).T
    length = float(np.linalg.norm(b - a))
    rise = np.radians([88, 60, 30, 0])
    heights = np.concatenate([-radii[0] * flat * np.sin(rise), length + radii[1] * flat * np.sin(rise[::-1])])
    rings = np.concatenate([radii[0] * np.cos(rise), radii[1] * np.cos(rise[::-1])])
    turn = 2 * np.pi * np.arange(sides) / sides
    circle = flat * np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second  # (sides, 3)
    positions = a + heights[:, None, None] * along + rings[:, None, None] * circle
    number = np.arange(len(rings) * sides).reshape(len(rings), sides)
    low, high, next_low, next_high = number[:-1], number[1:], np.roll(number[:-1], -1, 1), np.roll(number[1:], -1, 1)
    triangles = np.stack([np.stack([low, next_low, high], -1), np.stack([high, next_low, next_high], -1)], 2)
    vertices = positions.reshape(-1, 3)
    return part(vertices, triangles.reshape(-1, 3), only(bone, len(vertices)), tint, skin=bare)
