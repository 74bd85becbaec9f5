"""`handflow evaluate LABELS…`: how well a model finds labelled hands, through the stage's own functions.

A detection hits a hand when its centre lies within half of the longer side of the hand's box from that box's centre and
inside the box grown by 25 %; one detection per hand, best score first.
`all`: every labelled hand is required, scored with the map of any hand. `native`: only open palms are required, scored
with the map of open palms; hands of another or an unknown kind are neither required nor false alarms when hit.
Regions to ignore count neither way. Boxes guessed from a person's joints are hit within one hand width (+150 %).
For a clip, recall is the share of its labelled frames in which each hand was found.
"""

import argparse
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from ..heatmap import Model, model_path, open_model
from ..peaks import Peaks, find_peaks
from .data import LabelError, Picture, read_labels
from .targets import IGNORE, OPEN, OTHER, ROUGH

BINS = (0.03, 0.05, 0.10, 0.20)  # hand sizes, of the picture's width: < 3 %, 3-5, 5-10, 10-20, > 20 %
BIN_NAMES = ("<3%", "3-5%", "5-10%", "10-20%", ">20%")
FOLLOWED = 0.2  # what the tracker goes on with: of weaker peaks nobody asks whether they are palms
WEAKEST = 0.02  # peaks below this are not looked at: they would only lengthen the curve's tail


class Found(NamedTuple):
    """What one picture's detections came to, best first, and the hands they should have found."""

    score: np.ndarray  # (d,) detections that count
    hit: np.ndarray  # (d,) int: number of the hand in this picture, -1 for a false alarm
    error: np.ndarray  # (d,) distance from the hand's centre, of the hand's size
    size: np.ndarray  # (h,) the required hands' longer side, of the picture's width


def match(picture: Picture, peaks: Peaks, mode: Literal["all", "native"]) -> Found:
    """Counts one picture's peaks against its labels."""
    score = peaks.score if mode == "all" else peaks.open
    required = picture.hands if mode == "all" else picture.kinds == OPEN
    rough = picture.kinds == ROUGH  # boxes guessed from joints: a hit counts within one hand width
    order = np.argsort(-score, kind="stable")
    xy = peaks.xy[order] * [picture.width, picture.height]
    boxes = picture.boxes
    side = boxes[:, 2:].max(axis=1, initial=0)
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    away = np.linalg.norm(xy[:, None] - centre, axis=2)  # (d, n) pixels
    grown = boxes[:, 2:] / 2 * np.where(rough, 2.5, 1.25)[:, None]
    inside = (abs(xy[:, None] - centre) <= grown).all(axis=2)
    can_hit = inside & (away <= side * np.where(rough, 1.0, 0.5))
    ignored = (abs(xy[:, None] - centre) <= boxes[:, 2:] / 2).all(axis=2) & (picture.kinds == IGNORE)
    number = np.cumsum(required) - 1  # of a required hand among the required ones
    free = required.copy()
    rows: list[tuple[float, int, float]] = []
    for d in range(len(xy)):
        reach = np.flatnonzero(can_hit[d] & free)
        if len(reach):
            hand = reach[away[d, reach].argmin()]
            free[hand] = False
            rows.append((score[order[d]], number[hand], away[d, hand] / side[hand]))
        elif not ignored[d].any() and not (can_hit[d] & picture.hands & ~required).any():
            rows.append((score[order[d]], -1, math.nan))
    table = np.array(rows, float).reshape(-1, 3)
    return Found(table[:, 0], table[:, 1].astype(int), table[:, 2], side[required] / picture.width)


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
    recall_by_size: dict[str, float | None]
    centre_error: float | None  # median, % of the hand's size
    false_alarms: float | None  # per picture without hands


def score(found: list[Found], threshold: float) -> Score:
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
    empty = [f for f in found if not len(f.size)]
    return Score(
        pictures=len(found),
        hands=hands,
        ap=float((np.diff(recall, prepend=0) * ceiling).sum()) if hands else None,
        precision=p if hands else None,
        recall=r if hands else None,
        f1=2 * p * r / max(p + r, 1e-9) if hands else None,
        recall_at_p90=float(recall[precision >= 0.9].max(initial=0)) if hands else None,
        recall_by_size=by_size,
        centre_error=float(np.median(errors)) * 100 if len(errors) else None,
        false_alarms=ratio(sum(int((f.score >= threshold).sum()) for f in empty), len(empty)),
    )


def palms(picture: Picture, peaks: Peaks) -> list[tuple[bool, float]]:
    """For each hand of a sure kind that was found: whether it is an open palm, and what the open map says of it."""
    strong = peaks.score >= FOLLOWED
    xy, opened = peaks.xy[strong] * [picture.width, picture.height], peaks.open[strong]
    told = []
    for box, kind in zip(picture.boxes, picture.kinds, strict=True):
        away = np.linalg.norm(xy - (box[:2] + box[2:] / 2), axis=1)
        if kind in (OPEN, OTHER) and len(away) and away.min() < box[2:].max() / 2:
            told.append((bool(kind == OPEN), float(opened[away.argmin()])))
    return told


def separation(told: list[tuple[bool, float]], threshold: float = 0.65) -> dict:
    """How well the open map tells open palms from other hands: area under the ROC curve, medians, shares above."""
    yes, no = (np.array([value for is_open, value in told if is_open == kind]) for kind in (True, False))
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


