"""Invented people who make one gesture each, many at once. Lengths are in hand sizes."""

from collections.abc import Callable

import numpy as np

from support.crowds import Crowd, Stage, ramp


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
