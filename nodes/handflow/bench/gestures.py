"""How long the stage `gestures` works at a frame.

People of the pattern `gestures` make all of them in turn. As at a distance, places are off by three pixels and a tenth
of the hands is missing in each frame.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from handflow.messages import Gestures, Hands, layout_of
from handflow.synthetic.patterns import Crowd
from handflow.vision.gestures.recogniser import Recogniser

HANDS, FPS, SECONDS = (5, 20, 60), 30.0, 20.0
NOISE_PX, MISSING = 3.0, 0.1


def measure(rounds: int, say: Callable[[str], None]) -> Iterator[list[dict[str, Any]]]:
    """After each turn the rows so far, one for each number of hands: milliseconds a frame, all frames counted."""
    held = {count: seen(count) for count in HANDS}
    times: dict[int, list[np.ndarray]] = {count: [] for count in HANDS}
    for number in range(rounds):
        for count, frames in held.items():
            say(f"gestures: {count} hands, round {number + 1} of {rounds}")
            times[count].append(np.array([spent for _, spent in told(frames)]))
        yield [_row(count, turns) for count, turns in times.items() if turns]


def _row(count: int, turns: list[np.ndarray]) -> dict[str, Any]:
    # Each frame costs the same in every turn: whatever is more is other programs' work.
    ms = np.min(turns, axis=0) * 1e3
    p50, p99 = np.percentile(ms, [50, 99])
    return {
        "hands": count, "mean_ms": round(float(ms.mean()), 3), "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
    }  # fmt: skip


def seen(count: int) -> list[Hands]:
    """The frames of `count` hands as a far tracker has them."""
    rng, crowd, frames = np.random.default_rng(0), Crowd("gestures", count), []
    for number in range(round(SECONDS * FPS)):
        hands = crowd.at(number / FPS)
        hands.stream, hands.captured_ns = 1, round(number / FPS * 1e9)
        there = np.flatnonzero(rng.random(len(hands.id)) >= MISSING)
        for name in layout_of(Hands).arrays:
            setattr(hands, name, getattr(hands, name)[there])
        hands.xy = hands.xy + rng.normal(0, NOISE_PX, (len(there), 2)) / [hands.width, hands.height]
        frames.append(hands)
    return frames


def told(frames: list[Hands]) -> Iterator[tuple[Gestures, float]]:
    """What is told of each frame, and the seconds that it took."""
    recogniser = Recogniser()
    for hands in frames:
        begun = time.perf_counter()
        gestures = recogniser.step(hands)
        yield gestures, time.perf_counter() - begun
