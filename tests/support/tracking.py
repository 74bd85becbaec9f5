"""Trackers to ask: peaks written by hand, and the maps a network would make of hands whose paths are known."""

from collections.abc import Sequence

import numpy as np

from handflow.messages import Flow, Hands, Heatmap
from handflow.stages.tracker import Tracker
from handflow.synthetic.trajectories import Trajectory
from handflow.vision.peaks import Peaks

SIZE = (1600, 800)  # twice as wide as high: an error of the aspect shows
START_NS = 1_700_000_000_000_000_000


def peaks(*found: tuple[float, ...]) -> Peaks:
    """Peaks from rows of x, y, score and, if they matter, open and radius."""
    rows = np.array([(*row, *(0.9, 0.05)[len(row) - 3 :]) for row in found], np.float32).reshape(-1, 5)
    return Peaks(xy=rows[:, :2], score=rows[:, 2], open=rows[:, 3], radius=rows[:, 4])


def tracker(**settings: float | bool) -> Tracker:
    made = Tracker(**settings)  # type: ignore[arg-type]
    made.start()
    return made


def feed(
    node: Tracker, frames: Sequence[Peaks], fps: float = 30, since_s: float = 0, flow: Flow | None = None
) -> list[Hands]:
    """What `node` says to each of `frames`, the first `since_s` after the start."""
    return [node.update(p, START_NS + round((since_s + k / fps) * 1e9), flow, SIZE) for k, p in enumerate(frames)]


def ids(hands: Hands) -> list[int]:
    return hands.id.tolist()


def sure(position: float = 0.5) -> Peaks:
    return peaks((position, 0.5, 0.9))


def draw_map(hands: Sequence[tuple[float, float]], radius: float, rng: np.random.Generator, t: float) -> Heatmap:
    """The Gaussians a trained network makes of `hands`, the first in front: 80 x 45 cells, sub-cell and map noise."""
    columns, rows = np.arange(80) + 0.5, np.arange(45) + 0.5
    values, sigma = np.zeros((45, 80)), max(0.7, 0.11 * 2 * radius * 80)
    for number, (x, y) in enumerate(hands):
        hidden = [min(1, np.hypot(x - x1, (y - y1) * 9 / 16) / radius) for x1, y1 in hands[:number]]
        column, row = np.array([x * 80, y * 45]) + rng.normal(0, 0.1, 2)
        height = rng.uniform(0.75, 0.9) * min(hidden, default=1) * (rng.random() > 0.02)  # 2 % are missed
        away = (columns - column) ** 2 + (rows[:, None] - row) ** 2
        values = np.maximum(values, height * np.exp(-away / (2 * sigma**2)))
    values = np.clip(values + rng.normal(0, 0.01, values.shape), 0, 1)
    return Heatmap(
        values=values.astype(np.float32),
        open=values.astype(np.float32),
        radius=np.full((45, 80), radius * 80, np.float32),
        offset=np.zeros((45, 80, 2), np.float32),
        scale=np.array([1 / 80, 1 / 45]),
        shift=np.zeros(2),
        width=1280,
        height=720,
        captured_ns=START_NS + round(t * 1e9),
    )


def follow(
    paths: Sequence[Trajectory], seconds: float, seed: int, fps: float = 30, radius: float = 0.05
) -> list[tuple[float, Hands]]:
    """What a tracker says of hands on `paths`."""
    rng, node, said = np.random.default_rng(seed), tracker(), []
    for t in np.arange(0, seconds, 1 / fps):
        inside = [position for position in (path(t) for path in paths) if min(position) > 0 and max(position) < 1]
        said.append((float(t), node.process(draw_map(inside, radius, rng, t), None)))
    return said
