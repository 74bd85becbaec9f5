"""A hand as one camera sees it, in metres of the shared floor. Positions are complex, x + iy, as in kalman.py."""

import math
from typing import NamedTuple

import numpy as np

from handflow.messages import Hands, State
from handflow.vision.homography import Plane

HAND_M = 0.095  # half of a hand's longer side: 19 cm
BASE_NOISE_M = 0.02  # however well it is seen
SIZE_NOISE = 0.1  # of its radius: how far the network's idea of the middle wanders
PIXEL_NOISE = 1.5  # pixels, of a peak
PREDICTED_NOISE = 3.0  # times as unsure where its tracker has not seen it either
LEAST_SCORE = 0.2


class Sighting(NamedTuple):
    """One hand of one message."""

    id: int  # the camera's
    position: complex
    velocity: complex  # a second
    noise: float  # standard deviation of `position`: small where the hand is seen near, large and surely
    radius: float
    score: float
    open: float
    is_open: bool
    age_s: float
    seen: bool  # False: its tracker only believes in it


def sightings_in(
    hands: Hands, metres: complex, offset: complex, age_s: float, plane: Plane | None = None
) -> list[Sighting]:
    """The hands of one message, `age_s` later than they were captured.

    `metres`: width and height of the floor, x + iy. `offset` is taken off every position. `plane` says how much of the
    floor a pixel is at each place, if that is known.
    """
    rows = np.flatnonzero((hands.state != State.LEAVING) & np.isfinite(hands.xy).all(axis=1))
    if not len(rows):
        return []
    xy = hands.xy[rows].astype(np.float64)
    pixels = np.zeros(len(rows)) if plane is None else PIXEL_NOISE * plane.pixel_size(xy, max(hands.width, 1))
    found = []
    for row, (x, y), pixel in zip(rows.tolist(), xy.tolist(), pixels.tolist(), strict=True):
        velocity = complex(hands.velocity[row, 0] * metres.real, hands.velocity[row, 1] * metres.imag)
        seen = hands.state[row] != State.PREDICTED
        radius, score = float(hands.radius[row]) * metres.real, float(hands.score[row])
        noise = math.hypot(BASE_NOISE_M, SIZE_NOISE * radius, pixel * metres.real) / max(score, LEAST_SCORE)
        noise *= 1 if seen else PREDICTED_NOISE
        found.append(
            Sighting(
                int(hands.id[row]),
                complex(x * metres.real, y * metres.imag) - offset + velocity * age_s,
                velocity,
                # What moves on by itself is less sure.
                math.hypot(noise, 0.3 * abs(velocity) * age_s),
                radius,
                score,
                float(hands.open[row]),
                bool(hands.is_open[row]),
                float(hands.age[row]),
                bool(seen),
            )
        )
    return found
