"""The bones of a person, by the names of MakeHuman's rig; every kind of body is brought to this skeleton.

A body stands at rest with its feet on y = 0: x is its left, y up, z ahead; metres.
"""

from dataclasses import dataclass

import numpy as np

from .geometry import cross, unit

SIDES = ("L", "R")
FINGERS = tuple(f"finger{finger}-{joint}" for finger in range(1, 6) for joint in (1, 2, 3))
METACARPALS = tuple(f"metacarpal{k}" for k in range(1, 5))
HAND_BONES = ("wrist", *METACARPALS, *FINGERS)
TRUNK = {"root": "", "spine05": "root", "spine04": "spine05", "spine03": "spine04", "spine02": "spine03"}
TRUNK |= {"spine01": "spine02", "neck01": "spine01", "neck02": "neck01", "neck03": "neck02", "head": "neck03"}
LIMBS = {"clavicle": "spine01", "shoulder01": "clavicle", "upperarm01": "shoulder01", "upperarm02": "upperarm01"}
LIMBS |= {"lowerarm01": "upperarm02", "lowerarm02": "lowerarm01", "wrist": "lowerarm02"}
LIMBS |= dict.fromkeys(METACARPALS, "wrist")
LIMBS |= {f"finger{f}-1": "wrist" if f == 1 else f"metacarpal{f - 1}" for f in range(1, 6)}
LIMBS |= {f"finger{f}-{k}": f"finger{f}-{k - 1}" for f in range(1, 6) for k in (2, 3)}
LIMBS |= {"pelvis": "root", "upperleg01": "pelvis", "upperleg02": "upperleg01", "lowerleg01": "upperleg02"}
LIMBS |= {"lowerleg02": "lowerleg01", "foot": "lowerleg02"}

# Bone -> its parent; parents come first.
PARENTS = TRUNK | {f"{b}.{s}": p if p in TRUNK else f"{p}.{s}" for s in SIDES for b, p in LIMBS.items()}
BONES = tuple(PARENTS)
INDEX = {bone: index for index, bone in enumerate(BONES)}
PARENT = np.array([INDEX.get(parent, -1) for parent in PARENTS.values()])
LEFT_HAND, RIGHT_HAND = ([INDEX[f"{b}.{s}"] for b in HAND_BONES] for s in SIDES)
# Limbs that are two bones, which share the twist.
HALVES = {"upperarm": "lowerarm01", "lowerarm": "wrist", "upperleg": "lowerleg01", "lowerleg": "foot"}

Rotations = dict[int, np.ndarray]  # bone -> its rotation (3, 3) in the body's frame; absent: its parent's


@dataclass(frozen=True)
class ArmAtRest:
    """Where an arm is at rest, and how its hand lies."""

    shoulder: np.ndarray  # (3,)
    lengths: tuple[float, float]  # of upper arm and forearm, metres
    upper: np.ndarray  # directions (3,)
    fore: np.ndarray
    elbow_axis: np.ndarray
    hand: np.ndarray  # from the wrist to the middle finger's knuckle
    palm: np.ndarray  # out of the palm
    across: np.ndarray  # from the little finger's knuckle to the index finger's


class Skeleton:
    """Where a body's bones begin and end at rest, (bones, 3) each."""

    def __init__(self, heads: np.ndarray, tails: np.ndarray) -> None:
        self.heads, self.tails = heads, tails
        self.arms = {side: self._arm(side) for side in SIDES}

    @property
    def hip_m(self) -> float:
        """How high the hips are."""
        return float(self.heads[INDEX["upperleg01.L"]][1])

    def head_of(self, bone: str) -> np.ndarray:
        return self.heads[INDEX[bone]]

    def posed(self, rotations: Rotations, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (bones, 3, 3) and positions (bones, 3) of all bones; `shift` moves the root."""
        turned, positions = np.empty((len(BONES), 3, 3)), np.empty((len(BONES), 3))
        for index, parent in enumerate(PARENT):
            if parent < 0:
                turned[index] = rotations.get(index, np.eye(3))
                positions[index] = self.heads[index] + shift
            else:
                turned[index] = rotations.get(index, turned[parent])
                positions[index] = positions[parent] + turned[parent] @ (self.heads[index] - self.heads[parent])
        return turned, positions

    def _arm(self, side: str) -> ArmAtRest:
        shoulder, elbow, wrist, middle, index, little, thumb = (
            self.head_of(f"{bone}.{side}")
            for bone in ("upperarm01", "lowerarm01", "wrist", "finger3-1", "finger2-1", "finger5-1", "finger1-3")
        )
        upper, fore, hand = unit(elbow - shoulder), unit(wrist - elbow), unit(middle - wrist)
        across = unit(index - little)
        palm = unit(cross(hand, across))
        # Fingers and thumb are bent a little at rest, towards the palm.
        bent = (self.tails[INDEX[f"finger3-3.{side}"]] - middle) + 0.3 * (thumb - wrist)
        if palm @ (bent - hand * (bent @ hand)) < 0:
            palm = -palm
        lengths = float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(wrist - elbow))
        return ArmAtRest(shoulder, lengths, upper, fore, unit(cross(upper, fore)), hand, palm, across)
