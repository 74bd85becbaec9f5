"""From which score on a peak is a hand, and a hand an open palm: curves, and what they say is best."""

from typing import Any

import numpy as np

from handflow.vision.peaks import Peaks

from .matching import Matches, curve, ratio

ALARMS = 0.02  # a picture without hands: what installations put up with
STEPS = np.round(np.arange(0.1, 0.951, 0.05), 2)
FINE = np.round(np.arange(0.1, 0.991, 0.01), 2)


def thresholds(found: list[Matches], empty: list[Peaks], palms: list[tuple[bool, float]]) -> dict[str, Any]:
    """Both curves, and `start_score` and `open_at` as they should be; None where nothing says so.

    `found`: detections of all pictures, `empty`: those of pictures without hands, `palms`: for each hand of a sure kind
    that was found, whether it is an open palm and what the open map says of it.

    `start_score` is the lowest at which no more than ALARMS false alarms a picture without hands are left.
    `open_at` is where the share of palms that are told is farthest above that of other hands that are taken for some
    (Youden 1950); of several such the middle of the strictest.
    """
    return {
        "start_score": start_score(empty),
        "open_at": open_at(palms),
        "start_curve": [_start_row(found, empty, float(at)) for at in STEPS],
        "open_curve": [_open_row(palms, float(at)) for at in STEPS],
    }


def start_score(empty: list[Peaks]) -> float | None:
    """The lowest with at most ALARMS false alarms a picture; None without pictures."""
    good = (float(at) for at in FINE if empty and alarms_at(empty, float(at)) <= ALARMS * len(empty))
    return next(good, None)


def open_at(palms: list[tuple[bool, float]]) -> float | None:
    """Where palms and other hands are told apart best; None unless there are both."""
    yes, no = (np.array([value for is_open, value in palms if is_open == kind]) for kind in (True, False))
    if not len(yes) or not len(no):
        return None
    apart = np.array([(yes >= at).mean() - (no >= at).mean() for at in FINE])
    best = np.flatnonzero(apart >= apart.max() - 1e-9)
    strictest = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)[-1]
    return float(FINE[strictest].mean())


def alarms_at(empty: list[Peaks], threshold: float) -> int:
    """How many hands are told in pictures without any."""
    return sum(int((peaks.score >= threshold).sum()) for peaks in empty)


def _start_row(found: list[Matches], empty: list[Peaks], threshold: float) -> dict[str, float | None]:
    values, _, precision, recall, _ = curve(found)
    at = int((values >= threshold).sum())
    return {
        "at": threshold,
        "precision": float(precision[at - 1]) if at else None,
        "recall": float(recall[at - 1]) if at else 0.0,
        "false_alarms": ratio(alarms_at(empty, threshold), len(empty)),
    }


def _open_row(palms: list[tuple[bool, float]], threshold: float) -> dict[str, float | None]:
    told = {kind: [value >= threshold for is_open, value in palms if is_open == kind] for kind in (True, False)}
    shares = {kind: ratio(sum(above), len(above)) for kind, above in told.items()}
    return {"at": threshold, "palms": shares[True], "others": shares[False]}
