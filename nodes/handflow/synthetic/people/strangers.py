"""Who is in a picture, where they stand, and what they do there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import props
from .assets import Cast
from .backgrounds import HAND_SHARES, STEEP_RAD, EmptyView, Standpoint
from .bodies.body import BodyModel
from .bodies.geometry import UP, rotation, unit
from .bodies.skeleton import INDEX, SIDES
from .movement.arm_kinds import ARM_KINDS
from .movement.movement import Legs, Moment, Movement
from .parts import PartsList, Solid

HAND_M = 0.19  # an adult's, to the fingertips
NEAREST_M, FARTHEST_M = 1.6, 28.0
APART_M = 0.6
BODY_OWNER, THING_OWNER = 40_000, 60_000
TRIED = 600  # positions, of which the first that fit are taken
# How many people there are: shares of few, some and crowds, as natural logarithms of their numbers.
NUMBERS: dict[Standpoint, tuple[list[tuple[float, float]], list[float]]] = {
    "street": ([(0, 0.7), (0.7, 1.4), (1.4, 2.2)], [0.5, 0.35, 0.15]),
    "square": ([(0, 1.6), (1.0, 2.4), (2.3, 3.3)], [0.4, 0.38, 0.22]),
    "ceiling": ([(0, 1.4), (1.0, 2.3), (2.0, 2.8)], [0.45, 0.4, 0.15]),
}
LIVELY: dict[Standpoint, list[float]] = {"street": [0.3, 1, 4], "square": [0.5, 4, 15], "ceiling": [0.5, 4, 12]}
PLAYERS, PLAYFUL = (1, 4), 30.0  # how many play a game (below the second number), and how lively they are
VELOCITY_S = 0.01  # over which a hand's velocity is taken
TURN_M = 0.7  # in which somebody who walks turns round
WAYS_M = (5.0, 25.0)
WORDS = {"L": "left", "R": "right"}
GLOVES = 0.07  # share of people
STONE = ((0.45, 0.44, 0.4), (0.12, 0.13, 0.11), (0.2, 0.14, 0.07), (0.75, 0.74, 0.72), (0.55, 0.4, 0.32))


class PlacedHand(NamedTuple):
    """A hand in the world."""

    owner: int
    vertices: np.ndarray  # (n, 3)
    flat: float  # how far the most bent finger is from straight
    palm_deg: float  # between the palm and the way to the camera
    kind: str  # of ARM_KINDS
    velocity: np.ndarray  # (3,) metres a second


class PlacedPerson(NamedTuple):
    """Somebody in the world."""

    number: int
    owners: tuple[int, int, int]  # of body, left and right hand
    joints: dict[str, np.ndarray]  # head, left_elbow, left_wrist, left_foot, right_elbow … (3,)
    hands: list[PlacedHand]
    thing: bool  # a statue or a dummy


class Whereabouts(NamedTuple):
    """Where somebody is at a moment."""

    position: np.ndarray  # (3,)
    heading_rad: float
    walked_m: float


@dataclass
class Stranger:
    """Somebody who stands, walks or sits somewhere."""

    number: int
    body: BodyModel
    movement: Movement
    position: np.ndarray  # (3,) on the ground, in the middle of their way
    heading_rad: float  # 0: towards +z
    speed_m_s: float
    way_m: float  # how far they walk before they turn; 0 in a still
    seats: list[Solid]  # in their frame
    thing: bool = False  # a statue or a dummy
    empty_handed: bool = False

    @property
    def owners(self) -> tuple[int, int, int]:
        if self.thing:
            return THING_OWNER, THING_OWNER, THING_OWNER
        return BODY_OWNER + self.number, 2 * self.number + 1, 2 * self.number + 2

    def at(self, t: float) -> Whereabouts:
        """Where they are at `t` seconds."""
        walked = self.speed_m_s * t
        if not self.way_m:
            return Whereabouts(self.position, self.heading_rad, walked)
        # They begin anywhere on their way, walk to its end, turn, and come back.
        legs, along = divmod(walked + self.movement.phase / (2 * np.pi) * self.way_m, self.way_m)
        turning = np.clip((along - self.way_m) / TURN_M + 1, 0, 1)
        heading = self.heading_rad + np.pi * (legs + turning**2 * (3 - 2 * turning))
        ahead = along - self.way_m / 2 if legs % 2 == 0 else self.way_m / 2 - along
        way = np.array([np.sin(self.heading_rad), 0, np.cos(self.heading_rad)])
        return Whereabouts(self.position + ahead * way, float(heading), walked)

    def add_to(self, parts: PartsList, t: float, eye: np.ndarray) -> PlacedPerson:
        """Adds the person, what they hold and what they sit on, as they are at `t`."""
        # Statues stand still.
        t = 0.0 if self.thing else t
        position, heading, walked = self.at(t)
        turn = rotation(UP, heading)
        moment = self.movement.at(t, walked, turn.T @ unit(eye - position - 1.4 * UP))
        now, later = self._knuckles(t, eye, moment), self._knuckles(t + VELOCITY_S, eye)
        posed = self.body.posed(moment.rotations, float(np.linalg.norm(eye - position)))
        world = parts.add_body(posed, turn, position, self.owners)
        joints = posed.joints @ turn.T + position
        scale = float(self.body.skeleton.hip_m / 0.92)
        named, hands = {"head": joints[INDEX["head"]] + turn @ np.array([0, 0.09, 0.02]) * scale}, []
        rng = np.random.default_rng([*self.movement.key, 3])
        for index, side in enumerate(SIDES):
            named |= {
                f"{WORDS[side]}_{name}": joints[INDEX[f"{bone}.{side}"]]
                for name, bone in (("elbow", "lowerarm01"), ("wrist", "wrist"), ("foot", "foot"))
            }
            hand, kind = moment.hands[side], moment.kinds[index]
            palm, wrist = turn @ hand.palm, named[f"{WORDS[side]}_wrist"]
            angle = np.degrees(np.arccos(np.clip(palm @ unit(eye - wrist), -1, 1)))
            vertices = world[posed.mesh.hand == index + 1]
            owner = self.owners[index + 1]
            velocity = (later[index] - now[index]) / VELOCITY_S
            hands.append(PlacedHand(owner, vertices, hand.flat, float(angle), kind, velocity))
            holds = ARM_KINDS[kind].holds
            if holds and not self.empty_handed and not (ARM_KINDS[kind].both and side == "L"):
                for solid in props.held(rng, holds, wrist, turn @ hand.along, palm, scale):
                    parts.add_solid(solid, THING_OWNER)
        for solid in self.seats:
            parts.add_solid(solid.moved(turn, position), THING_OWNER)
        return PlacedPerson(self.number, self.owners, named, hands, self.thing)

    def _knuckles(self, t: float, eye: np.ndarray, moment: Moment | None = None) -> np.ndarray:
        """Where the middle knuckles are, (2, 3), but for how high the body is lifted."""
        position, heading, walked = self.at(t)
        turn = rotation(UP, heading)
        moment = moment or self.movement.at(t, walked, turn.T @ unit(eye - position - 1.4 * UP))
        joints = self.body.skeleton.posed(moment.rotations, np.zeros(3))[1]
        tips = [joints[INDEX[f"finger3-1.{side}"]] for side in SIDES]
        return np.stack(tips) @ turn.T + position


@dataclass(frozen=True)
class Wish:
    """What a scene is to be like."""

    empty: bool = False  # nobody who shows a hand
    clip: bool = False  # they walk to and fro
    waving: bool = False  # most of them play: a few people who stand and wave
    hand_share: tuple[float, float] | None = None  # how long hands are, of the picture's width; None: as places have it


def gather(rng: np.random.Generator, key: list[int], cast: Cast, view: EmptyView, wish: Wish) -> list[Stranger]:
    """Those who are in a view; `key` is theirs alone."""
    ranges, shares = NUMBERS[view.standpoint]
    low, high = ranges[rng.choice(len(ranges), p=shares)]
    count = int(np.exp(rng.uniform(low, high))) if not wish.empty else int(rng.integers(0, 4))
    lively = float(rng.choice(LIVELY[view.standpoint]))
    if wish.waving:
        count, lively = int(rng.integers(*PLAYERS)), PLAYFUL
    wet = view.condition == "rain"
    found = []
    for number, position in enumerate(positions(rng, view, count, hand_share=wish.hand_share)):
        own = [*key, number]
        found.append(_stranger(np.random.default_rng(own), own, number, position, cast, view, lively, wet, wish))
    return found


def _stranger(
    rng: np.random.Generator,
    key: list[int],
    number: int,
    position: np.ndarray,
    cast: Cast,
    view: EmptyView,
    lively: float,
    wet: bool,
    wish: Wish,
) -> Stranger:
    body = cast.somebody(rng)
    thing = wish.empty and rng.random() < 0.6
    legs: Legs = "stand" if thing or wish.waving else _legs(rng)
    wheels = legs == "sit" and rng.random() < 0.15
    fixed = "wheels" if wheels and rng.random() < 0.6 else ""
    if legs != "sit" and not wish.empty and rng.random() < (0.6 if wet else 0.02):
        fixed = "umbrella"
    if thing:
        body = body.recoloured([*(np.array(STONE[rng.integers(len(STONE))]) * rng.uniform(0.6, 1.4)), 1.0])
    elif wish.empty:
        body = body.without_hands()
    elif rng.random() < GLOVES:
        body = body.gloved(props.colour(rng, high=0.6))
    movement = Movement(body, key, legs, lively, hidden=wish.empty and not thing, fixed=fixed)
    away = float(np.arctan2(-position[0], -position[2]))
    faces = rng.random() < (0.75 if lively > 2 else 0.5)
    heading = away + (rng.normal(0, 0.45) if faces else rng.uniform(-np.pi, np.pi))
    speed = 0.0
    if legs == "walk":
        speed = float(rng.uniform(0.8, 1.6)) * body.skeleton.hip_m / 0.92
    seats = props.seat(rng, _seat_m(body), wheels) if legs == "sit" else []
    way_m = float(rng.uniform(*WAYS_M)) if speed and wish.clip else 0.0
    empty = thing or wish.empty
    return Stranger(number, body, movement, position, float(heading), speed, way_m, seats, thing, empty)


def _legs(rng: np.random.Generator) -> Legs:
    chance = rng.random()
    return "sit" if chance < 0.12 else "walk" if chance < 0.5 else "stand"


def _seat_m(body: BodyModel) -> float:
    """How high the hips of a seated body are: as the knees, and the thighs' thickness."""
    return float(body.skeleton.head_of("lowerleg01.L")[1]) + 0.04


