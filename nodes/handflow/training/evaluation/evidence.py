"""`handflow evaluate CLIPS --evidence`: what evidence over time finds, against none, at several thresholds of each.

The network looks once and all trackers get the same maps, but for a gaze: where that looks depends on what is followed,
so each tracker has one of its own. Palms of the sizes asked for are required, other hands count neither way. A false
hand is an id that for most of its frames is farther from every labelled hand than that is long: a hand told beside
itself is a wrong position, but nobody's ghost. First told: from a palm's first labelled frame on.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from handflow.messages import Frame
from handflow.outputs.json_line import Line, line_of
from handflow.pipeline import follow
from handflow.recording.sources import read_source
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import IGNORE, OPEN

from .matching import ratio, reach
from .track_scores import FollowedClip, combined, identities, positions_of
from .tracking import clips_of

Row = dict[str, Any]
# The shipped threshold of each comes first.
SETTINGS: dict[str, dict[str, Any]] = {
    **{f"none, start_score {s:g}": {"evidence": False, "start_score": s} for s in (0.6, 0.52, 0.56, 0.45)},
    **{f"evidence, start_probability {p:g}": {"start_probability": p} for p in (0.8, 0.95, 0.9, 0.7, 0.6)},
}


def compare(pictures: Iterable[LabelledPicture], model: HeatmapNode, sizes: tuple[float, float]) -> list[Row]:
    """A row of figures for each of SETTINGS. `sizes` of palms, of the picture's width. `model` runs (`started`)."""
    lines: dict[Path, dict[str, list[Line]]] = {}
    clips = {path: [required(p, sizes) for p in frames] for path, frames in clips_of(pictures).items()}
    for path in clips:
        lines[path] = follow_with_all(path, model)
        read = {line["frame"] for line in next(iter(lines[path].values()))}
        clips[path] = [picture for picture in clips[path] if picture.frame in read]
    rows = []
    for name in SETTINGS:
        parts = [(frames, lines[path][name]) for path, frames in clips.items() if frames]
        followed = combined([FollowedClip(frames, told) for frames, told in parts])
        seconds = sum(told[-1]["t"] - told[0]["t"] for _, told in parts)
        waits = [wait for frames, told in parts for wait in first_told_s(frames, told)]
        rows.append(
            {
                "tracker": name,
                "palms": followed["hands"],
                "found": followed["found"],
                "false_a_minute": ratio(60 * sum(false_hands(*part) for part in parts), seconds),
                "first_told_ms": 1000 * float(np.median(waits)) if waits else None,
                **{key: followed[key] for key in ("switches_per_100_frames", "jitter", "lag_ms")},
            }
        )
    return rows


def required(picture: LabelledPicture, sizes: tuple[float, float]) -> LabelledPicture:
    """The picture with all hands but palms of `sizes` as regions to ignore."""
    side = picture.boxes[:, 2:].max(axis=1, initial=0) / picture.width
    counts = (picture.kinds == OPEN) & (side >= sizes[0]) & (side <= sizes[1])
    return replace(picture, kinds=np.where(counts, OPEN, IGNORE))


def follow_with_all(clip: Path, model: HeatmapNode) -> dict[str, list[Line]]:
    """The lines of a clip's frames with the tracker of each of SETTINGS."""
    if model.profile == "gaze":
        return {name: follow_alone(clip, model, Tracker(**settings)) for name, settings in SETTINGS.items()}
    trackers = {name: InlineNode(Tracker(**s), {"heatmap": "heatmap", "flow": "flow"}) for name, s in SETTINGS.items()}
    nodes = {
        "flow": InlineNode(OpticalFlow(), {"frame": ""}),
        "heatmap": InlineNode(model, {"frame": "", "prior": "none"}, running=True),
        **trackers,
    }
    lines: dict[str, list[Line]] = {name: [] for name in SETTINGS}
    with InlineGraph(nodes) as stages:
        for captured in read_source(clip):
            said = stages.push(Frame(image=captured.image, captured_ns=captured.captured_ns, seq=captured.number + 1))
            for name in SETTINGS:
                lines[name].append(line_of(str(clip), said[name], 0))
    return lines


def follow_alone(clip: Path, model: HeatmapNode, tracker: Tracker) -> list[Line]:
    """The lines of a clip's frames, of one tracker that tells the network's stage what it expects."""
    return [seen.line for seen in follow(str(clip), read_source(clip), model, tracker)]


def false_hands(frames: list[LabelledPicture], lines: list[Line]) -> int:
    """How many ids are on or near no labelled hand for most of their frames."""
    nowhere: dict[int, list[bool]] = defaultdict(list)
    for picture, line in by_frame(frames, lines):
        _, away, ignored = reach(picture, positions_of(line))
        near = (away <= picture.boxes[:, 2:].max(axis=1, initial=0)).any(axis=1) | ignored
        for hand, is_near in zip(line["hands"], near.tolist(), strict=True):
            nowhere[hand["id"]].append(not is_near)
    return sum(2 * sum(each) > len(each) for each in nowhere.values())


def first_told_s(frames: list[LabelledPicture], lines: list[Line]) -> list[float]:
    """How long each palm that is found was labelled before."""
    since: dict[str, float] = {}
    waits: dict[str, float] = {}
    names = dict(zip([picture.frame for picture in frames], identities(frames), strict=True))
    for picture, line in by_frame(frames, lines):
        can_hit = reach(picture, positions_of(line))[0]
        for n in np.flatnonzero(picture.hands).tolist():
            name = names[picture.frame][n]
            since.setdefault(name, line["t"])
            if can_hit[:, n].any():
                waits.setdefault(name, line["t"] - since[name])
    return list(waits.values())


def by_frame(frames: list[LabelledPicture], lines: list[Line]) -> Iterator[tuple[LabelledPicture, Line]]:
    """Each labelled frame with its line."""
    lines_by_frame = {line["frame"]: line for line in lines}
    return ((picture, lines_by_frame[picture.frame or 0]) for picture in frames)
