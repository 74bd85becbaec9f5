"""A scene of drawn hands that move, open, close, leave and return; the truth is known.

A Scene depends on its seed and the time only, so tests and training may ask it for any moment at any frame rate.
"""

import itertools
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from .background import Arm, Background, Person
from .hand_model import PIXELS, solid
from .sprites import painted, stamp
from .trajectories import RandomTrajectory, Trajectory

CURLS = 6  # steps from open to closed: it takes 0.25 s, 8 frames at 30 fps


class Truth(NamedTuple):
    """The hands of one moment as one would label them; a row for each hand of the scene, in sight or not."""

    id: np.ndarray  # (n,) int
    xy: np.ndarray  # (n, 2) the middle of the hand's box, 0..1 of width and height
    radius: np.ndarray  # (n,) half the box's longer side, 0..1 of the width
    open: np.ndarray  # (n,) 0..1, an open palm facing the camera
    visible: np.ndarray  # (n,) bool: the middle lies in the picture


class Hand(NamedTuple):
    """What stays the same about a drawn hand."""

    path: Trajectory
    curl: Callable[[float], float]
    length: float  # wrist to fingertip, 0..1 of the width
    side: int  # 1: thumb to the right of the picture when the fingers point up
    back: bool
    person: Person


class Pose(NamedTuple):
    """A hand at one moment. `turn` maps hand lengths (x, y up) to the picture's (x, y down)."""

    xy: tuple[float, float]
    curl: float
    turn: np.ndarray  # (2, 2)
    middle: np.ndarray  # (2,) of the box, from the wrist, hand lengths in the picture's directions
    radius: float  # 0..1 of the width


class Scene:
    """Hands before a room. `paths` says where each hand's centre is; `picture` (BGR) stands in for the room."""

    def __init__(
        self,
        seed: int = 0,
        hands: int = 3,
        size: tuple[int, int] = (1280, 720),
        paths: list[Trajectory] | None = None,
        picture: np.ndarray | None = None,
    ) -> None:
        self.seed, self.width, self.height = seed, *size
        rng = np.random.default_rng([seed, hands])
        people = [Person.random(rng, position, -(-hands // 2)) for position in range(-(-hands // 2))]
        self.hands = []
        for number in range(hands):
            person = people[number // 2]
            side = -1 if number % 2 else 1
            trajectory = RandomTrajectory(seed, number, person, side, size[0] / size[1])
            path = trajectory.path if paths is None else paths[number]
            self.hands.append(Hand(path, trajectory.curl, person.length, side, number % 4 == 3, person))
        self.background = Background(rng, people, size, picture)

    def truth(self, t: float) -> Truth:
        """Where the hands are at `t` seconds."""
        poses = [self.pose(hand, t) for hand in self.hands]
        xy = np.array([pose.xy for pose in poses]).reshape(-1, 2)
        open_ = [
            0.0 if hand.back else float(np.clip(1.25 - 2.5 * p.curl, 0, 1))
            for hand, p in zip(self.hands, poses, strict=True)
        ]
        inside = (xy > 0) & (xy < 1)  # (n, 2)
        return Truth(
            np.arange(1, len(xy) + 1),
            xy,
            np.array([pose.radius for pose in poses]),
            np.array(open_),
            inside[:, 0] & inside[:, 1],
        )

    def paint(self) -> None:
        """Paints every hand in every pose, so that no frame has to wait for it: 0.5 s for three hands."""
        for hand, curl in itertools.product(self.hands, range(CURLS + 1)):
            painted(curl / CURLS, hand.back, hand.person.skin, hand.person.cloth)

    def draw(self, t: float, out: np.ndarray) -> None:
        """Draws the moment `t` into `out` (height, width, 3) uint8, BGR."""
        poses = [(hand, self.pose(hand, t)) for hand in sorted(self.hands, key=lambda hand: hand.length)]
        self.background.draw(t, [self.arm(hand, pose) for hand, pose in poses], out)
        for hand, pose in poses:
            sprites = painted(pose.curl, hand.back, hand.person.skin, hand.person.cloth)
            stamp(sprites, self.placement(hand, pose, sprites[0].corner), out)

    def pose(self, hand: Hand, t: float) -> Pose:
        """How `hand` is held at `t`: it points away from the shoulder."""
        x, y = hand.path(t)
        curl = round(hand.curl(t) * CURLS) / CURLS
        shoulder_x, shoulder_y = hand.person.shoulder(hand.side, self.width / self.height)
        lean = 0.7 * np.arctan2(x - shoulder_x, max(shoulder_y - y + 0.3, 0.2)) + 0.12 * np.sin(0.9 * t + hand.side)
        cos, sin = np.cos(lean), np.sin(lean)
        turn = np.array([[cos * hand.side, sin], [sin * hand.side, -cos]])
        balls = outline(curl)
        positions = balls[:, :2] @ turn.T
        low, high = (positions - balls[:, 2:]).min(axis=0), (positions + balls[:, 2:]).max(axis=0)
        return Pose((x, y), curl, turn, (low + high) / 2, float((high - low).max()) / 2 * hand.length)

    def placement(self, hand: Hand, pose: Pose, corner: tuple[float, float]) -> np.ndarray:
        """The affine map (2, 3) from the pixels of a sprite with this `corner` to the picture's."""
        scale = hand.length * self.width
        wrist = np.array(pose.xy) * [self.width, self.height] - pose.middle * scale
        linear = pose.turn * [1, -1] * scale / PIXELS
        first = wrist + pose.turn @ [corner[0] + 0.5 / PIXELS, corner[1] - 0.5 / PIXELS] * scale - 0.5
        return np.hstack([linear, first[:, None]])

    def arm(self, hand: Hand, pose: Pose) -> Arm:
        """The upper arm that the sleeve in the sprite goes on into, 0..1 of the width."""
        wrist = np.array(pose.xy) * [1, self.height / self.width] - pose.middle * hand.length
        elbow = wrist + pose.turn @ [0, -1.2] * hand.length
        start = wrist + pose.turn @ [0, -0.75] * hand.length
        shoulder_x, shoulder_y = hand.person.shoulder(hand.side, self.width / self.height)
        return Arm(hand.person, start, elbow, np.array([shoulder_x, shoulder_y * self.height / self.width]))


@cache
def outline(curl: float) -> np.ndarray:
    """The balls (n, 3) that can touch a hand's box: x, y, radius in hand lengths."""
    return solid(curl)[:, [0, 1, 3]]
