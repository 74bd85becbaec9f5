"""Invented hands: a pattern says where they are, a Crowd who is there when. The same seed gives the same hands."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from handflow.messages import Hands, State

from .gestures import GESTURES, TURN_S, GesturePose

SIZE = (1280, 720)
OPEN_AT = 0.6
DWELL_S = 1.0
STEP_S = 1e-3  # over which velocities are taken
ROOM, BETWEEN = 18.0, 2.8  # sizes: for a person who makes gestures, and from one hand to the other
RADIUS = 0.03  # of the width


class SimulatedHand(NamedTuple):
    """A hand of a pattern at a time: place and velocity per second; None: as any hand."""

    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    open: float | None = None
    radius: float = RADIUS


@dataclass
class Life:
    """One invented hand."""

    id: int
    seat: int  # 0, 1, 2...: which of the pattern's motions it has
    born_s: float
    dies_s: float = math.inf
    reported: bool = False
    zone: int = -1
    zone_since_s: float = 0.0


def still(seat: int, hands: int, at_s: float) -> SimulatedHand:
    """On a grid, at rest."""
    columns = math.ceil(math.sqrt(hands * SIZE[0] / SIZE[1]))
    rows = math.ceil(hands / columns)
    return SimulatedHand((seat % columns + 0.5) / columns, (seat // columns + 0.5) / rows)


def circle(seat: int, hands: int, at_s: float) -> SimulatedHand:
    """Round the middle, a turn in eight seconds."""
    turn = math.tau / 8
    angle = turn * at_s + math.tau * seat / hands
    x, y = 0.25 * math.cos(angle), 0.4 * math.sin(angle)
    return SimulatedHand(0.5 + x, 0.5 + y, -0.25 * turn * math.sin(angle), 0.4 * turn * math.cos(angle))


def crowd(seat: int, hands: int, at_s: float) -> SimulatedHand:
    """Each waves about a point of its own."""
    x, y, *_ = still(seat, hands, 0)
    wide, high = 0.6 / math.sqrt(hands + 3), 0.8 / math.sqrt(hands + 3)
    fast, slow = 3.0 + seat % 5, 1.1 + 0.3 * (seat % 7)
    return SimulatedHand(
        x + wide * math.sin(slow * at_s + seat),
        y + high * math.sin(fast * at_s + 2 * seat) / 2,
        wide * slow * math.cos(slow * at_s + seat),
        high * fast * math.cos(fast * at_s + 2 * seat) / 2,
    )


def making(name: str | None) -> Callable[[int, int, float], SimulatedHand]:
    """A pattern of people who make one gesture again and again, or each in its turn. Two hands are one person's."""

    def motion(seat: int, hands: int, at_s: float) -> SimulatedHand:
        alone = name is not None and GESTURES[name].hands == 1
        person, hand = (seat, 0) if alone else divmod(seat, 2)
        people = hands if alone else (hands + 1) // 2
        # The next one begins a little later.
        turn, time_s = divmod(at_s + (TURN_S - 0.5) * person, TURN_S)
        gesture = GESTURES[name or list(GESTURES)[(int(turn) + person) % len(GESTURES)]]
        columns = math.ceil(math.sqrt(people * SIZE[0] / SIZE[1]))
        # As large as there is room for what they do, and so far apart that nobody is another's hand.
        size = 1 / columns / ROOM
        seat_x, seat_y, *_ = still(person, people, 0)

        def place(time_s: float) -> tuple[float, float, GesturePose]:
            pose = gesture.pose(hand, time_s) if hand < gesture.hands else GesturePose()
            apart = 0.0 if alone else (hand - 0.5) * BETWEEN
            return seat_x + (apart + pose.x) * size, seat_y + (pose.y + 1) * size * SIZE[0] / SIZE[1], pose

        now_x, now_y, pose = place(time_s)
        before_x, before_y, _ = place(time_s - 0.01)
        return SimulatedHand(
            now_x, now_y, (now_x - before_x) * 100, (now_y - before_y) * 100, pose.open, pose.size * size / 2
        )

    return motion


