"""An arm's posture, and the rotations of its bones."""

from typing import NamedTuple

import numpy as np

from ..bodies.geometry import axes, cross, rotation, twist, unit
from ..bodies.skeleton import INDEX, METACARPALS, Rotations, Skeleton

# How far the three joints of a finger bend when it is curled to 1, radians; of the thumb.
BENDS, THUMB_BENDS = (1.35, 1.6, 1.1), (0.25, 0.5, 0.6)
FAN = (0.9, 0.25, -0.5, -1.2)  # how far index to little finger go aside when spread
RELAXED_RAD = 0.12  # by which fingers are bent at rest already


class ArmPosture(NamedTuple):
    """Where an arm points, in the chest's frame: x the person's left, y up, z ahead."""

    directions: np.ndarray  # (4, 3): upper arm, forearm, hand, and out of the palm
    curls: np.ndarray  # (5,) thumb to little finger: 0 straight, 1 in a fist
    spread: float = 0.03
    thumb: float = 0.3  # how far the thumb's root is bent in; below 0 it stands off
    wave_rad: float = 0.0  # how far the forearm goes to and fro
    wave_hz: float = 0.0

    @property
    def flat(self) -> float:
        """How far the most bent finger is from straight."""
        return float(self.curls[1:].max())


class PosedHand(NamedTuple):
    """How a hand is held, in the body's frame."""

    palm: np.ndarray  # (3,) out of the palm
    along: np.ndarray  # (3,) from the wrist to the fingers
    flat: float


def between(first: ArmPosture, second: ArmPosture, share: float, side: int) -> ArmPosture:
    """The posture on the way from `first` to `second`; it goes round the outside. `side`: 1 left, -1 right."""
    mixed = (1 - share) * first.directions + share * second.directions
    mixed[:2] += 1.4 * share * (1 - share) * np.array([side, 0, 0.4])
    curls = (1 - share) * first.curls + share * second.curls
    spread, thumb = ((1 - share) * a + share * b for a, b in zip(first[2:4], second[2:4], strict=True))
    return ArmPosture(np.stack([unit(row) for row in mixed]), curls, spread, thumb)


def waved(posture: ArmPosture, t: float, phase: float) -> ArmPosture:
    """The posture at a moment of its waving: the forearm swings, the hand a little behind it."""
    if not posture.wave_rad:
        return posture
    turn = 2 * np.pi * posture.wave_hz * t + phase
    upper, fore, hand, palm = posture.directions
    axis = unit(0.7 * palm + 0.3 * cross(upper, fore) + np.array([0, 0, 0.3]))
    early, late = (rotation(axis, posture.wave_rad * np.sin(turn - lag)) for lag in (0, 0.7))
    return posture._replace(directions=np.stack([upper, early @ fore, late @ hand, late @ palm]))


def pose_arm(skeleton: Skeleton, side: str, chest: np.ndarray, posture: ArmPosture, rotations: Rotations) -> PosedHand:
    """Turns the bones of one arm; what the hand does. `chest`: its rotation."""
    rest, sign = skeleton.arms[side], 1 if side == "L" else -1
    upper, fore, hand, palm = posture.directions @ chest.T
    _turn_shoulder(side, sign, chest, posture.directions[0], rotations)

    # The elbow's axis; a straight arm's own is kept.
    bend = cross(upper, fore)
    elbow = bend if np.linalg.norm(bend) > 0.15 else cross(upper, chest @ np.array([0, 0, 1.0]) + 0.01)
    shortest = axes(upper, chest @ rest.elbow_axis) @ axes(rest.upper, rest.elbow_axis).T
    lag = twist(shortest, axes(upper, elbow) @ axes(rest.upper, rest.elbow_axis).T, upper)
    rotations[INDEX[f"upperarm01.{side}"]] = rotation(upper, 0.35 * lag) @ shortest
    rotations[INDEX[f"upperarm02.{side}"]] = rotation(upper, 0.75 * lag) @ shortest

    # The wrist bends by no more than 70 degrees, and the forearm's halves share its twist.
    if hand @ fore < 0.35:
        hand = unit(hand + 0.8 * fore)
    lower = axes(fore, elbow) @ axes(rest.fore, rest.elbow_axis).T
    turned = axes(hand, palm) @ axes(rest.hand, rest.palm).T
    lag = twist(lower, turned, fore)
    rotations[INDEX[f"lowerarm01.{side}"]] = rotation(fore, 0.3 * lag) @ lower
    rotations[INDEX[f"lowerarm02.{side}"]] = rotation(fore, 0.7 * lag) @ lower
    for bone in ("wrist", *METACARPALS):
        rotations[INDEX[f"{bone}.{side}"]] = turned
    _bend_fingers(skeleton, side, turned, posture, rotations)
    return PosedHand(turned @ rest.palm, turned @ rest.hand, posture.flat)


def _turn_shoulder(side: str, sign: int, chest: np.ndarray, upper: np.ndarray, rotations: Rotations) -> None:
    """The shoulder blade goes with an arm that is raised: about a third of the way from 30 degrees on.

    Inman, Saunders and Abbott 1944, the scapulohumeral rhythm; and forwards with an arm that reaches ahead.
    """
    raised = max(float(np.arccos(np.clip(-upper[1], -1, 1))) - 0.5, 0)
    ahead = float(np.clip(upper[2], -0.3, 1)) * 0.22
    for bone, share in (("clavicle", 0.13), ("shoulder01", 0.2)):
        turned = rotation([0, -sign, 0], ahead) @ rotation([0, 0, sign], share * raised)
        rotations[INDEX[f"{bone}.{side}"]] = chest @ turned


def _bend_fingers(skeleton: Skeleton, side: str, hand: np.ndarray, posture: ArmPosture, rotations: Rotations) -> None:
    rest = skeleton.arms[side]
    flat_across = unit(rest.across - rest.palm * (rest.across @ rest.palm))
    for finger in range(1, 6):
        bent = 0.0
        for joint in (1, 2, 3):
            bone = INDEX[f"finger{finger}-{joint}.{side}"]
            along = unit(skeleton.tails[bone] - skeleton.heads[bone])
            if finger == 1:
                axis = unit(cross(along, 0.6 * rest.palm - 0.8 * rest.across))
                closed = posture.thumb if joint == 1 else max(posture.thumb, posture.curls[0] - 0.1)
                bent += THUMB_BENDS[joint - 1] * closed
                local = rotation(axis, bent)
            else:
                axis = unit(cross(along, rest.palm))
                bent += BENDS[joint - 1] * posture.curls[finger - 1]
                aside = rotation(cross(rest.hand, flat_across), 2 * FAN[finger - 2] * posture.spread)
                local = aside @ rotation(axis, bent - RELAXED_RAD)
            rotations[bone] = hand @ local
