"""Detections against labels: which hit which hand, and what a set of pictures comes to. `evaluate` says the rules."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import COARSE, IGNORE, OPEN, OTHER
from handflow.vision.peaks import Peaks
from handflow.vision.thresholds import OPEN_AT

Mode = Literal["all", "native"]
MODES: tuple[Mode, ...] = get_args(Mode)
BINS = (0.03, 0.05, 0.10, 0.20)  # hand sizes, of the picture's width: < 3 %, 3-5, 5-10, 10-20, > 20 %
BIN_NAMES = ("<3%", "3-5%", "5-10%", "10-20%", ">20%")
FOLLOWED = 0.2  # what the tracker goes on with; whether weaker peaks are palms does not matter
WEAKEST = 0.02  # peaks below this are left out: they would only lengthen the curve's tail


class Detections(NamedTuple):
    """A labelled picture and what was detected in it."""

    picture: LabelledPicture
    peaks: Peaks
    ms: float | None = None  # how long it took


class Matches(NamedTuple):
    """Which of one picture's detections hit which hand, best first, and the hands they should have found."""

    score: np.ndarray  # (d,) detections that count
    hit: np.ndarray  # (d,) int: number of the hand in this picture, -1 for a false alarm
    error: np.ndarray  # (d,) distance from the hand's centre, of the hand's size
    size: np.ndarray  # (h,) the required hands' longer side, of the picture's width
    radius: np.ndarray  # (d,) the radius found, of the true one


def match(picture: LabelledPicture, peaks: Peaks, mode: Mode) -> Matches:
    """Counts one picture's peaks against its labels."""
    score = peaks.score if mode == "all" else peaks.open
    required = picture.hands if mode == "all" else picture.kinds == OPEN
    order = np.argsort(-score, kind="stable")
    can_hit, away, ignored = reach(picture, peaks.xy[order])
    side = picture.boxes[:, 2:].max(axis=1, initial=0)
    number = np.cumsum(required) - 1  # of a required hand among the required ones
    free = required.copy()
    rows: list[tuple[float, int, float, float]] = []
    for d in range(len(order)):
        near = np.flatnonzero(can_hit[d] & free)
        if len(near):
            hand = near[away[d, near].argmin()]
            free[hand] = False
            grown = 2 * peaks.radius[order[d]] * picture.width / side[hand]
            rows.append((score[order[d]], number[hand], away[d, hand] / side[hand], grown))
        elif not ignored[d] and not (can_hit[d] & picture.hands & ~required).any():
            rows.append((score[order[d]], -1, math.nan, math.nan))
    table = np.array(rows, float).reshape(-1, 4)
    return Matches(table[:, 0], table[:, 1].astype(int), table[:, 2], side[required] / picture.width, table[:, 3])


