"""What people do with their arms: hanging, waving, holding, hiding; drawn at random within each kind.

Directions are of the left arm, and mirrored for the right: `out` to the side, up, ahead.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..bodies.geometry import UP, reach, rotation, unit
from .arm import ArmPosture

HANGING = np.array([0.3, 0.45, 0.5, 0.55, 0.6])
FIST = np.ones(5)
Way = tuple[float, float, float]
AROUND = np.array([0.5, 0.55, 0.6, 0.62, 0.65])  # something that is held


@dataclass(frozen=True)
class ArmContext:
    """Whose arm it is; positions in the chest's frame, from where the spine begins."""

    rng: np.random.Generator
    side: int  # 1 left, -1 right
    shoulder: np.ndarray
    lengths: tuple[float, float]
    chin: np.ndarray
    hips: np.ndarray
    camera: np.ndarray  # direction (3,)

    def toward(self, out: float, up: float, ahead: float, vary: float = 0.0) -> np.ndarray:
        """A direction, each number off by `vary`."""
        return unit(np.array([self.side * out, up, ahead]) + self.rng.normal(0, 1, 3) * vary)

    def to(self, goal: np.ndarray, offset: Way, vary: float, elbow: Way) -> np.ndarray:
        """Upper arm and forearm (2, 3) that bring the wrist beside `goal`, the elbow out towards `elbow`."""
        beside = goal + np.array(offset) * [self.side, 1, 1] + self.rng.normal(0, 1, 3) * vary
        return reach(self.shoulder, self.lengths, beside, self.toward(*elbow))


Draw = Callable[[ArmContext], ArmPosture]


@dataclass(frozen=True)
class ArmKind:
    """How often it is seen (of strangers who do not play), and what it asks for."""

    share: float
    draw: Draw
    lively: bool = False  # an open palm for the camera
    both: bool = False  # both arms do it
    holds: str = ""  # what the hand holds


def posture(
    arm: ArmContext,
    limbs: np.ndarray,
    palm: np.ndarray,
    curls: np.ndarray,
    hand: np.ndarray | None = None,
    **rest: float,
) -> ArmPosture:
    """A posture; the hand goes on along the forearm, or nearly, where it is not said."""
    if hand is None:
        hand = limbs[1] + 0.22 * arm.rng.normal(0, 1, 3)
    bent = np.clip(curls + arm.rng.normal(0, 0.05, 5), 0, 1)
    return ArmPosture(np.stack([*limbs, unit(hand), unit(palm)]), bent, **rest)


def hang(arm: ArmContext) -> ArmPosture:
    """An arm that hangs beside the body, its hand relaxed."""
    limbs = np.stack([arm.toward(0.14, -1, 0.0, 0.06), arm.toward(0.08, -1, 0.2, 0.1)])
    relaxed = np.clip(HANGING + arm.rng.normal(0, 0.15), 0, 1)
    return posture(arm, limbs, arm.toward(-1, 0, -0.1, 0.25), relaxed, spread=0.03)


def raised(upper: Way, fore: Way, vary: float = 0.25) -> Draw:
    """An open palm for the camera, waved or still."""

    def draw(arm: ArmContext) -> ArmPosture:
        rng = arm.rng
        limbs = np.stack([arm.toward(*upper, vary), arm.toward(*fore, vary)])
        off = rotation(UP, rng.normal(0, 0.4)) @ rotation([1, 0, 0], rng.normal(0, 0.25))
        curls = np.abs(rng.normal(0, 0.12, 5)) + (rng.random() < 0.15) * rng.uniform(0.1, 0.4)
        wave_rad = 0.0 if rng.random() < 0.25 else float(rng.uniform(0.1, 0.55))
        return posture(
            arm,
            limbs,
            off @ arm.camera,
            curls,
            spread=float(abs(rng.normal(0.12, 0.07))),
            thumb=float(rng.normal(-0.2, 0.15)),
            wave_rad=wave_rad,
            wave_hz=float(rng.uniform(0.8, 2.4)),
        )

    return draw


def stop(arm: ArmContext) -> ArmPosture:
    """The palm shown to the camera with an outstretched arm."""
    rng = arm.rng
    ahead = unit(arm.camera + np.array([0, rng.normal(0, 0.1), 0]))
    limbs = np.stack([unit(ahead + arm.toward(0.25, -0.25, 0.2, 0.15)), unit(ahead + 0.3 * arm.toward(0.2, 0.9, 0.3))])
    hand = UP + 0.35 * limbs[1] + arm.toward(0, 0, 0.1, 0.2) * 0.2
    return posture(arm, limbs, arm.camera, np.abs(rng.normal(0, 0.12, 5)), hand, spread=0.12, thumb=-0.2)