def positions(
    rng: np.random.Generator,
    view: EmptyView,
    count: int,
    taken: Sequence[np.ndarray] = (),
    hand_share: tuple[float, float] | None = None,
) -> list[np.ndarray]:
    """Where on the ground `count` people stand: in sight, apart, with hands of `hand_share`, or as the view asks."""
    camera = view.camera
    height = float(camera.eye[1])
    around = np.exp(rng.uniform(np.log(0.4), np.log(FARTHEST_M), TRIED))
    # Ahead of the camera, where that is somewhere.
    wide = np.pi if camera.down_rad > STEEP_RAD else min(np.pi, np.arctan(0.5 * camera.size[0] / camera.focal_px) + 0.3)
    angle = rng.uniform(-wide, wide, TRIED)
    tried = np.stack([around * np.sin(angle), np.zeros(TRIED), -around * np.cos(angle)], axis=1)
    if view.region is not None:
        # Most stand on the surface that the game is about.
        inner = rng.random(TRIED) < 0.7
        mix = rng.dirichlet(np.ones(len(view.region)), TRIED)
        tried = np.where(inner[:, None], mix @ view.region, tried)
    chest = tried + 1.2 * UP
    pixels, depth = camera.project(chest)
    share = HAND_M * camera.focal_px / camera.size[0] / np.maximum(depth, 0.1)
    low, high = HAND_SHARES[view.standpoint] if not view.own or view.region is None else (0.005, 0.3)
    if hand_share is not None:
        low, high = hand_share
    nearest = NEAREST_M if camera.down_rad < STEEP_RAD else max(0.6, height - 1.9)
    inside = (pixels > 0) & (pixels < camera.size)
    good = inside.all(axis=1) & (depth > nearest) & (share > low) & (share < high)
    if view.bounds is not None:
        good &= within(tried, view.bounds)
    chosen: list[np.ndarray] = []
    for position in tried[good]:
        if len(chosen) == count:
            break
        if all(np.linalg.norm(position - other) > APART_M for other in (*chosen, *taken)):
            chosen.append(position)
    return chosen


