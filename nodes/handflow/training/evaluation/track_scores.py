"""Followed hands against labelled ones: what is found, how steadily, how late.

Found: the share of labelled hands on which a reported hand lies. Ghosts: the share of reported hands that are predicted
and lie on no hand. Palms and others open: the shares of open palms, and of other hands, that are told as open palms. A
switch: a hand is reported under another id than when it was last found, without having been out of sight. Jitter: how
far a hand at rest wanders in half a second, peak to peak. Lag: by how much time reports are behind, fitted to hands on
the move together with how far the two ideas of a hand's middle are apart.
"""

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handflow.outputs.json_line import Line
from handflow.stages.tracker import Tracker
from handflow.training.labels.data import LabelError
from handflow.training.labels.pictures import LabelledPicture

from .detections import peaks_of
from .matching import curve, match, palm_scores, ratio, reach, separation

REST_S = 0.5  # over which a hand at rest is observed
REST = 0.005  # widths: if its label moves by no more, it rests
MOVES = 0.1  # widths/s: a lag shows in hands whose speed changes by this much
FEWEST = 10  # in so many frames


class FollowedPosition(NamedTuple):
    """One hand in one frame: where it is, and where it is reported to be; in widths."""

    t: float
    truth: complex
    reported: complex
    id: int


def figures(clips: Mapping[Path, list[LabelledPicture]], reported: Mapping[Path, list[Line]]) -> dict[str, dict]:
    """What is reported of each clip against its labels; `total`: the frames and hands of all. Nothing without clips."""
    if not clips:
        return {}
    parts = {path.stem: FollowedClip(frames, reported[path]) for path, frames in clips.items()}
    return {name: part.figures() for name, part in parts.items()} | {"total": combined(list(parts.values()))}


class FollowedClip:
    """A clip's labelled frames beside what was reported of them."""

    def __init__(self, frames: list[LabelledPicture], lines: list[Line]) -> None:
        by_frame = {line["frame"]: line for line in lines}
        absent = [p.frame for p in frames if p.frame not in by_frame]
        if absent:
            raise LabelError(
                f"{frames[0].path}: labelled frame {absent[0]} is not among the {len(lines)} that were read"
            )
        self.frames = len(frames)
        self.reported = self.ghosts = 0  # hands reported; those of them that are predicted where none is
        self.found = [match(p, peaks_of(by_frame[p.frame or 0]), "all") for p in frames]
        # Of each hand of a sure kind that is reported: whether it is an open palm, and how open it is said to be.
        self.palms = [pair for p in frames for pair in palm_scores(p, peaks_of(by_frame[p.frame or 0]))]
        self.samples: dict[tuple[str, int], list[FollowedPosition]] = defaultdict(list)  # of each visit of each hand
        visits: dict[str, int] = defaultdict(int)
        seen: dict[str, float] = {}  # when a hand was last labelled
        for picture, names in zip(frames, identities(frames), strict=True):
            line = by_frame[picture.frame or 0]
            can_hit, _, ignored = reach(picture, positions_of(line))
            nowhere = ~(can_hit.any(axis=1) | ignored)
            self.reported += len(nowhere)
            self.ghosts += sum(bool(n) for n, h in zip(nowhere, line["hands"], strict=True) if h.get("predicted"))
            for n in np.flatnonzero(picture.hands).tolist():
                visits[names[n]] += line["t"] - seen.get(names[n], line["t"]) > Tracker.keep_s  # it comes back as new
                seen[names[n]] = line["t"]
            before = {name: samples[-1].id for (name, visit), samples in self.samples.items() if visits[name] == visit}
            for n, hand in hands_on_boxes(picture, names, line, before).items():
                aspect = picture.height / picture.width
                x, y = (picture.boxes[n, :2] + picture.boxes[n, 2:] / 2) / picture.width
                place = complex(hand["x"], hand["y"] * aspect)
                self.samples[names[n], visits[names[n]]].append(
                    FollowedPosition(line["t"], complex(x, y), place, hand["id"])
                )

    def figures(self) -> dict:
        return combined([self])