@dataclass(frozen=True)
class Pattern:
    """Where hands are, and how long one lives: seconds from, to; None: as long as it runs."""

    motion: Callable[[int, int, float], SimulatedHand]
    lives_s: tuple[float, float] | None
    pause_s: float = 0.0  # at most, until its seat is taken again
    help: str = ""


PATTERNS = {
    "still": Pattern(still, None, help="a grid of hands at rest"),
    "circle": Pattern(circle, None, help="round the middle"),
    "crowd": Pattern(crowd, None, help="everybody waves"),
    "gestures": Pattern(making(None), None, help="each makes every gesture in its turn"),
    "storm": Pattern(crowd, (0.05, 0.8), 0.8, "hands come and go all the time"),
    "churn": Pattern(still, (0.1, 0.5), 0.0, "hands at rest that get a new id again and again"),
    **{name: Pattern(making(name), None) for name in GESTURES},
}


class Crowd:
    """Who is there: `hands` seats, each with one life after the other."""

    def __init__(self, pattern: str, hands: int, seed: int = 0, zones: bool = False) -> None:
        self.pattern, self.seats = PATTERNS[pattern], hands
        self.zones = ["left", "right"] if zones else []
        self._random = random.Random(seed)
        self._last_id = 0
        self._lives: list[Life] = []
        self._due = [0.0] * hands  # when a seat is taken again
        if self.pattern.pause_s:
            self._due = [self._random.uniform(0, self.pattern.pause_s) for _ in range(hands)]

    def at(self, at_s: float) -> Hands:
        """The hands at a time, in seconds since the start; times must not go back."""
        leaving = [life for life in self._lives if life.dies_s <= at_s]
        self._lives = [life for life in self._lives if life.dies_s > at_s]
        for life in leaving:
            self._due[life.seat] = at_s + self._random.uniform(0, self.pattern.pause_s)
        taken = {life.seat for life in self._lives}
        for seat, due_s in enumerate(self._due):
            if seat not in taken and due_s <= at_s:
                self._last_id += 1
                lasts_s = self._random.uniform(*self.pattern.lives_s) if self.pattern.lives_s else math.inf
                self._lives.append(Life(self._last_id, seat, at_s, at_s + lasts_s))
        return self._message(self._lives, leaving, at_s)

    def _message(self, alive: list[Life], leaving: list[Life], at_s: float) -> Hands:
        lives = [*alive, *leaving]
        poses = [self.pattern.motion(life.seat, self.seats, at_s) for life in lives]
        motions = np.array([pose[:4] for pose in poses]).reshape(-1, 4)
        states = [State.TRACKED if life.reported else State.NEW for life in alive] + [State.LEAVING] * len(leaving)
        for life, (x, *_) in zip(alive, motions.tolist(), strict=False):
            zone = int(x >= 0.5) if self.zones else -1
            if not life.reported or zone != life.zone:
                life.zone, life.zone_since_s = zone, at_s
            life.reported = True
        swinging = [0.5 + 0.5 * math.sin(1.7 * at_s + life.seat) for life in lives]
        opened = np.array(
            [any_ if pose.open is None else pose.open for pose, any_ in zip(poses, swinging, strict=True)]
        )
        in_zone_s = [at_s - life.zone_since_s if life.zone >= 0 else 0.0 for life in lives]
        return Hands(
            id=np.array([life.id for life in lives]),
            state=np.array(states, np.int32),
            xy=motions[:, :2],
            velocity=motions[:, 2:],
            radius=np.array([pose.radius for pose in poses]),
            score=np.full(len(lives), 0.9),
            open=opened,
            is_open=opened > OPEN_AT,
            age=np.array([at_s - life.born_s for life in lives]),
            zone=np.array([life.zone for life in lives], np.int32),
            zone_s=np.array(in_zone_s),
            dwelt=np.array(in_zone_s) >= DWELL_S,
            zones=self.zones,
            width=SIZE[0],
            height=SIZE[1],
        )
