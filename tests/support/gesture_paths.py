"""Invented people, many at once: who makes one gesture each, and who makes none. Lengths are in hand sizes.

`Crowd` has a place (x, y), a size factor and an openness for each person's hands at 60 ticks a second; `frames` sees it
as a far tracker does: off by 3 pixels, a tenth missing, ids lost and given anew, at any frame rate.
"""

from collections.abc import Callable, Iterator
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


def wave(rng: np.random.Generator, people: int) -> Crowd:
    stage = Stage(rng, people)
    stage.open[:] = 0.7
    hz, stroke, cycles = stage.draw(1.0, 2.5), stage.draw(2.0, 4.2), stage.draw(2.5, 4.5)
    stage.ends_s = stage.begins_s + cycles / hz
    part = np.clip(stage.t - stage.begins_s[:, None], 0, (cycles / hz)[:, None]) * hz[:, None]
    side = np.sin(2 * np.pi * part) * rng.choice([-1, 1], people)[:, None]
    fade = np.minimum(1, (cycles[:, None] - part) / 0.25)
    stage.xy[:, 0, :, 0] += stroke[:, None] / 2 * side * np.where(cycles[:, None] % 0.5 > 0, fade, 1)
    stage.xy[:, 0, :, 1] += stage.draw(0, 0.12)[:, None] * stroke[:, None] * side**2
    return stage.crowd(stage.begins_s + 0.75 / hz)


def swipe(x: int, y: int) -> Callable[[np.random.Generator, int], Crowd]:
    def make(rng: np.random.Generator, people: int) -> Crowd:
        stage = Stage(rng, people)
        length, lasts = stage.draw(3.3, 6.5), stage.draw(0.22, 0.42)
        stage.ends_s = stage.begins_s + lasts
        back = ramp(stage.t, stage.ends_s + stage.draw(0.3, 0.8), stage.draw(0.7, 1.2))
        along = length[:, None] * (ramp(stage.t, stage.begins_s, lasts) - back)
        tilt = stage.draw(-0.25, 0.25)[:, None]
        bow = stage.draw(-0.08, 0.08)[:, None] * length[:, None] * np.sin(np.pi * ramp(stage.t, stage.begins_s, lasts))
        stage.xy[:, 0, :, 0] += along * (x + tilt * y) + bow * abs(y)
        stage.xy[:, 0, :, 1] += along * (y + tilt * x) + bow * abs(x)
        return stage.crowd()

    return make


def raised(rng: np.random.Generator, people: int, hands: int = 1) -> Crowd:
    stage = Stage(rng, people, hands)
    height, lasts = stage.draw(4.5, 6.5), stage.draw(0.65, 1.2)
    stage.ends_s = stage.begins_s + lasts
    down = ramp(stage.t, stage.ends_s + stage.draw(0.8, 2.0), stage.draw(0.7, 1.2))
    for hand in range(hands):
        up = ramp(stage.t, stage.begins_s + hand * stage.draw(0, 0.25), lasts) - down
        stage.xy[:, hand, :, 1] -= height[:, None] * up
        stage.xy[:, hand, :, 0] += stage.draw(-0.3, 0.3)[:, None] * height[:, None] * up
    return stage.crowd()


def circle(way: int) -> Callable[[np.random.Generator, int], Crowd]:
    def make(rng: np.random.Generator, people: int) -> Crowd:
        stage = Stage(rng, people)
        radius, period, turns = stage.draw(1.0, 3.0), stage.draw(0.7, 1.8), stage.draw(1.5, 3)
        # `way` 1: clockwise, y going down. The end counts from when one turn is complete.
        stage.ends_s = stage.begins_s + turns * period
        part = ramp(stage.t, stage.begins_s, turns * period * 1.0)
        linear = np.clip((stage.t - stage.begins_s[:, None]) / (turns * period)[:, None], 0, 1)
        angle = way * 2 * np.pi * turns[:, None] * (0.8 * linear + 0.2 * part) + stage.draw(0, 2 * np.pi)[:, None]
        oval = stage.draw(0.82, 1.22)[:, None]
        x, y = radius[:, None] * np.cos(angle) * oval, radius[:, None] * np.sin(angle) / oval
        stage.xy[:, 0, :, 0] += x - x[:, :1]
        stage.xy[:, 0, :, 1] += y - y[:, :1]
        return stage.crowd()

    return make