def signed(curls: tuple, thumb: float, back: bool = False, spread: float = 0.03) -> Draw:
    """A raised hand that is no open palm: a fist, a finger, the back of the hand."""

    def draw(arm: ArmContext) -> ArmPosture:
        limbs = np.stack([arm.toward(0.8, 0.1, 0.35, 0.25), arm.toward(0.15, 1, 0.2, 0.25)])
        faces = rotation(UP, arm.rng.normal(0, 0.5)) @ (-arm.camera if back else arm.camera)
        return posture(arm, limbs, faces, np.array(curls), thumb=thumb, spread=spread)

    return draw


def point(arm: ArmContext) -> ArmPosture:
    """An arm stretched forward, with one finger out."""
    limbs = np.stack([arm.toward(0.35, -0.4, 1, 0.25), arm.toward(0.2, 0.05, 1, 0.3)])
    return posture(arm, limbs, arm.toward(-1, -0.4, 0), np.array([0.7, 0.02, 0.95, 1, 1]), thumb=0.8)


def talk(arm: ArmContext) -> ArmPosture:
    """Hands that go with what somebody says."""
    rng = arm.rng
    limbs = np.stack([arm.toward(0.35, -1, 0.25, 0.2), arm.toward(-0.1, 0.15, 1, 0.4)])
    curls = np.abs(rng.normal(0.25, 0.25, 5))
    return posture(arm, limbs, arm.toward(-0.6, 0.1, 0.2, 0.6), curls, spread=0.08, wave_rad=0.2, wave_hz=0.7)


def at(
    goal: str, offset: Way, elbow: Way, palm: Way, curls: np.ndarray, vary: float = 0.03,
    hand: Way | None = None,
) -> Draw:  # fmt: skip
    """A hand that is somewhere on the body: the wrist at `offset` from the chin, the hips or the shoulder."""

    def draw(arm: ArmContext) -> ArmPosture:
        limbs = arm.to(getattr(arm, goal), offset, vary, elbow)
        way = None if hand is None else arm.toward(*hand, 0.1)
        return posture(arm, limbs, arm.toward(*palm, 0.15), curls, way)

    return draw


def clap(arm: ArmContext) -> ArmPosture:
    """Hands that meet before the chest."""
    limbs = arm.to(np.array([0, arm.shoulder[1] - 0.22, 0.28]), (arm.rng.uniform(0.06, 0.16), 0, 0), 0.01, (0.8, -1, 0))
    flat = np.abs(arm.rng.normal(0.1, 0.1, 5))
    return posture(arm, limbs, arm.toward(-1, 0, 0), flat, arm.toward(0, 0.6, 0.8), wave_rad=0.12, wave_hz=2.5)


def crossed(arm: ArmContext) -> ArmPosture:
    """Forearms crossed before the chest."""
    low = 0.03 * arm.side
    limbs = arm.to(arm.shoulder, (-0.26, -0.24 + low, 0.17 + low), 0.01, (0.7, -1, 0.1))
    return posture(arm, limbs, arm.toward(0, 0, -1), HANGING * 0.8)


def carry(down: Way, fore: Way, palm: Way) -> Draw:
    """An arm that carries something in its hand."""

    def draw(arm: ArmContext) -> ArmPosture:
        limbs = np.stack([arm.toward(*down, 0.06), arm.toward(*fore, 0.08)])
        return posture(arm, limbs, arm.toward(*palm, 0.1), AROUND)

    return draw


