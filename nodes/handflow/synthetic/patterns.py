"""Invented hands: a pattern says where they are, a Crowd who is there when. The same seed gives the same hands."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handflow.messages import Hands, State

SIZE = (1280, 720)
OPEN_AT = 0.6
DWELL_S = 1.0
# x, y, and their velocity per second.
Motion = tuple[float, float, float, float]


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


def still(seat: int, hands: int, at_s: float) -> Motion:
    """On a grid, at rest."""
    columns = math.ceil(math.sqrt(hands * SIZE[0] / SIZE[1]))
    rows = math.ceil(hands / columns)
    return (seat % columns + 0.5) / columns, (seat // columns + 0.5) / rows, 0.0, 0.0


def circle(seat: int, hands: int, at_s: float) -> Motion:
    """Round the middle, a turn in eight seconds."""
    turn = math.tau / 8
    angle = turn * at_s + math.tau * seat / hands
    x, y = 0.25 * math.cos(angle), 0.4 * math.sin(angle)
    return 0.5 + x, 0.5 + y, -0.25 * turn * math.sin(angle), 0.4 * turn * math.cos(angle)


def crowd(seat: int, hands: int, at_s: float) -> Motion:
    """Each waves about a point of its own."""
    x, y, _, _ = still(seat, hands, 0)
    wide, high = 0.6 / math.sqrt(hands + 3), 0.8 / math.sqrt(hands + 3)
    fast, slow = 3.0 + seat % 5, 1.1 + 0.3 * (seat % 7)
    return (
        x + wide * math.sin(slow * at_s + seat),
        y + high * math.sin(fast * at_s + 2 * seat) / 2,
        wide * slow * math.cos(slow * at_s + seat),
        high * fast * math.cos(fast * at_s + 2 * seat) / 2,
    )


def wave(seat: int, hands: int, at_s: float) -> Motion:
    """In its place, waving for three seconds of five; the next one begins half a second later."""
    x, y, _, _ = still(seat, hands, 0)
    time_s = (at_s + 4.5 * seat) % 5 - 1
    if not 0 <= time_s < 3:
        return x, y, 0.0, 0.0
    turn, wide = math.tau * 1.5, 0.07
    return x + wide * math.sin(turn * time_s), y, wide * turn * math.cos(turn * time_s), 0.0


@dataclass(frozen=True)
class Pattern:
    """Where hands are, and how long one lives: seconds from, to; None: as long as it runs."""

    motion: Callable[[int, int, float], Motion]
    lives_s: tuple[float, float] | None
    pause_s: float = 0.0  # at most, until its seat is taken again
    help: str = ""


PATTERNS = {
    "still": Pattern(still, None, help="a grid of hands at rest"),
    "circle": Pattern(circle, None, help="round the middle"),
    "crowd": Pattern(crowd, None, help="everybody waves"),
    "wave": Pattern(wave, None, help="each waves in its place, and rests; told as a gesture as well"),
    "storm": Pattern(crowd, (0.05, 0.8), 0.8, "hands come and go all the time"),
    "churn": Pattern(still, (0.1, 0.5), 0.0, "hands at rest that get a new id again and again"),
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
        motions = np.array([self.pattern.motion(life.seat, self.seats, at_s) for life in lives]).reshape(-1, 4)
        states = [State.TRACKED if life.reported else State.NEW for life in alive] + [State.LEAVING] * len(leaving)
        for life, (x, *_) in zip(alive, motions.tolist(), strict=False):
            zone = int(x >= 0.5) if self.zones else -1
            if not life.reported or zone != life.zone:
                life.zone, life.zone_since_s = zone, at_s
            life.reported = True
        opened = np.array([0.5 + 0.5 * math.sin(1.7 * at_s + life.seat) for life in lives])
        in_zone_s = [at_s - life.zone_since_s if life.zone >= 0 else 0.0 for life in lives]
        return Hands(
            id=np.array([life.id for life in lives]),
            state=np.array(states, np.int32),
            xy=motions[:, :2],
            velocity=motions[:, 2:],
            radius=np.full(len(lives), 0.03),
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
