"""What a drawn scene's hands are in front of: a room out of focus, lamps, people with faces and sleeves."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

SKINS = ((150, 185, 232), (140, 172, 226), (112, 150, 208), (88, 124, 184), (62, 92, 142), (46, 66, 108))  # BGR
SHIFT = 4  # OpenCV draws at 1/16 pixel: whole pixels would jump
COARSE = 4  # the room is drawn this much smaller: it is out of focus, and costs a sixteenth


class Person(NamedTuple):
    """Whose hands they are. `x`, `y`: between the shoulders, 0..1 of width and height."""

    x: float
    y: float
    length: float  # of a hand, 0..1 of the picture's width
    skin: tuple[int, int, int]
    cloth: tuple[int, int, int]
    hair: tuple[int, int, int]

    @classmethod
    def random(cls, rng: np.random.Generator, seat: int, seats: int) -> "Person":
        """The person in `seat` of `seats` side by side; the more, the farther away."""
        length = rng.uniform(0.10, 0.135) * min(1, (2.5 / seats) ** 0.7)
        cloth, hair = rng.integers(25, 150, 3), rng.integers(10, 60)
        return cls(
            x=(seat + 0.5) / seats + rng.uniform(-0.03, 0.03),
            y=rng.uniform(0.60, 0.68),
            length=length,
            skin=SKINS[rng.integers(len(SKINS))],
            cloth=(int(cloth[0]), int(cloth[1]), int(cloth[2])),
            hair=(int(hair), int(hair * 1.2), int(hair * 1.6)),
        )

    def shoulder(self, side: int, aspect: float) -> tuple[float, float]:
        """Where the arm with the thumb on `side` begins, 0..1 of width and height."""
        return self.x - side * 0.85 * self.length, self.y + 0.15 * self.length * aspect


class Arm(NamedTuple):
    """An upper arm; positions (2,) are 0..1 of the width, in both directions."""

    person: Person
    start: np.ndarray
    elbow: np.ndarray
    shoulder: np.ndarray


class Background:
    """The room with its people. `picture`, if given, stands in for all of it."""

    def __init__(
        self, rng: np.random.Generator, people: list[Person], size: tuple[int, int], picture: np.ndarray | None
    ) -> None:
        self.size, self.people = size, people
        self.picture = None if picture is None else cv2.resize(picture, size)
        self.width, self.height = size[0] // COARSE, size[1] // COARSE
        tones = rng.uniform(30, 190, (3, 4, 1)) + rng.uniform(-28, 28, (3, 4, 3))
        room = cv2.resize(tones.astype(np.float32), (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        self.room = np.clip(room, 0, 255).astype(np.uint8)
        self.shapes = [rng.uniform(0, 1, 9) for _ in range(9)]

    def draw(self, t: float, arms: list[Arm], out: np.ndarray) -> None:
        """Fills `out` (height, width, 3) with the room at `t` seconds."""
        if self.picture is not None:
            np.copyto(out, self.picture)
            return
        room = self.room.copy()
        for number, shape in enumerate(self.shapes):
            self.shape(room, shape, t, lamp=number > 5)
        for person in self.people:
            self.person(room, person, t)
        for arm in arms:
            self.arm(room, arm)
        cv2.resize(cv2.GaussianBlur(room, (0, 0), 1.6), self.size, dst=out, interpolation=cv2.INTER_LINEAR)

    def shape(self, room: np.ndarray, shape: np.ndarray, t: float, lamp: bool) -> None:
        """Something in the room that drifts slowly: furniture, or a lamp."""
        x, y = (
            shape[0] + 0.12 * np.sin(0.23 * t + 6 * shape[2]),
            shape[1] * (0.3 if lamp else 1) + 0.03 * np.sin(0.31 * t),
        )
        reach = (
            (0.008 + 0.02 * shape[3], 0.008 + 0.02 * shape[3])
            if lamp
            else (0.05 + 0.2 * shape[3], 0.05 + 0.25 * shape[4])
        )
        colour = 215 + 40 * shape[5:8] if lamp else 25 + 150 * shape[8] + 40 * (shape[5:8] - 0.5)
        self.ellipse(room, (x, y * self.height / self.width), reach, colour.tolist())

    def person(self, room: np.ndarray, person: Person, t: float) -> None:
        """Shoulders and a head that nods a little; a face is what hands are most often taken for."""
        size, squeeze = person.length, self.height / self.width
        x, y = person.x + 0.05 * size * np.sin(0.7 * t + 9 * person.x), person.y * squeeze
        dark = [channel * 0.8 for channel in person.cloth]
        self.ellipse(room, (x, y + 1.9 * size), (1.15 * size, 2.1 * size), dark)
        self.ellipse(room, (x, y - 0.15 * size), (0.27 * size, 0.45 * size), [channel * 0.7 for channel in person.skin])
        self.ellipse(room, (x, y - 0.82 * size), (0.48 * size, 0.62 * size), person.hair)
        self.ellipse(room, (x, y - 0.70 * size), (0.40 * size, 0.54 * size), [channel * 0.9 for channel in person.skin])
        for side in (-1, 1):
            self.ellipse(room, (x + side * 0.16 * size, y - 0.78 * size), (0.075 * size, 0.045 * size), (30, 30, 40))
        self.ellipse(room, (x, y - 0.42 * size), (0.15 * size, 0.04 * size), (70, 70, 140))

    def arm(self, room: np.ndarray, arm: Arm) -> None:
        """A sleeve from where the sprite's fades out, over the elbow, to the shoulder: dark, with a lighter middle."""
        points = np.array([arm.start, arm.elbow, arm.shoulder]) * self.width * 2**SHIFT
        for thickness, light in ((0.40, 0.55), (0.30, 0.75), (0.18, 0.9)):
            pixels = max(round(thickness * arm.person.length * self.width), 1)
            colour = [channel * light for channel in arm.person.cloth]
            cv2.polylines(room, [points.astype(np.int32)], False, colour, pixels, cv2.LINE_AA, SHIFT)

    def ellipse(
        self, room: np.ndarray, middle: tuple[float, float], reach: tuple[float, float], colour: Sequence[float]
    ) -> None:
        """A filled ellipse; positions and lengths are 0..1 of the width."""
        scale = self.width * 2**SHIFT
        x, y, across, down = (round(float(value * scale)) for value in (*middle, *reach))
        cv2.ellipse(room, (x, y), (across, down), 0, 0, 360, colour, cv2.FILLED, cv2.LINE_AA, SHIFT)