def combined(parts: list[FollowedClip]) -> dict:
    """The figures of some clips as if they were one."""
    found = [f for part in parts for f in part.found]
    frames = sum(part.frames for part in parts)
    samples = [samples for part in parts for samples in part.samples.values()]
    _, hits, precision, recall, hands = curve(found)
    switches = sum(a.id != b.id for hand in samples for a, b in pairwise(hand))
    wander = [w for hand in samples for w in jitter(hand)]
    return {
        "frames": frames,
        "hands": hands,
        "found": ratio(sum(len(hand) for hand in samples), hands),
        "precision": ratio(hits.sum(), len(hits)),
        "found_at_p95": float(recall[precision >= 0.95].max(initial=0)) if hands else None,
        "ghosts": ratio(sum(part.ghosts for part in parts), sum(part.reported for part in parts)),
        **told_open([pair for part in parts for pair in part.palms]),
        "switches": switches,
        "switches_per_100_frames": ratio(100 * switches, frames),
        "jitter": float(np.median(wander)) * 100 if wander else None,  # % of the width
        "lag_ms": lag_ms(samples),
    }


def told_open(palms: list[tuple[bool, float]]) -> dict[str, float | None]:
    """Which share of the open palms is told as such, and of other hands; None where there are none of a sure kind."""
    told = separation(palms)
    return {"palms_open": told["open"]["above"], "others_open": told["other"]["above"]}


def positions_of(line: Line) -> np.ndarray:
    """Where the hands of a line are, (n, 2)."""
    return np.array([(hand["x"], hand["y"]) for hand in line["hands"]], float).reshape(-1, 2)


def hands_on_boxes(
    picture: LabelledPicture, names: list[str], line: Line, before: Mapping[str, int]
) -> dict[int, dict[str, Any]]:
    """Which reported hand lies on which box (by number): the one that did before if it still does, else the nearest."""
    hands = line["hands"]
    can_hit, away, _ = reach(picture, positions_of(line))
    pairs = [
        (before.get(names[n]) != hands[d]["id"], float(away[d, n]), int(d), int(n))
        for d, n in zip(*np.nonzero(can_hit & picture.hands), strict=True)
    ]
    given: dict[int, dict[str, Any]] = {}
    taken: set[int] = set()
    for _, _, d, n in sorted(pairs):
        if d not in taken and n not in given:
            given[n] = hands[d]
            taken.add(d)
    return given


def identities(frames: list[LabelledPicture]) -> list[list[str]]:
    """Which hand each box is: as the labels say, else the hand whose box in the labelled frame before was nearest."""
    names: list[list[str]] = []
    last: dict[str, np.ndarray] = {}
    fresh = 0
    for picture in frames:
        centre = picture.boxes[:, :2] + picture.boxes[:, 2:] / 2
        mine: list[str | None] = list(picture.ids) if picture.ids else [None] * len(centre)
        free = {name: place for name, place in last.items() if name not in mine}
        pairs = sorted(
            (float(np.linalg.norm(centre[n] - place)), n, name)
            for n in range(len(centre))
            if mine[n] is None
            for name, place in free.items()
        )
        for away, n, name in pairs:
            if mine[n] is None and name in free and away < picture.boxes[n, 2:].max():
                mine[n] = name
                del free[name]
        whole = []
        for said in mine:
            fresh += said is None
            whole.append(f"hand {fresh}" if said is None else said)
        names.append(whole)
        last = dict(zip(whole, centre, strict=True))
    return names


def jitter(hand: list[FollowedPosition]) -> list[float]:
    """How far the reported position wanders, in widths, in each stretch of half a second in which the hand rests."""
    found = []
    first = 0
    for last in range(len(hand)):
        if peak_to_peak([s.truth for s in hand[first : last + 1]]) > REST or hand[last].id != hand[first].id:
            first = last
        if hand[last].t - hand[first].t >= REST_S - 1e-6:
            found.append(peak_to_peak([s.reported for s in hand[first : last + 1]]))
            first = last
    return found


def peak_to_peak(places: list[complex]) -> float:
    """From peak to peak, in the direction in which that is more."""
    return max(np.ptp([p.real for p in places]), np.ptp([p.imag for p in places]))


def lag_ms(hands: list[list[FollowedPosition]]) -> float | None:
    """By how much reported positions are late: the least squares fit of reported - truth = apart - lag x velocity."""
    late, moved = 0.0, 0.0
    for hand in hands:
        # The label's velocity, between its neighbours; across a gap nobody knows it.
        inner = [(a, b, c) for a, b, c in zip(hand, hand[1:], hand[2:], strict=False) if c.t - a.t < 0.12]
        if not inner:
            continue
        velocity = np.array([(c.truth - a.truth) / (c.t - a.t) for a, _, c in inner])
        error = np.array([b.reported - b.truth for _, b, _ in inner])
        velocity, error = velocity - velocity.mean(), error - error.mean()
        late += float((error * velocity.conj()).real.sum())
        moved += float((abs(velocity) ** 2).sum())
    # A hand of one even speed cannot tell being late from being reported beside its middle.
    return -1000 * late / moved if moved >= FEWEST * MOVES**2 else None