ARM_KINDS: dict[str, ArmKind] = {
    "hang": ArmKind(14, hang),
    "wave_high": ArmKind(1.2, raised((0.9, 0.25, 0.25), (0.15, 1, 0.15)), lively=True),
    "wave_low": ArmKind(1.0, raised((0.35, -1, 0.25), (0.4, 1, 0.45)), lively=True),
    "overhead": ArmKind(0.7, raised((0.4, 1, 0.15), (0.15, 1, 0.05), 0.2), lively=True),
    "side_out": ArmKind(0.3, raised((1, 0, 0.2), (1, 0.1, 0.2)), lively=True),
    "stop": ArmKind(0.5, stop, lively=True),
    "fist_up": ArmKind(0.6, signed((1, 1, 1, 1, 1), 1.4)),
    "back_up": ArmKind(0.8, signed((0.1, 0.05, 0.05, 0.05, 0.1), -0.2, back=True, spread=0.12)),
    "peace": ArmKind(0.4, signed((0.8, 0.02, 0.02, 1, 1), 0.9, spread=0.15)),
    "point_up": ArmKind(0.4, signed((0.7, 0.02, 0.95, 1, 1), 0.8)),
    "half_up": ArmKind(0.8, signed((0.45, 0.45, 0.45, 0.5, 0.5), 0.3)),
    "thumb_up": ArmKind(0.4, signed((0, 1, 1, 1, 1), -0.5, back=True)),
    "point": ArmKind(0.8, point),
    "talk": ArmKind(2.5, talk),
    "pocket": ArmKind(2.5, at("hips", (0.19, -0.03, 0.05), (0.5, 0, -1), (-1, 0, 0), HANGING, 0.02, (-0.35, -1, 0.35))),
    "behind": ArmKind(1.2, at("hips", (-0.02, 0.06, -0.2), (1, 0, -0.4), (0, 0, -1), HANGING), both=True),
    "akimbo": ArmKind(1.0, at("hips", (0.2, 0.13, 0.04), (1, 0, -0.5), (-0.8, -0.6, 0.2), HANGING, 0.02,
                              (-0.5, -0.4, 0.6)), both=True),
    "crossed": ArmKind(1.3, crossed, both=True),
    "clap": ArmKind(0.8, clap, both=True),
    "face": ArmKind(1.0, at("chin", (0.06, -0.14, 0.16), (0.7, -1, 0.2), (-0.4, 0.2, -1), HANGING)),
    "hair": ArmKind(0.5, at("chin", (0.14, 0.12, 0.02), (1, -0.1, 0.1), (-1, -0.2, 0), HANGING * 0.6)),
    "shield": ArmKind(0.5, at("chin", (0.17, 0.03, 0.12), (1, -0.2, 0.2), (0, -1, -0.3), HANGING * 0.2, 0.02,
                              (-0.8, 0.25, 0.4))),
    "strap": ArmKind(0.8, at("shoulder", (-0.06, -0.12, 0.14), (0.6, -1, 0), (-0.2, 0, -1), FIST)),
    "belly": ArmKind(0.8, at("hips", (0.07, 0.16, 0.2), (0.9, -0.4, -0.2), (-0.4, 0, -1), HANGING), both=True),
    "phone_ear": ArmKind(1.0, at("chin", (0.11, -0.05, 0.05), (1, -1, 0.3), (-1, 0.1, 0), AROUND), holds="phone"),
    "phone": ArmKind(1.6, at("shoulder", (-0.1, -0.2, 0.32), (0.6, -1, -0.2), (-0.25, 0.45, -0.8), AROUND, 0.05),
                     holds="phone"),
    "photo": ArmKind(0.6, at("chin", (0.09, -0.05, 0.36), (1, -1, 0), (-0.9, 0, -0.4), AROUND, 0.04), both=True,
                     holds="phone"),
    "cup": ArmKind(0.9, carry((0.3, -1, 0.25), (-0.15, 0.15, 1), (-1, 0, 0)), holds="cup"),
    "bag": ArmKind(2.0, carry((0.12, -1, 0), (0.06, -1, 0.05), (-1, 0, 0)), holds="bag"),
    "umbrella": ArmKind(0.0, at("shoulder", (-0.08, -0.14, 0.24), (0.8, -1, 0), (-1, 0, 0.2), FIST, 0.02, (0, 0.3, 1)),
                        holds="umbrella"),
    "parcel": ArmKind(0.7, at("hips", (0.13, 0.22, 0.27), (0.7, -1, -0.2), (-0.7, 0.7, 0), AROUND * 0.6, 0.01,
                              (-0.2, 0, 1)), both=True, holds="parcel"),
    "knees": ArmKind(0.0, at("hips", (0.1, 0.02, 0.36), (0.7, 0, -0.3), (0, -1, 0.1), HANGING * 0.6, 0.04,
                             (0, -0.15, 1))),
    "wheels": ArmKind(0.0, at("hips", (0.26, 0.06, 0.08), (0.6, 0.2, -1), (-1, 0, 0), AROUND, 0.03, (0, -0.9, 0.5)),
                      both=True),
}  # fmt: skip
SEATED = ("knees", "phone", "crossed", "cup", "talk", "wave_high", "wave_low", "face", "belly")
HIDDEN = ("pocket", "behind")


def choose(rng: np.random.Generator, lively: float, kinds: tuple[str, ...] = ()) -> tuple[str, str]:
    """Kinds for left and right arm. `lively`: how many more wave; `kinds`: of these alone."""
    names = list(kinds or ARM_KINDS)
    shares = np.array([ARM_KINDS[name].share or 2.0 * bool(kinds) for name in names])
    shares *= [lively if ARM_KINDS[name].lively else 1.0 for name in names]
    first, second = (str(name) for name in rng.choice(names, 2, p=shares / shares.sum()))
    for kind in (first, second):
        if ARM_KINDS[kind].both:
            return kind, kind
    if ARM_KINDS[first].lively and rng.random() < 0.6:
        second = "hang" if not kinds else second
    return (first, second) if rng.random() < 0.5 else (second, first)
