"""A crowd of invented people, and what a far tracker says of it. Lengths are in hand sizes.

`Crowd` has a place (x, y), a size factor and an openness for each person's hands at 60 ticks a second. `Stage` is one
in the making: gesture_paths.py and everyday_paths.py move it. `frames` sees a crowd as a far tracker does: off by 3
pixels, a tenth missing, ids lost and given anew, at any frame rate.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from handflow import Hands

HZ = 60
CLIP_S = 6.0
APART = 60.0  # sizes between people: nobody is another's hand
WIDTH, HEIGHT = 1280, 720
NOISE_PX, MISSING, SWITCH_HZ = 3.0, 0.1, 0.05


@dataclass
class Crowd:
    """(people, hands, ticks, ...); `begins_s` and `ends_s` of each one's gesture, `turn_s` of a wave's second turn."""

    xy: np.ndarray
    size: np.ndarray
    open: np.ndarray
    begins_s: np.ndarray
    ends_s: np.ndarray
    turn_s: np.ndarray | None = None


def smooth(part: np.ndarray) -> np.ndarray:
    """How far a hand is on its way, at a part of its time: the least jerk (Flash and Hogan 1985)."""
    t = np.clip(part, 0, 1)
    return t**3 * (10 - 15 * t + 6 * t**2)


def ramp(t: np.ndarray, begins_s: np.ndarray, lasts_s: np.ndarray) -> np.ndarray:
    """(people, ticks) 0 before, 1 after."""
    return smooth((t - begins_s[:, None]) / lasts_s[:, None])


def slow(rng: np.random.Generator, shape: tuple[int, ...], ticks: int, hz: float = 0.4) -> np.ndarray:
    """(*shape, ticks) slow noise of deviation 1."""
    t = np.arange(ticks) / HZ
    total = np.zeros((*shape, ticks))
    for _ in range(6):
        f, phase = rng.uniform(0.1, 1, (*shape, 1)) * hz, rng.uniform(0, 2 * np.pi, (*shape, 1))
        total += np.sin(2 * np.pi * f * t + phase)
    return total / np.sqrt(3)


class Stage:
    """A crowd in the making: standing still, swaying a little, palms half to the camera."""

    def __init__(self, rng: np.random.Generator, people: int, hands: int = 1, seconds: float = CLIP_S) -> None:
        self.rng, self.people = rng, people
        self.t = np.arange(round(seconds * HZ)) / HZ
        ticks = len(self.t)
        self.xy = np.stack([0.12 * slow(rng, (people, 1), ticks) * np.ones((1, hands, 1)) for _ in range(2)], axis=3)
        self.size, self.open = np.ones((people, hands, ticks)), np.full((people, hands, ticks), 0.4)
        self.begins_s, self.ends_s = self.draw(1.2, 1.6), np.full(people, seconds)
        if hands == 2:
            self.xy[:, 0, :, 0] -= (gap := self.draw(2.4, 3.2)[:, None] / 2)
            self.xy[:, 1, :, 0] += gap

    def draw(self, low: float, high: float) -> np.ndarray:
        return self.rng.uniform(low, high, self.people)

    def crowd(self, turn_s: np.ndarray | None = None) -> Crowd:
        return Crowd(self.xy, self.size, self.open, self.begins_s, self.ends_s, turn_s)


def frames(crowd: Crowd, seed: int, fps: float = 30.0, noisy: bool = True) -> Iterator[Hands]:
    """What a far tracker says of a crowd. Ids tell whose hand it is: `person_of(id)`."""
    rng = np.random.default_rng(seed)
    people, hands, ticks = crowd.open.shape
    count = people * hands
    size = np.repeat(np.exp(rng.uniform(np.log(20), np.log(120), people)), hands) / WIDTH
    base = np.repeat(np.arange(people) * APART, hands) * size.max()
    xy, factor = crowd.xy.reshape(count, ticks, 2), crowd.size.reshape(count, ticks)
    opened = crowd.open.reshape(count, ticks)
    absent = np.isnan(xy[:, 0, 0])
    ids, lives = np.arange(1, count + 1), np.zeros(count, int)
    grown, palm = np.zeros(count), opened[:, 0].copy()
    share = 1 - np.exp(-1 / fps / 0.15)  # as tracker.py smooths sizes and openness
    for number in range(int(ticks / HZ * fps)):
        at = min(int(number / fps * HZ), ticks - 1)
        there = np.ones(count, bool)
        place = xy[:, at] * size[:, None]
        noise = rng.normal(0, 1, (count, 4))
        grown += (np.log(factor[:, at]) + noisy * 0.05 * noise[:, 2] - grown) * (share if number else 1)
        palm += (opened[:, at] + noisy * 0.1 * noise[:, 3] - palm) * share
        if noisy:
            place = place + noise[:, :2] * NOISE_PX / WIDTH
            there = rng.random(count) >= MISSING
            lives += rng.random(count) < SWITCH_HZ / fps
        rows = np.flatnonzero(there & ~absent)
        yield Hands(
            id=(ids + lives * count)[rows],
            state=np.ones(len(rows), np.int32),
            xy=np.stack([place[rows, 0] + base[rows], place[rows, 1] * WIDTH / HEIGHT], axis=1),
            velocity=np.zeros((len(rows), 2)),
            radius=size[rows] / 2 * np.exp(grown[rows]),
            score=np.full(len(rows), 0.8),
            open=np.clip(palm[rows], 0, 1),
            is_open=palm[rows] > 0.5,
            age=np.zeros(len(rows)),
            width=WIDTH,
            height=HEIGHT,
            stream=1,
            seq=number + 1,
            captured_ns=1_000_000_000 + round(number / fps * 1e9),
        )


def together(crowds: list[Crowd]) -> Crowd:
    """All people of several crowds; who has one hand lacks the other."""

    def both(of: np.ndarray) -> np.ndarray:
        return np.concatenate([of, np.full_like(of, np.nan)], axis=1) if of.shape[1] == 1 else of

    columns = ("xy", "size", "open")
    joined = {name: np.concatenate([both(getattr(crowd, name)) for crowd in crowds]) for name in columns}
    times = {name: np.concatenate([getattr(crowd, name) for crowd in crowds]) for name in ("begins_s", "ends_s")}
    turns = [crowd.ends_s if crowd.turn_s is None else crowd.turn_s for crowd in crowds]
    return Crowd(**joined, **times, turn_s=np.concatenate(turns))


def person_of(id_: int, crowd: Crowd) -> int:
    people, hands, _ = crowd.open.shape
    return (id_ - 1) % (people * hands) // hands
