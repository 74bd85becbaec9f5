"""What every candidate of the transport benchmark does alike: draws, keeps time, stamps and writes down.

Runs in the peers' environments too, so it needs numpy only and nothing of handflow.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Case(NamedTuple):
    """One thing to measure."""

    shape: tuple[int, int, int]  # of the pictures, uint8
    fps: float  # 0: as fast as they go
    warm: int  # messages before any is counted
    counted: int  # messages that are
    hops: int  # processes that pass the picture on, the last reader included
    readers: int
    folder: str  # where readers write down what they saw

    @property
    def last(self) -> int:
        return self.warm + self.counted - 1


def read(file: str) -> Case:
    return Case(**json.loads(Path(file).read_text()))


class PictureFeed:
    """Says when the next picture is due, and draws it: other pixels each time, its number in the first and the last."""

    def __init__(self, case: Case) -> None:
        self.case = case
        grain = np.random.default_rng(0)
        self.pictures = [grain.integers(0, 256, case.shape, np.uint8) for _ in range(4)]

    def due(self) -> Iterator[tuple[int, float]]:
        """Number and seconds to wait for each picture; more than are counted, so that the last one is as the others."""
        begun = time.monotonic()
        more = 0 if self.case.fps == 0 else round(self.case.fps)
        for number in range(self.case.last + 1 + more):
            wait_s = begun + number / self.case.fps - time.monotonic() if self.case.fps else 0.0
            # Held up, by readers that start: what was missed is not made up for.
            if wait_s < -1 / max(self.case.fps, 1):
                begun -= wait_s
            yield number, max(0.0, wait_s)

    def draw(self, number: int, image: np.ndarray) -> None:
        image[...] = self.pictures[number % len(self.pictures)]
        flat = image.reshape(-1)
        flat[:4].view("<u4")[0] = number
        flat[-1] = number % 256


class ReaderNotes:
    """One reader's notes. Once all is counted they lie in its file; `warm` beside it says when the counting began."""

    def __init__(self, case: Case, name: str) -> None:
        self.case, self.name = case, name
        self.latencies: list[float] = []  # ms
        self.wrong = 0  # pictures that were not the ones their messages spoke of
        self.first_s = self.last_s = 0.0
        self.done = False

    def take(self, number: int, latency_ns: int, image: np.ndarray) -> None:
        now = time.monotonic()
        if number >= self.case.warm and not self.done:
            if not self.latencies:
                self.first_s = now
                (Path(self.case.folder) / "warm").touch()
            if number <= self.case.last:
                self.latencies.append(latency_ns / 1e6)
                self.last_s = now
                flat = image.reshape(-1)
                self.wrong += int(flat[:4].view("<u4")[0] != number or flat[-1] != number % 256)
            if number >= self.case.last:
                self.write()

    def write(self) -> None:
        self.done = True
        notes = {"ms": self.latencies, "wrong": self.wrong, "seconds": self.last_s - self.first_s}
        part = Path(self.case.folder) / f"{self.name}.part"
        part.write_text(json.dumps(notes))
        part.replace(part.with_suffix(".json"))