def within(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points (n, 3) of the ground lie inside a convex polygon, (n,) bool."""
    sides = np.roll(corners, -1, axis=0) - corners  # (k, 3)
    away = points[:, None] - corners  # (n, k, 3)
    turns = sides[:, 0] * away[..., 2] - sides[:, 2] * away[..., 0]
    return (turns >= 0).all(axis=1) | (turns <= 0).all(axis=1)


def scenery(
    rng: np.random.Generator, view: EmptyView, strangers: Sequence[Stranger], count: int, t: float
) -> list[Solid]:
    """Things on the ground, `count` of them, where nobody stands; some move with `t`."""
    found = []
    for position in positions(rng, view, count, [stranger.position for stranger in strangers]):
        make, nearest_m = props.SCENERY[int(rng.integers(len(props.SCENERY)))]
        away = float(np.linalg.norm(position))
        position = position * max(1.0, nearest_m / max(away, 0.1))
        turn, speed = rotation(UP, rng.uniform(0, 2 * np.pi)), rng.uniform(0.3, 4) * (rng.random() < 0.5)
        moves = make in (props.car, props.animal, props.litter)
        way = turn @ np.array([1, 0, 0]) * speed * t * moves
        found += [solid.moved(turn, position + way) for solid in make(rng)]
    return found
