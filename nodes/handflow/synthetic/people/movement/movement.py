"""A person's movement: how they are held at any moment, the same for the same key."""

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from ..bodies.body import BodyModel
from ..bodies.skeleton import SIDES, Rotations
from .arm import ArmPosture, PosedHand, between, pose_arm, waved
from .arm_kinds import ARM_KINDS, HIDDEN, SEATED, ArmContext, choose
from .stance import Stance, pose_legs, pose_trunk, stride_m

CHANGE_S = 0.9  # in which an arm goes from one posture to the next
BREATH_HZ = 0.3
Legs = Literal["stand", "walk", "sit"]


class Moment(NamedTuple):
    """How a person is held at one moment, in their own frame."""

    rotations: Rotations
    hands: dict[str, PosedHand]  # by side
    kinds: tuple[str, str]  # what left and right arm do: of ARM_KINDS


class Movement:
    """What somebody does all the time. `lively`: how many more of them wave, of 1; `hidden`: no hand shows."""

    def __init__(
        self, body: BodyModel, key: list[int], legs: Legs, lively: float, hidden: bool = False, fixed: str = ""
    ) -> None:
        rng = np.random.default_rng(key)
        self.body, self.key, self.lively, self.hidden, self.fixed = body, key, lively, hidden, fixed
        self.stance = Stance.random(rng, legs)
        self.phase = float(rng.uniform(0, 2 * np.pi))
        self.slot_s = float(rng.uniform(2.5, 6))
        self.start_s = float(rng.uniform(0, 60))
        self.looks = bool(rng.random() < 0.5)
        self._drawn = lru_cache(maxsize=8)(self._draw)

    @property
    def stride_m(self) -> float:
        """How far two steps of walking go."""
        return stride_m(self.body.skeleton.hip_m)

    def at(self, t: float, walked_m: float, camera: np.ndarray) -> Moment:
        """The moment `t` (seconds) after `walked_m`; `camera`: its direction in the person's frame."""
        slot, since_s = divmod(t + self.start_s, self.slot_s)
        done = min(since_s / CHANGE_S, 1.0)
        share = done**3 * (10 - 15 * done + 6 * done**2)  # Flash and Hogan 1985, minimum jerk
        heading = tuple(np.round(camera, 1).tolist())
        kinds, postures = self._drawn(int(slot), heading)
        before, earlier = self._drawn(int(slot) - 1, heading)
        rotations: Rotations = {}
        phase = self.phase + 2 * np.pi * walked_m / self.stride_m
        facing = float(np.arctan2(camera[0], camera[2]))
        looks = np.clip(facing, -0.9, 0.9) * self.looks if abs(facing) < 1.6 else 0.0
        chest = pose_trunk(self.stance, phase, 2 * np.pi * BREATH_HZ * t, float(looks), rotations)
        hands = {}
        for index, (side, sign) in enumerate(zip(SIDES, (1, -1), strict=True)):
            first, second = (
                self._swung(waved(each[index], t, self.phase), name[index], phase, sign)
                for each, name in ((earlier, before), (postures, kinds))
            )
            hands[side] = pose_arm(self.body.skeleton, side, chest, between(first, second, share, sign), rotations)
        pose_legs(self.stance, phase, rotations)
        return Moment(rotations, hands, kinds)

    def _draw(self, slot: int, camera: tuple[float, ...]) -> tuple[tuple[str, str], list[ArmPosture]]:
        rng = np.random.default_rng([*self.key, slot + 1000])
        allowed = HIDDEN if self.hidden else SEATED if self.stance.legs == "sit" else ()
        if self.fixed and ARM_KINDS[self.fixed].both:
            kinds = self.fixed, self.fixed
        else:
            kinds = choose(rng, self.lively, allowed)
            # What is held stays in its hand.
            held = self.fixed or self._held_by(slot, allowed)
            kinds = (held, "hang" if ARM_KINDS[kinds[1]].both else kinds[1]) if held else kinds
        skeleton = self.body.skeleton
        origin = skeleton.head_of("spine05")
        arms = [
            ArmContext(
                rng=rng,
                side=sign,
                shoulder=skeleton.arms[side].shoulder - origin,
                lengths=skeleton.arms[side].lengths,
                chin=skeleton.head_of("head") - origin,
                hips=skeleton.head_of("root") - origin,
                camera=np.array(camera),
            )
            for side, sign in zip(SIDES, (1, -1), strict=True)
        ]
        return kinds, [ARM_KINDS[kind].draw(arm) for kind, arm in zip(kinds, arms, strict=True)]

    def _held_by(self, slot: int, allowed: tuple[str, ...]) -> str:
        """What the left hand holds for as long as the person is there; nothing for most."""
        rng = np.random.default_rng([*self.key, 7])
        one = rng.choice(["bag", "cup", "phone"]) if rng.random() < 0.2 else ""
        return "" if self.hidden or allowed else str(one)

    def _swung(self, posture: ArmPosture, kind: str, phase: float, sign: int) -> ArmPosture:
        """Arms that hang swing against the legs of somebody who walks."""
        if self.stance.legs != "walk" or kind not in ("hang", "bag"):
            return posture
        ahead = (0.42 if kind == "hang" else 0.12) * sign * -np.sin(phase)
        moved = posture.directions.copy()
        moved[:3] += np.outer([1, 1, 1], [0, 0, ahead])
        moved[1:3, 2] += 0.12
        return posture._replace(directions=moved / np.linalg.norm(moved, axis=1, keepdims=True))