def hold(rng: np.random.Generator, people: int) -> Crowd:
    """A fist that opens and stays."""
    stage = Stage(rng, people)
    opened = ramp(stage.t, stage.begins_s, stage.draw(0.5, 0.6)) - ramp(
        stage.t, stage.begins_s + stage.draw(2.2, 3.5), stage.draw(1.0, 1.2)
    )
    stage.open[:, 0] = 0.15 + 0.7 * opened
    stage.ends_s = stage.begins_s + 2.0
    return stage.crowd()


def push(way: int) -> Callable[[np.random.Generator, int], Crowd]:
    def make(rng: np.random.Generator, people: int) -> Crowd:
        stage = Stage(rng, people)
        stage.begins_s += 0.5
        stage.open[:] = 0.85
        growth, lasts = stage.draw(1.4, 2.0), stage.draw(0.3, 0.6)
        stage.ends_s = stage.begins_s + lasts
        back = ramp(stage.t, stage.ends_s + stage.draw(0.5, 1.0), stage.draw(0.6, 1.0))
        stage.size[:, 0] = growth[:, None] ** (way * (ramp(stage.t, stage.begins_s, lasts) - back))
        stage.xy[:, 0, :, 1] += stage.draw(-0.3, 0.3)[:, None] * (ramp(stage.t, stage.begins_s, lasts) - back)
        return stage.crowd()

    return make


def grab(rng: np.random.Generator, people: int) -> Crowd:
    stage = Stage(rng, people)
    stage.open[:] = 0.85
    lasts = stage.draw(0.15, 0.35)
    stage.ends_s = stage.begins_s + lasts
    again = ramp(stage.t, stage.ends_s + stage.draw(0.8, 2.0), lasts)
    closed = ramp(stage.t, stage.begins_s, lasts) - again
    stage.open[:, 0] -= 0.75 * closed
    stage.size[:, 0] -= 0.2 * closed
    return stage.crowd()


def clap(rng: np.random.Generator, people: int) -> Crowd:
    stage = Stage(rng, people, 2)
    hz, claps = stage.draw(1.8, 3.0), rng.integers(2, 5, people)
    stage.ends_s = stage.begins_s + claps / hz
    part = np.clip((stage.t - stage.begins_s[:, None]) * hz[:, None], 0, claps[:, None])
    gap = stage.xy[:, 1, :, 0] - stage.xy[:, 0, :, 0]
    near = (gap - 0.4) / 2 * (1 - np.cos(2 * np.pi * part)) / 2
    stage.xy[:, 0, :, 0] += near
    stage.xy[:, 1, :, 0] -= near
    return stage.crowd()


def spread(way: int) -> Callable[[np.random.Generator, int], Crowd]:
    def make(rng: np.random.Generator, people: int) -> Crowd:
        stage = Stage(rng, people, 2)
        wider, lasts, tilt = stage.draw(4.2, 6.0), stage.draw(0.45, 1.0), stage.draw(-0.6, 0.6)
        gap = stage.xy[:, 1, :, 0] - stage.xy[:, 0, :, 0]
        stage.ends_s = stage.begins_s + lasts
        part = ramp(stage.t, stage.begins_s, lasts)
        apart = stage.draw(1.4, 2.2)[:, None] + wider[:, None] * (part if way > 0 else 1 - part)
        for hand, side in ((0, -1), (1, 1)):
            stage.xy[:, hand, :, 0] += side * (apart * np.cos(tilt)[:, None] - gap) / 2
            stage.xy[:, hand, :, 1] += side * apart * np.sin(tilt)[:, None] / 2
        return stage.crowd()

    return make


def both_up(rng: np.random.Generator, people: int) -> Crowd:
    return raised(rng, people, 2)


GESTURES: dict[str, Callable[[np.random.Generator, int], Crowd]] = {
    "wave": wave, "raise": raised,
    "swipe_left": swipe(-1, 0), "swipe_right": swipe(1, 0), "swipe_up": swipe(0, -1), "swipe_down": swipe(0, 1),
    "circle_clockwise": circle(1), "circle_counterclockwise": circle(-1), "hold": hold,
    "push": push(1), "pull": push(-1), "grab": grab, "release": grab,
    "clap": clap, "spread": spread(1), "pinch": spread(-1), "both_up": both_up,
}  # fmt: skip


# What is none; each lasts as long as it is asked to.


