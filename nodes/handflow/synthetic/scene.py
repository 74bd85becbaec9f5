"""A scene of drawn hands that move, open, close, leave and return; the truth is known.

A Scene depends on its seed and the time only, so tests and training may ask it for any moment at any frame rate.
"""

import itertools
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from handflow.synthetic.background import Arm, Backdrop, Person
from handflow.synthetic.hand_model import PIXELS, Sprite, paint, solid

Path = Callable[[float], tuple[float, float]]  # where a hand's centre is at a time: 0..1 of width and height


CURLS = 6  # steps from open to closed: it takes 0.25 s, 8 frames at 30 fps


SLOT_S = 1.7  # a hand moves, rests and moves again


class Truth(NamedTuple):
    """The hands of one moment as one would label them; a row for each hand of the scene, in sight or not."""

    id: np.ndarray  # (n,) int
    xy: np.ndarray  # (n, 2) the middle of the hand's box, 0..1 of width and height
    radius: np.ndarray  # (n,) half the box's longer side, 0..1 of the width
    open: np.ndarray  # (n,) 0..1, an open palm facing the camera
    visible: np.ndarray  # (n,) bool: the middle lies in the picture


class Hand(NamedTuple):
    """What stays the same about a drawn hand."""

    path: Path
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
        paths: list[Path] | None = None,
        picture: np.ndarray | None = None,
    ) -> None:
        self.seed, self.width, self.height = seed, *size
        rng = np.random.default_rng([seed, hands])
        people = [Person.random(rng, place, -(-hands // 2)) for place in range(-(-hands // 2))]
        self.hands = []
        for number in range(hands):
            person = people[number // 2]
            side = -1 if number % 2 else 1
            wander = Wander(seed, number, person, side, size[0] / size[1])
            path = wander.path if paths is None else paths[number]
            self.hands.append(Hand(path, wander.curl, person.length, side, number % 4 == 3, person))
        self.backdrop = Backdrop(rng, people, size, picture)

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
        self.backdrop.draw(t, [self.arm(hand, pose) for hand, pose in poses], out)
        for hand, pose in poses:
            sprites = painted(pose.curl, hand.back, hand.person.skin, hand.person.cloth)
            stamp(sprites, self.placing(hand, pose, sprites[0].corner), out)

    def pose(self, hand: Hand, t: float) -> Pose:
        """How `hand` is held at `t`: it points away from the shoulder."""
        x, y = hand.path(t)
        curl = round(hand.curl(t) * CURLS) / CURLS
        shoulder_x, shoulder_y = hand.person.shoulder(hand.side, self.width / self.height)
        lean = 0.7 * np.arctan2(x - shoulder_x, max(shoulder_y - y + 0.3, 0.2)) + 0.12 * np.sin(0.9 * t + hand.side)
        cos, sin = np.cos(lean), np.sin(lean)
        turn = np.array([[cos * hand.side, sin], [sin * hand.side, -cos]])
        balls = outline(curl)
        places = balls[:, :2] @ turn.T
        low, high = (places - balls[:, 2:]).min(axis=0), (places + balls[:, 2:]).max(axis=0)
        return Pose((x, y), curl, turn, (low + high) / 2, float((high - low).max()) / 2 * hand.length)

    def placing(self, hand: Hand, pose: Pose, corner: tuple[float, float]) -> np.ndarray:
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


class Wander:
    """A hand's way through a scene: it moves to a place, rests, moves on, and drops out of sight at times."""

    def __init__(self, seed: int, number: int, person: Person, side: int, aspect: float) -> None:
        self.seed, self.number, self.person, self.side, self.aspect = seed, number, person, side, aspect
        self.stop = lru_cache(maxsize=8)(self._stop)  # asked for at each frame; the same for 50 frames

    def _stop(self, slot: int) -> tuple[float, float, float]:
        """Where the hand goes in this slot, and whether it is a fist then (1) or open (0)."""
        rng = np.random.default_rng([self.seed, self.number, slot + 1000])
        away = slot % 9 == (3 + 4 * self.number) % 9
        across, up = self.person.length * (rng.uniform(-1.7, 1.7) - 0.7 * self.side), rng.uniform(-0.4, 2.1)
        y = np.clip(self.person.y - up * self.person.length * self.aspect, 0.15, 0.8)
        return float(np.clip(self.person.x + across, 0.08, 0.92)), 1.45 if away else float(y), float(rng.random() < 0.4)

    def share(self, t: float, seconds: float) -> tuple[int, float]:
        """The slot that `t` lies in, and how much of its movement of `seconds` is done: 0..1, with the least jerk."""
        slot, since = divmod(t + 0.61 * self.number, SLOT_S)
        done = min(since / seconds, 1)
        return int(slot), done**3 * (10 - 15 * done + 6 * done**2)  # Flash and Hogan 1985, minimum jerk

    def path(self, t: float) -> tuple[float, float]:
        """Where the hand is at `t`."""
        slot, done = self.share(t, 0.9)
        (x0, y0, _), (x1, y1, _) = self.stop(slot - 1), self.stop(slot)
        return x0 + (x1 - x0) * done, y0 + (y1 - y0) * done

    def curl(self, t: float) -> float:
        """How far it is closed at `t`: 0 open, 1 a fist."""
        slot, done = self.share(t + 0.5, 0.25)
        before, after = self.stop(slot - 1)[2], self.stop(slot)[2]
        return before + (after - before) * done


def crossing(rng: np.random.Generator, aspect: float = 9 / 16) -> tuple[Path, Path]:
    """Two hands at 0.3 to 1 width/s that meet after 1 s, nearly in one place, and go on, straight but for a bend."""
    middle = np.array([0.5, 0.5 * aspect])
    heading = rng.uniform(0, 2 * np.pi)
    paths = []
    for angle in (heading, heading + rng.uniform(np.pi / 4, np.pi) * rng.choice([-1, 1])):
        ahead = np.array([np.cos(angle), np.sin(angle)])
        speed, bend, miss = rng.uniform(0.3, 1.0), rng.uniform(-0.3, 0.3), rng.uniform(-0.02, 0.02)
        aside = np.array([-ahead[1], ahead[0]])
        paths.append(curved(middle + aside * miss, ahead * speed, aside * bend * speed, aspect))
    return paths[0], paths[1]


def curved(place: np.ndarray, velocity: np.ndarray, bend: np.ndarray, aspect: float) -> Path:
    """A path through `place` at 1 s; everything in widths."""

    def path(t: float) -> tuple[float, float]:
        x, y = place + velocity * (t - 1) + bend * (t - 1) ** 2
        return float(x), float(y) / aspect

    return path


@cache
def outline(curl: float) -> np.ndarray:
    """The balls (n, 3) that can touch a hand's box: x, y, radius in hand lengths."""
    return solid(curl)[:, [0, 1, 3]]


@cache
def painted(curl: float, back: bool, skin: tuple[int, int, int], cloth: tuple[int, int, int]) -> list[Sprite]:
    """A sprite in full, half and quarter size: shrinking by more than 2 at once would flicker."""
    sprites = [paint(curl, back, skin, cloth)]
    for _ in range(2):
        colour, cover = (
            cv2.resize(layer, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for layer in sprites[-1][:2]
        )
        sprites.append(Sprite(colour, cover, sprites[0].corner))
    return sprites


def stamp(sprites: list[Sprite], placing: np.ndarray, out: np.ndarray) -> None:
    """Lays a sprite over the picture `out`; `placing` (2, 3) maps its full-size pixels to the picture's."""
    level = int(np.clip(-np.log2(np.linalg.norm(placing[:, 0])), 0, 2))
    rows, columns = sprites[0].cover.shape
    corners = placing @ np.array([[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]])
    left, top = np.maximum(np.floor(corners.min(axis=1)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(axis=1)) + 1, [out.shape[1], out.shape[0]]).astype(int)
    if left >= right or top >= bottom:
        return
    inside = placing - [[0, 0, left], [0, 0, top]]
    inside[:, 2] += inside[:, :2].sum(axis=1) * (2**level - 1) / 2  # pixels are counted from their middles
    inside[:, :2] *= 2**level
    colour = cv2.warpAffine(sprites[level].colour, inside, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    cover = cv2.warpAffine(sprites[level].cover, inside, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    window = out[top:bottom, left:right]
    cv2.blendLinear(window, colour, 1 - cover, cover, dst=window)


class Grain:
    """A camera's noise, drawn once and shifted from frame to frame: drawing it anew would cost 30 ms."""

    def __init__(self, sigma: float, size: tuple[int, int]) -> None:
        shape = (size[1] + 64, size[0] + 64, 3)
        noise = np.random.default_rng(5).standard_normal(shape, np.float32) * sigma
        self.noise = np.clip(np.round(noise) + 128, 0, 255).astype(np.uint8)

    def add(self, t: float, image: np.ndarray) -> None:
        """Adds the noise of the moment `t` to `image`."""
        down, right = np.random.default_rng(round(t * 1000)).integers(0, 64, 2)
        window = self.noise[down : down + image.shape[0], right : right + image.shape[1]]
        cv2.addWeighted(image, 1, window, 1, -128, dst=image)
