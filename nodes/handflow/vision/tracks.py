"""One hand from frame to frame. Positions are complex, in frame widths, as in kalman.py."""

import math
from typing import NamedTuple

import numpy as np

from handflow.messages import Flow, State

from .evidence import Evidence, Look
from .kalman import Kalman, OneEuro, share
from .peaks import Peaks

CLUTTER = 5.0  # false peaks per square width: a peak less likely to be a hand than to be one of these is not that hand
FIRST_SPEED = 1.5  # widths/s: how fast a hand may be when it is first seen
TOP_SPEED = 4.0  # widths/s: no hand that fills a twentieth of the picture was faster
COAST_S = 0.2  # a hand out of sight comes to rest in about this time: most are lost as they turn or stop
PEAK_NOISE = 0.1  # cells: the median error of the log parabola on a Gaussian
SIZE_NOISE = 0.1  # of a hand's radius: how far the network's idea of the middle wanders (measured: 0.1 to 0.2)
FLOW_NOISE, FLOW_ERROR = 0.1, 0.5  # widths/s, and of the speed: off by 0.2 of it mostly, by 0.6 in one frame of ten


class Peak(NamedTuple):
    """One peak as the tracks take it. `position`, `radius` and `noise` (its standard deviation) in widths."""

    position: complex
    score: float
    open: float
    radius: float
    noise: float


class Track:
    """One hand, or what may become one: `id` is 0 until it is confirmed."""

    def __init__(self, peak: Peak, rest_hz: float, rise: float) -> None:
        self.id = 0
        self.state = State.NEW
        self.path = Kalman(peak.position, peak.noise, FIRST_SPEED)
        self.position, self.velocity = OneEuro(peak.position, rest_hz, rise), OneEuro(0j, rest_hz, rise)
        self.score, self.open, self.radius = peak.score, peak.open, peak.radius
        self.peak_score = peak.score  # of the last peak; `score` is smooth
        self.evidence: Evidence | None = None  # where it is gathered
        self.is_open = False  # until `finish` has judged
        self.seen, self.age_s, self.unseen_s = True, 0.0, 0.0

    def predict(self, dt: float, acceleration: float, flow: complex | None, hidden: bool) -> None:
        """Moves the hand on by `dt` seconds; `flow` is how fast the picture moved at its position, widths/s."""
        self.age_s += dt
        if not self.seen and not hidden:
            self.path.velocity *= 1 - share(dt, COAST_S)
        self.path.add_process_noise(dt, acceleration, TOP_SPEED)
        if flow is not None:
            # A flow of nothing may be blind to a fast hand, so what is known so far counts as well.
            speed = max(abs(flow), abs(self.path.velocity))
            self.path.update_velocity(flow, FLOW_NOISE + FLOW_ERROR * speed)
        self.path.predict(dt)

    def update(self, peak: Peak, dt: float) -> None:
        """Takes `peak` as this hand's, `dt` seconds after the last frame."""
        self.path.update_position(peak.position, peak.noise)
        self.peak_score = peak.score
        self.score += (peak.score - self.score) * share(dt, 0.1)
        self.open += (peak.open - self.open) * share(dt, 0.15)  # one wrong frame does not flip it
        self.radius += (peak.radius - self.radius) * share(dt, 0.15)  # it changes no faster than people walk
        self.seen, self.unseen_s = True, 0.0

    def miss(self, dt: float, keep_s: float) -> None:
        """No peak was this hand's."""
        self.seen = False
        self.unseen_s += dt
        self.score *= 1 - share(dt, keep_s)

    def finish(self, dt: float, open_at: float, close_at: float) -> None:
        """Smooths what is sent of the hand."""
        speed = abs(self.path.velocity)
        self.position.step(self.path.position, speed, dt)
        self.velocity.step(self.path.velocity, speed, dt)
        self.is_open = self.open >= (close_at if self.is_open else open_at)

    def as_look(self, habit: float) -> Look:
        """What the last frame showed of it."""
        score = self.peak_score if self.seen else None
        return Look(self.path.position, self.radius, score, self.age_s, bool(self.id), self.is_open, habit)

    def gain(self, peak: Peak) -> float:
        """How much likelier `peak` is this hand than clutter: 2 log of the ratio; below 0 it is not this hand."""
        distance = abs(peak.position - self.path.position)
        variance = self.path.position_var + peak.noise**2
        resized = math.log(max(peak.radius, 1e-3) / max(self.radius, 1e-3)) / 0.4
        gain = -2 * math.log(2 * math.pi * CLUTTER * variance) - distance**2 / variance - resized**2
        # However unsure one is of the way it went: what lies on a hand is rather that hand than nothing.
        return max(gain, 1 - distance / max(self.radius, 1e-3))


def peak_list(peaks: Peaks, aspect: float, cell: float) -> list[Peak]:
    """`peaks` in widths, best first. `aspect` is the picture's height / width, `cell` the map's cell in widths."""
    columns = (
        peaks.xy[:, 0].tolist(),
        peaks.xy[:, 1].tolist(),
        peaks.score.tolist(),
        peaks.open.tolist(),
        peaks.radius.tolist(),
    )
    return [
        Peak(complex(x, y * aspect), score, open_, radius, math.hypot(PEAK_NOISE * cell, SIZE_NOISE * radius))
        for x, y, score, open_, radius in zip(*columns, strict=True)
    ]


def flow_at(flow: Flow, track: Track, aspect: float) -> complex | None:
    """How fast the picture moved at a hand, widths/s: the median of the vectors in the middle of it."""
    rows, columns = flow.vectors.shape[:2]
    since_s = (flow.captured_ns - flow.since_ns) / 1e9
    if not (rows and columns and since_s > 0):
        return None
    x, y, reach = track.path.position.real, track.path.position.imag / aspect, 0.5 * track.radius
    left, right = (min(max(int((x + side * reach) * columns), 0), columns - 1) for side in (-1, 1))
    top, bottom = (min(max(int((y + side * reach / aspect) * rows), 0), rows - 1) for side in (-1, 1))
    vectors = np.sort(flow.vectors[top : bottom + 1, left : right + 1].reshape(-1, 2), axis=0)
    dx, dy = vectors[len(vectors) // 2].tolist()  # the median; numpy's own takes five times as long
    return complex(dx, dy * aspect) / since_s
