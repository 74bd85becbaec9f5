"""Invented people who make no gesture, many at once, each for as long as is asked. Lengths are in hand sizes."""

from collections.abc import Callable

import numpy as np

from support.crowds import Crowd, Stage, ramp, slow


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
    rng: np.random.Generator, people: int, t: np.ndarray, spread: float, longest: float, rate: tuple[float, float]
) -> np.ndarray:
    """(people, ticks, 2) from place to place about the middle, with pauses, as hands of people who talk."""
    xy = np.zeros((people, len(t), 2))
    at, place = np.zeros(people), np.zeros((people, 2))
    while at.min() < t[-1]:
        lasts, pause = rng.uniform(0.25, 0.8, people), rng.exponential(0.35, people) * (rng.random(people) < 0.6)
        goal = rng.normal(0, spread, (people, 2)) * [1, 1.2]
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
