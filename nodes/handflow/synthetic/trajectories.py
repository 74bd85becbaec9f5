"""Where drawn hands go: a position, 0..1 of width and height, for every moment."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from .background import Person

# Where a hand's centre is at a time, 0..1 of width and height.
Trajectory = Callable[[float], tuple[float, float]]
SLOT_S = 1.7  # a hand moves, rests and moves again


class RandomTrajectory:
    """A hand's way through a scene: it moves somewhere, rests, moves on, and drops out of sight at times."""

    def __init__(self, seed: int, number: int, person: Person, side: int, aspect: float) -> None:
        self.seed, self.number, self.person, self.side, self.aspect = seed, number, person, side, aspect
        # Asked for at each frame; the same for 50 frames.
        self.waypoint = lru_cache(maxsize=8)(self._waypoint)

    def _waypoint(self, slot: int) -> tuple[float, float, float]:
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
        (x0, y0, _), (x1, y1, _) = self.waypoint(slot - 1), self.waypoint(slot)
        return x0 + (x1 - x0) * done, y0 + (y1 - y0) * done

    def curl(self, t: float) -> float:
        """How far it is closed at `t`: 0 open, 1 a fist."""
        slot, done = self.share(t + 0.5, 0.25)
        before, after = self.waypoint(slot - 1)[2], self.waypoint(slot)[2]
        return before + (after - before) * done


def crossing(rng: np.random.Generator, aspect: float = 9 / 16) -> tuple[Trajectory, Trajectory]:
    """Two hands at 0.3 to 1 width/s that meet after 1 s, nearly at one point, and go on, straight but for a bend."""
    middle = np.array([0.5, 0.5 * aspect])
    heading = rng.uniform(0, 2 * np.pi)
    paths = []
    for angle in (heading, heading + rng.uniform(np.pi / 4, np.pi) * rng.choice([-1, 1])):
        ahead = np.array([np.cos(angle), np.sin(angle)])
        speed, bend, miss = rng.uniform(0.3, 1.0), rng.uniform(-0.3, 0.3), rng.uniform(-0.02, 0.02)
        aside = np.array([-ahead[1], ahead[0]])
        paths.append(curved(middle + aside * miss, ahead * speed, aside * bend * speed, aspect))
    return paths[0], paths[1]


def curved(position: np.ndarray, velocity: np.ndarray, bend: np.ndarray, aspect: float) -> Trajectory:
    """A path through `position` at 1 s; everything in widths."""

    def path(t: float) -> tuple[float, float]:
        x, y = position + velocity * (t - 1) + bend * (t - 1) ** 2
        return float(x), float(y) / aspect

    return path
