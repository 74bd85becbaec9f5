"""How long networks take at a picture, alone and with one thread: model files that take turns."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handflow.vision.model import PROFILES, Model, open_model

WARM, COUNT = 3, 7  # looks of a file's turn that are not counted, and that are
FRAME = (1280, 720)


def measure(files: dict[str, Path], rounds: int, say: Callable[[str], None]) -> Iterator[list[dict[str, Any]]]:
    """After each turn the rows so far, one for each file, by its name, and profile: the best look and the median at a
    16:9 frame, and both as shares of what the first file took at that profile. SetupError where one is none of ours.
    """
    free = {name: open_model(file) for name, file in files.items()}
    first = next(iter(files))
    times: dict[tuple[str, str], list[float]] = {}
    for profile in PROFILES:
        sizes = {name: model.input_size(*FRAME, profile) for name, model in free.items()}
        # As a stage opens them: for the one size that it shows them.
        models = {name: open_model(file, size=sizes[name]) for name, file in files.items()}
        for number in range(rounds):
            for name, model in models.items():
                say(f"network: {name} {profile}, round {number + 1} of {rounds}")
                times.setdefault((profile, name), []).extend(looks_ms(model, sizes[name]))
            yield [_row(*of, ms, times[of[0], first]) for of, ms in times.items()]


def looks_ms(model: Model, size: tuple[int, int]) -> list[float]:
    """How long each of COUNT looks took at noise of `size` (width, height)."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, height, width), np.uint8)
    found = []
    for _ in range(WARM + COUNT):
        began = time.perf_counter()
        model.run(noise)
        found.append((time.perf_counter() - began) * 1e3)
    return found[WARM:]


def _row(profile: str, name: str, ms: list[float], first: list[float]) -> dict[str, Any]:
    best, median = min(ms), statistics.median(ms)
    return {
        "model": name,
        "profile": profile,
        "best_ms": round(best, 2),
        "median_ms": round(median, 2),
        "of_the_first": f"{best / min(first):.2f}; {median / statistics.median(first):.2f}",
    }
