"""How trunk, head and legs are held: standing on one leg more than on the other, walking, sitting."""

from typing import Literal, NamedTuple

import numpy as np

from ..bodies.geometry import rotation
from ..bodies.skeleton import INDEX, SIDES, Rotations

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
THIGH_RAD = 0.42  # how far a walker's thigh swings to and fro

X, Y, Z = np.eye(3)


class Stance(NamedTuple):
    """What stays the same about how somebody stands, walks or sits; angles in radians."""

    legs: Literal["stand", "walk", "sit"]
    lean: float  # ahead
    tilt: float  # aside
    turn: float  # of the chest against the hips
    bearing: int  # which leg bears the weight: 1 left, -1 right
    loose: float  # how far the other is bent, 0..1
    look: float  # of the head against the chest
    nod: float
    feet: float  # how far the feet point out

    @classmethod
    def random(cls, rng: np.random.Generator, legs: Literal["stand", "walk", "sit"]) -> "Stance":
        return cls(
            legs=legs,
            lean=float(rng.normal(-0.08 if legs == "sit" else 0.04, 0.05)),
            tilt=float(rng.normal(0, 0.03)),
            turn=float(rng.normal(0, 0.12)),
            bearing=int(rng.choice([-1, 1])),
            loose=float(rng.uniform(0, 1) ** 1.5),
            look=float(rng.normal(0, 0.25)),
            nod=float(rng.normal(0.06, 0.1)),
            feet=float(rng.normal(0.14, 0.09)),
        )


def stride_m(hip_m: float) -> float:
    """How far two steps go for somebody whose hips are so high."""
    return 4 * hip_m * float(np.sin(THIGH_RAD))


def pose_trunk(stance: Stance, phase: float, breath: float, camera_rad: float, rotations: Rotations) -> np.ndarray:
    """Turns hips, spine, neck and head; the chest's rotation. `camera_rad`: where the head looks, 0 ahead."""
    walking, standing = stance.legs == "walk", stance.legs == "stand"
    roll = stance.bearing * 0.08 * stance.loose * standing + 0.05 * np.sin(phase) * walking
    yaw = 0.12 * np.sin(phase) * walking
    hips = rotation(Z, roll) @ rotation(Y, yaw)
    rotations[INDEX["root"]] = hips
    for number, bone in enumerate(SPINE, start=1):
        share = number / len(SPINE)
        sideways = rotation(Z, share * (stance.tilt - 1.5 * roll) + roll)
        bent = rotation(X, share * (stance.lean + 0.012 * np.sin(breath)))
        rotations[INDEX[bone]] = rotation(Y, yaw + share * (stance.turn - 2.2 * yaw)) @ sideways @ bent
    chest = rotations[INDEX["spine01"]]
    look = np.clip(stance.look + camera_rad, -1.1, 1.1)
    for number, bone in enumerate(NECK, start=1):
        share = number / len(NECK)
        rotations[INDEX[bone]] = chest @ rotation(Y, share * look) @ rotation(X, share * (stance.nod - stance.lean))
    return chest


def pose_legs(stance: Stance, phase: float, rotations: Rotations) -> None:
    """Turns the legs; a thigh that goes ahead turns by less than 0."""
    for side, sign in zip(SIDES, (1, -1), strict=True):
        aside = 0.03 * sign
        if stance.legs == "walk":
            step = phase + (0 if sign > 0 else np.pi)
            thigh = -THIGH_RAD * np.sin(step) - 0.06
            knee = 0.1 + 0.95 * max(0.0, float(np.cos(step + 0.35))) ** 1.6
            pitch = 0.35 * (thigh + knee)
        elif stance.legs == "sit":
            thigh, knee, pitch = -1.45, 1.42 + 0.25 * stance.loose * (sign == stance.bearing), 0.0
            aside = sign * (0.06 + 0.18 * stance.loose)
        else:
            bent = 0.0 if sign == stance.bearing else stance.loose
            thigh, knee, pitch = -0.03 - 0.22 * bent, 0.04 + 0.42 * bent, 0.12 * bent
            aside += 0.05 * sign * bent
        wide = rotation(Y, sign * stance.feet) @ rotation(Z, aside)
        rotations[INDEX[f"pelvis.{side}"]] = rotations[INDEX["root"]]
        for bone, angle in (("upperleg", thigh), ("lowerleg", thigh + knee)):
            for half in ("01", "02"):
                rotations[INDEX[f"{bone}{half}.{side}"]] = wide @ rotation(X, angle)
        rotations[INDEX[f"foot.{side}"]] = wide @ rotation(X, pitch)
