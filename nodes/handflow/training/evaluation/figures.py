"""All figures of a set of pictures, by mode and source."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from handflow.training.labels.data import LabelError
from handflow.vision.peaks import Peaks
from handflow.vision.thresholds import START_SCORE

from .matching import MODES, Detections, Matches, Mode, best_threshold, match, palm_scores, ratio, score, separation
from .thresholds import thresholds


def figures(seen: Iterable[Detections], joined: Mapping[str, Sequence[str]] | None = None) -> dict:
    """All figures of a set of pictures: by mode and source, `total` is all of them together.

    `joined`: sources that are counted as one besides, by a name for them. LabelError for one that is not there.
    """
    joined = joined or {}
    found: dict[Mode, dict[str, list[Matches]]] = {mode: {} for mode in MODES}
    scores: list[tuple[bool, float]] = []
    empty: list[Peaks] = []
    times: list[float] = []
    for picture, peaks, ms in seen:
        for mode in MODES:
            found[mode].setdefault(picture.source, []).append(match(picture, peaks, mode))
        scores += palm_scores(picture, peaks)
        empty += [] if len(picture.kinds) else [peaks]
        times += [] if ms is None else [ms]
    if not found["all"]:
        raise LabelError("no labelled pictures to evaluate on")
    for name, wanted in joined.items():
        if absent := [source for source in wanted if source not in found["all"]]:
            there = ", ".join(sorted(found["all"]))
            raise LabelError(f"{name}: expected sources among {there}; got {', '.join(absent)}")
    result: dict = {}
    for mode, sources in found.items():
        together = [f for group in sources.values() for f in group]
        threshold = best_threshold(together)
        rows = {source: vars(score(group, threshold)) for source, group in sources.items()}
        result[mode] = {"threshold": threshold, "sources": rows, "total": vars(score(together, threshold))}
        parts = {name: [f for source in wanted for f in sources[source]] for name, wanted in joined.items()}
        result[mode]["joined"] = {name: vars(score(part, threshold)) for name, part in parts.items()}
    result["thresholds"] = thresholds([f for group in found["all"].values() for f in group], empty, scores)
    result["palms"] = separation(scores)
    result["empty"] = alarms(empty, START_SCORE)
    result["ms"] = float(np.median(times)) if times else None
    return result


def alarms(empty: list[Peaks], threshold: float) -> dict:
    """What would be taken for a hand in pictures without any, at the threshold that is shipped."""
    strong = [float(s) for peaks in empty for s in peaks.score if s >= threshold]
    return {
        "threshold": threshold,
        "pictures": len(empty),
        "false_alarms": len(strong),
        "per_picture": ratio(len(strong), len(empty)),
        "highest": max((float(peaks.score.max(initial=0)) for peaks in empty), default=None),
    }
