"""A view stage to look at: the scenes it is given, and a camera that gives them."""

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from handflow import Frame, Hands, Heatmap, Hop, State
from handflow.stages import view
from handflow.stages.view import View

SIZE = (640, 360)


def frame(seq: int = 1, size: tuple[int, int] = SIZE) -> Frame:
    """A grey picture; time goes on by 1/30 s from one to the next."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    return Frame(image=image, stream=7_000, seq=seq, captured_ns=7_000 + seq * 33_333_333)


def hands(of: Frame, *places: tuple[float, float, bool], **changed: Any) -> Hands:
    """A hand of radius 0.1 at each x, y; open or not; ids from 1."""
    n = len(places)
    return Hands(**{
        "id": range(1, n + 1), "state": [State.TRACKED] * n, "xy": [place[:2] for place in places] or np.empty((0, 2)),
        "velocity": np.zeros((n, 2)), "radius": [0.1] * n, "score": [0.9] * n,
        "open": [float(place[2]) for place in places], "is_open": [place[2] for place in places], "age": [1] * n,
        "width": of.image.shape[1], "height": of.image.shape[0], "stream": of.stream, "seq": of.seq,
        "captured_ns": of.captured_ns,
        "hops": [Hop("camera", of.captured_ns, of.captured_ns + 2_000_000),
                 Hop("tracker", of.captured_ns + 6_000_000, of.captured_ns + 9_000_000)],
    } | changed)  # fmt: skip


def heatmap(of: Frame, row: int, column: int) -> Heatmap:
    """16 x 9 cells over the whole picture, one of them lit."""
    values = np.zeros((9, 16), np.float32)
    values[row, column] = 1
    return Heatmap(
        values=values, open=values * 0, radius=values, offset=np.zeros((9, 16, 2)), scale=[1 / 16, 1 / 9],
        shift=[0, 0], width=SIZE[0], height=SIZE[1], stream=of.stream, seq=of.seq, captured_ns=of.captured_ns,
    )  # fmt: skip


def running_view(monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    """A started stage at a free port; stopped afterwards."""
    monkeypatch.setattr(view, "LATE_S", math.inf)  # its frames are of the beginning of time
    monkeypatch.setattr(view, "LOST_S", 3600.0)  # nor does a busy machine make an empty line of a second that passed
    made = View(port=0)
    made.start()
    yield made
    made.stop()


class Feed:
    """A camera in a thread: shows the node the same scene 20 times a second, frame after frame."""

    def __init__(self, node: View, scene: Callable[[Frame], tuple[Hands | None, Heatmap | None]]) -> None:
        self.node, self.scene = node, scene
        self.seq = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.over.wait(0.05):
            self.seq += 1
            picture = frame(self.seq)
            self.node.process(*self.scene(picture), picture)

    def end(self) -> None:
        self.over.set()
        self.thread.join()