def walking(rng: np.random.Generator, people: int, seconds: float) -> Crowd:
    """From side to side through the picture, or towards the camera, arms swinging in turn; seen for a few steps."""
    stage = Stage(rng, people, 2, seconds)
    step_hz, swing = stage.draw(0.75, 1.05), stage.draw(0.6, 1.5)
    frontal = rng.random(people) < 0.4
    speed = stage.draw(3.0, 9.0) * rng.choice([-1, 1], people)
    for hand in range(2):
        phase = 2 * np.pi * step_hz[:, None] * stage.t + np.pi * hand + stage.draw(0, 6)[:, None] * 0
        across = np.where(frontal, 0.15, 1.0)[:, None] * swing[:, None] * np.sin(phase)
        stage.xy[:, hand, :, 0] = across + np.where(frontal[:, None], stage.xy[:, hand, :, 0], speed[:, None] * stage.t)
        stage.xy[:, hand, :, 1] += 0.15 * swing[:, None] * np.cos(2 * phase)
        near = stage.draw(6, 14)[:, None] - 0.25 * np.sin(phase)
        nearer = near - np.where(frontal, 1.3, 0)[:, None] * (stage.t % 3.0)
        stage.size[:, hand] = np.where(frontal[:, None], near[:, :1] / nearer, 1)
        stage.open[:, hand] = 0.2 + 0.1 * slow(rng, (people,), len(stage.t))
    return stage.crowd()


def strokes(
    rng: np.random.Generator, people: int, t: np.ndarray, spread_: float, longest: float, rate: tuple[float, float]
) -> np.ndarray:
    """(people, ticks, 2) from place to place about the middle, with pauses, as hands of people who talk."""
    xy = np.zeros((people, len(t), 2))
    at, place = np.zeros(people), np.zeros((people, 2))
    while at.min() < t[-1]:
        lasts, pause = rng.uniform(0.25, 0.8, people), rng.exponential(0.35, people) * (rng.random(people) < 0.6)
        goal = rng.normal(0, spread_, (people, 2)) * [1, 1.2]
        way = goal - place
        way *= np.minimum(1, longest / np.hypot(*way.T))[:, None]
        part = ramp(t, at, lasts)
        xy += way[:, None] * part[:, :, None]
        place, at = place + way, at + lasts * rate[1] + pause
    return xy


def talking(rng: np.random.Generator, people: int, seconds: float) -> Crowd:
    """Both hands before the chest, strokes of up to 40 cm, beats of the voice."""
    stage = Stage(rng, people, 2, seconds)
    for hand in range(2):
        stage.xy[:, hand] += strokes(rng, people, stage.t, 0.7, 2.1, (0, 1.0))
        beat = np.maximum(0, slow(rng, (people,), len(stage.t), 0.3))
        stage.xy[:, hand, :, 1] += 0.3 * beat * np.sin(2 * np.pi * stage.draw(1.5, 3)[:, None] * stage.t)
        stage.open[:, hand] = 0.35 + 0.15 * slow(rng, (people,), len(stage.t), 1.5)
    return stage.crowd()


def phone(rng: np.random.Generator, people: int, seconds: float) -> Crowd:
    """Taken out and looked at, put away, again and again; a thumb scrolls."""
    stage = Stage(rng, people, 1, seconds)
    at = stage.draw(0.5, 5)
    while at.min() < seconds:
        height, lasts = stage.draw(1.2, 2.4), stage.draw(0.6, 1.2)
        down = at + lasts + stage.draw(4, 20)
        stage.xy[:, 0, :, 1] -= height[:, None] * (ramp(stage.t, at, lasts) - ramp(stage.t, down, lasts))
        at = down + lasts + stage.draw(1, 8)
    stage.xy[:, 0] += strokes(rng, people, stage.t, 0.1, 0.3, (0, 1.0))
    stage.open[:, 0] = 0.2 + 0.08 * slow(rng, (people,), len(stage.t))
    return stage.crowd()


def pram(rng: np.random.Generator, people: int, seconds: float) -> Crowd:
    """Both hands on a bar, moving on, rocking now and then."""
    stage = Stage(rng, people, 2, seconds)
    speed = stage.draw(-7, 7)[:, None]
    rocks = np.maximum(0, slow(rng, (people,), len(stage.t), 0.1)) * np.sin(6 * stage.t)
    stage.xy[:, :, :, 0] += (speed * stage.t + 0.25 * rocks)[:, None]
    stage.xy[:, :, :, 1] += (0.1 * np.sin(11 * stage.t) + 0.1 * rocks)[:, None]
    stage.open[:] = 0.15
    return stage.crowd()


def resting(rng: np.random.Generator, people: int, seconds: float) -> Crowd:
    """Nothing but noise."""
    stage = Stage(rng, people, 1, seconds)
    stage.open[:, 0] = 0.25
    return stage.crowd()


NONE: dict[str, Callable[[np.random.Generator, int, float], Crowd]] = {
    "walking": walking, "talking": talking, "phone": phone, "pram": pram, "resting": resting,
}  # fmt: skip


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