def curve(found: list[Found]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """All detections of a set, best first: scores, hits (bool), precision and recall so far; and how many hands."""
    values = np.concatenate([f.score for f in found])
    hits = np.concatenate([f.hit for f in found]) >= 0
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], hits[order]
    hands = sum(len(f.size) for f in found)
    true = np.cumsum(hits)
    return values, hits, true / np.arange(1, len(hits) + 1), true / max(hands, 1), hands


def best_threshold(found: list[Found]) -> float:
    """The score at which F1 is highest."""
    values, _, precision, recall, _ = curve(found)
    if not len(values):
        return 0.5
    return float(values[np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-9))])


def ratio(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None


def evaluate(
    model: Model,
    profile: str,
    pictures: Iterable[Picture],
    subpixel: Literal["log", "offset", "mean"] = "log",
    draw: Path | None = None,
) -> dict:
    """Figures of a model at a profile, by mode and source; `total` is all pictures together."""
    found: dict[str, dict[str, list[Found]]] = {"all": {}, "native": {}}
    told: list[tuple[bool, float]] = []
    for number, picture in enumerate(pictures):
        peaks = find_peaks(model.look(picture.read(), model.sizes[profile]), WEAKEST, subpixel)
        for mode in ("all", "native"):
            found[mode].setdefault(picture.source, []).append(match(picture, peaks, mode))
        told += palms(picture, peaks)
        if draw is not None:
            show(picture, peaks, draw / f"{picture.source.replace('/', '_')}_{number:04d}.png")
    if not found["all"]:
        raise LabelError("no labelled pictures to evaluate on")
    result: dict = {"model": str(model.path.name), "profile": profile, "size": list(model.sizes[profile])}
    for mode, sources in found.items():
        together = [f for group in sources.values() for f in group]
        threshold = best_threshold(together)
        rows = {source: vars(score(group, threshold)) for source, group in sources.items()}
        result[mode] = {"threshold": threshold, "sources": rows, "total": vars(score(together, threshold))}
    result["palms"] = separation(told)
    return result


def show(picture: Picture, peaks: Peaks, path: Path) -> None:
    """Writes a picture with its labels (thin) and what was found (circles; green: open)."""
    image = picture.read().copy()
    for box, kind in zip(picture.boxes.astype(int), picture.kinds, strict=True):
        colour = (255, 0, 0) if kind == IGNORE else (0, 255, 0) if kind == OPEN else (0, 200, 255)
        cv2.rectangle(image, box[:2].tolist(), (box[:2] + box[2:]).tolist(), colour, 1)
    for xy, value, opened, radius in zip(*peaks, strict=True):
        if value < 0.2:
            continue
        centre = (xy * [picture.width, picture.height]).astype(int).tolist()
        colour = (0, 255, 0) if opened > 0.5 else (0, 0, 255)
        cv2.circle(image, centre, max(2, int(radius * picture.width)), colour, 2 if value > 0.4 else 1)
        cv2.putText(image, f"{value:.2f}", centre, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def table(result: dict, mode: str) -> str:
    """The figures of one mode as text, a line per source."""
    head = [
        "source",
        "pictures",
        "hands",
        "AP",
        "P",
        "R",
        "F1",
        "R@P.9",
        *(f"R {n}" for n in BIN_NAMES),
        "error %",
        "FA",
    ]
    lines = [head]
    for source, row in [*sorted(result[mode]["sources"].items()), ("total", result[mode]["total"])]:
        figures = [row["ap"], row["precision"], row["recall"], row["f1"], row["recall_at_p90"]]
        cells = [text(v, 3) for v in [*figures, *row["recall_by_size"].values()]]
        cells += [text(row["centre_error"], 1), text(row["false_alarms"], 2)]
        lines.append([source, str(row["pictures"]), str(row["hands"]), *cells])
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    title = f"{mode}: {result['model']}, {result['profile']}, threshold {result[mode]['threshold']:.2f}"
    rows = [
        "  ".join(c.ljust(w) if n == 0 else c.rjust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    return "\n".join([title, *rows])


def palms_line(palms: dict) -> str:
    """How well palms and other hands are told apart, in one line."""
    parts = [f"palms: area under the ROC curve {text(palms['area'], 3)}"]
    for name in ("open", "other"):
        hands, median, above = palms[name].values()
        parts.append(f"{name}: {hands} hands, median {text(median, 2)}, {text(above, 2)} above {palms['threshold']}")
    return "; ".join(parts)


def text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def run(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    model = open_model(model_path(args.model, args.precision))
    result = evaluate(
        model, args.profile, read_labels(args.labels), args.subpixel, Path(args.draw) if args.draw else None
    )
    if args.json:
        print(json.dumps(result))
    else:
        print("\n\n".join([table(result, "all"), table(result, "native"), palms_line(result["palms"])]))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", nargs="+", metavar="LABELS", help="label files (JSON lines) or folders of them")
    parser.add_argument("--profile", choices=["near", "mid", "far"], default="near")
    parser.add_argument("--model", default="hands", help="a packaged model by name, or the path of an ONNX file")
    parser.add_argument("--precision", choices=["fp32", "int8"], default="fp32")
    parser.add_argument("--subpixel", choices=["log", "offset", "mean"], default="log", help="how a peak is refined")
    parser.add_argument("--draw", metavar="FOLDER", help="also write each picture with what was found in it")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