def reach(picture: LabelledPicture, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of the positions `xy` (d, 2; 0..1) hit which box, how far off they are (px), which are in ignored regions.

    (d, n) bool, (d, n), (d,) bool.
    """
    coarse = picture.kinds == COARSE  # boxes guessed from joints: a hit counts within one hand width
    side = picture.boxes[:, 2:].max(axis=1, initial=0)
    half = picture.boxes[:, 2:] / 2
    apart = xy[:, None] * [picture.width, picture.height] - (picture.boxes[:, :2] + half)  # (d, n, 2)
    away = np.linalg.norm(apart, axis=2)
    inside = (abs(apart) <= half * np.where(coarse, 2.5, 1.25)[:, None]).all(axis=2)
    ignored = ((abs(apart) <= half).all(axis=2) & (picture.kinds == IGNORE)).any(axis=1)
    return inside & (away <= side * np.where(coarse, 1.0, 0.5)), away, ignored


@dataclass
class Score:
    """What a set of pictures came to; None where it cannot be said."""

    pictures: int
    hands: int
    ap: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    recall_at_p90: float | None
    recall_at_p70: float | None  # where visible hands are not labelled, precision cannot be high
    recall_by_size: dict[str, float | None]
    centre_error: float | None  # median, % of the hand's size
    radius: float | None  # median, of the true one
    false_alarms: float | None  # per picture without hands


def score(found: list[Matches], threshold: float) -> Score:
    """Figures of a set. Precision, recall, recall by size, centre error and false alarms are those at `threshold`."""
    values, hits, precision, recall, hands = curve(found)
    at = int((values >= threshold).sum())
    true = int(hits[:at].sum())
    p, r = true / at if at else 1.0, true / hands if hands else 0.0
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]  # the best precision at this recall or beyond
    sizes = np.concatenate([f.size for f in found]) if found else np.empty(0)
    seen = np.concatenate([np.isin(np.arange(len(f.size)), f.hit[f.score >= threshold]) for f in found])
    bins = np.digitize(sizes, BINS)
    by_size = {name: ratio(seen[bins == n].sum(), (bins == n).sum()) for n, name in enumerate(BIN_NAMES)}
    errors = np.concatenate([f.error[(f.hit >= 0) & (f.score >= threshold)] for f in found])
    grown = np.concatenate([f.radius[(f.hit >= 0) & (f.score >= threshold)] for f in found])
    empty = [f for f in found if not len(f.size)]
    return Score(
        pictures=len(found),
        hands=hands,
        ap=float((np.diff(recall, prepend=0) * ceiling).sum()) if hands else None,
        precision=p if hands else None,
        recall=r if hands else None,
        f1=2 * p * r / max(p + r, 1e-9) if hands else None,
        recall_at_p90=float(recall[precision >= 0.9].max(initial=0)) if hands else None,
        recall_at_p70=float(recall[precision >= 0.7].max(initial=0)) if hands else None,
        recall_by_size=by_size,
        centre_error=float(np.median(errors)) * 100 if len(errors) else None,
        radius=float(np.median(grown)) if len(grown) else None,
        false_alarms=ratio(sum(int((f.score >= threshold).sum()) for f in empty), len(empty)),
    )


def palm_scores(picture: LabelledPicture, peaks: Peaks) -> list[tuple[bool, float]]:
    """For each hand of a sure kind that was found: whether it is an open palm, and what the open map says of it."""
    strong = peaks.score >= FOLLOWED
    xy, opened = peaks.xy[strong] * [picture.width, picture.height], peaks.open[strong]
    scores = []
    for box, kind in zip(picture.boxes, picture.kinds, strict=True):
        away = np.linalg.norm(xy - (box[:2] + box[2:] / 2), axis=1)
        if kind in (OPEN, OTHER) and len(away) and away.min() < box[2:].max() / 2:
            scores.append((bool(kind == OPEN), float(opened[away.argmin()])))
    return scores


def separation(scores: list[tuple[bool, float]], threshold: float = OPEN_AT) -> dict:
    """How well the open map tells open palms from other hands: area under the ROC curve, medians, shares above."""
    yes, no = (np.array([value for is_open, value in scores if is_open == kind]) for kind in (True, False))
    both = len(yes) and len(no)
    # The area is the chance that a palm stands above another hand (Mann and Whitney 1947).
    area = float((yes[:, None] > no).mean() + (yes[:, None] == no).mean() / 2) if both else None
    kinds = {
        name: {
            "hands": len(values),
            "median": float(np.median(values)) if len(values) else None,
            "above": ratio((values > threshold).sum(), len(values)),
        }
        for name, values in (("open", yes), ("other", no))
    }
    return {"area": area, "threshold": threshold, **kinds}


def curve(found: list[Matches]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """All detections of a set, best first: scores, hits (bool), precision and recall so far; and how many hands."""
    values = np.concatenate([f.score for f in found])
    hits = np.concatenate([f.hit for f in found]) >= 0
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], hits[order]
    hands = sum(len(f.size) for f in found)
    true = np.cumsum(hits)
    return values, hits, true / np.arange(1, len(hits) + 1), true / max(hands, 1), hands


def best_threshold(found: list[Matches]) -> float:
    """The score at which F1 is highest."""
    values, _, precision, recall, _ = curve(found)
    if not len(values):
        return 0.5
    return float(values[np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-9))])


def ratio(part: float, whole: float) -> float | None:
    """`part` of `whole`; None if there is no whole."""
    return float(part) / float(whole) if whole else None
