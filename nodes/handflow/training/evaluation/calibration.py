"""How much a look speaks for a hand, measured: the curves of vision/evidence.py from labelled clips.

A tracker follows all that fires and tells nothing; a track on an open palm is a hand's, one on no hand is clutter, and
one on any other hand counts neither way. The ratios are of histograms with one more look in each bin (Laplace), that
of the score made monotone (pool adjacent violators, Barlow et al. 1972): a higher peak never speaks against a hand.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handflow.errors import SetupError
from handflow.messages import Frame
from handflow.recording.sources import read_source
from handflow.runtime.inline import InlineGraph, InlineNode, started
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.training.labels.data import read_labels
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import OPEN
from handflow.vision.evidence import MOTION_S, MOTIONS, SCORES, SHIPPED, Calibration

from .evaluate import Profile
from .matching import reach
from .tracking import clips_of

# Fewer looks at hands, or at what is none, say too little.
FEWEST = 200
# At which a model file is measured: it is far hands that need evidence.
PROFILE: Profile = "far"
# A bin with fewer says nothing: there the shipped curve counts.
FEW = 10
# No single look is believed more than this.
MOST = 6.0


class Seen(NamedTuple):
    """One look at one track."""

    is_hand: bool
    score: float | None  # None: no peak
    motion: float
    age_s: float


def labelled_clips(labels: list[str], strict: bool = False) -> list[LabelledPicture]:
    """The labelled frames of clips. SetupError where there are only pictures."""
    pictures = read_labels(labels, strict)
    if not clips_of(pictures):
        raise SetupError(f"{labels[0]}: expected labelled clips, got pictures; `handflow synthesize --clips 6`")
    return pictures


def stage_of(path: Path, profile: Profile) -> HeatmapNode:
    """The stage with the file as it is named, for which every frame counts."""
    return HeatmapNode(model=str(path), profile=profile, precision="fp32", idle_fps=240)


def measured(path: Path, clips: list[str], strict: bool = False) -> list[float]:
    """The calibration of a model file, as its metadata has it. Raises SetupError."""
    pictures = labelled_clips(clips, strict)
    stage = stage_of(path, PROFILE)
    with started(stage):
        return calibrate(pictures, stage).numbers()


def calibrate(pictures: Iterable[LabelledPicture], model: HeatmapNode) -> Calibration:
    """The calibration of a network at a profile. `model` runs (`started`). SetupError where clips show too little."""
    looks = list(looks_at(pictures, model))
    hands = np.array([look.is_hand for look in looks], bool)
    if min(hands.sum(), (~hands).sum()) < FEWEST:
        raise SetupError(
            f"to calibrate, expected labelled clips with {FEWEST} looks at open palms and {FEWEST} at what is no hand, "
            f"got {hands.sum()} and {(~hands).sum()}; `handflow synthesize --waving --clips 6` renders some"
        )
    seen = np.array([look.score is not None for look in looks], bool)
    scores = np.array([look.score or 0.0 for look in looks])
    motions = np.array([look.motion for look in looks])
    # A new track has not moved yet.
    old = seen & (np.array([look.age_s for look in looks]) > MOTION_S)
    known = np.histogram(scores[seen], edges_of(np.array(SCORES)))[0]
    # Clips of far palms have no high scores, and near hands must be told at once with what was measured in them.
    score = np.where(known < FEW, SHIPPED.score, ratios(scores[seen], hands[seen], np.array(SCORES)))
    moved = np.histogram(motions[old], edges_of(np.array(MOTIONS)))[0]
    motion = np.where(moved < FEW, SHIPPED.motion, ratios(motions[old], hands[old], np.array(MOTIONS)))
    missed = [(1 + (~seen & kind).sum()) / (2 + kind.sum()) for kind in (hands, ~hands)]
    return Calibration(
        base=float(np.log(hands.sum() / (~hands).sum())),
        miss=float(np.log(missed[0] / missed[1])),
        score=tuple(monotone(score, known + 1e-6).tolist()),
        motion=tuple(motion.tolist()),
    )


def looks_at(pictures: Iterable[LabelledPicture], model: HeatmapNode) -> Iterator[Seen]:
    """Every look at every track in the labelled frames of clips."""
    for path, frames in clips_of(pictures).items():
        labelled = {picture.frame: picture for picture in frames}
        # Nothing is ever told, and nothing is quietened.
        tracker = Tracker(start_probability=1.0, quiet_s=0.0)
        nodes = {
            "flow": InlineNode(OpticalFlow(), {"frame": ""}),
            "heatmap": InlineNode(model, {"frame": "", "prior": "none"}, running=True),
            "tracker": InlineNode(tracker, {"heatmap": "heatmap", "flow": "flow"}),
        }
        with InlineGraph(nodes) as stages:
            for captured in read_source(path):
                stages.push(Frame(image=captured.image, captured_ns=captured.captured_ns, seq=captured.number + 1))
                if picture := labelled.get(captured.number):
                    yield from looks_in(picture, tracker)


def looks_in(picture: LabelledPicture, tracker: Tracker) -> Iterator[Seen]:
    """The looks of one frame."""
    aspect = picture.height / picture.width
    places = [track.path.position for track in tracker.tracks]
    xy = np.array([(place.real, place.imag / aspect) for place in places], float).reshape(-1, 2)
    can_hit, _, ignored = reach(picture, xy)
    palm = (can_hit & (picture.kinds == OPEN)).any(axis=1)
    neither = ~palm & (ignored | can_hit.any(axis=1))
    for track, is_hand, skip in zip(tracker.tracks, palm.tolist(), neither.tolist(), strict=True):
        if track.evidence is not None and not skip:
            yield Seen(is_hand, track.peak_score if track.seen else None, track.evidence.motion, track.age_s)


def ratios(values: np.ndarray, hands: np.ndarray, places: np.ndarray) -> np.ndarray:
    """ln p(value | hand) / p(value | clutter) at `places`, of the bins around them."""
    counts = [np.histogram(values[kind], edges_of(places))[0] + 1.0 for kind in (hands, ~hands)]
    found: np.ndarray = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
    return found.clip(-MOST, MOST)


def monotone(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The nearest curve that never falls: neighbours that do are joined, by weight."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        block = value, weight, 1
        while blocks and blocks[-1][0] > block[0]:
            before, more, count = blocks.pop()
            total = more + block[1]
            block = (before * more + block[0] * block[1]) / total, total, count + block[2]
        blocks.append(block)
    return np.concatenate([np.full(count, value) for value, _, count in blocks])


def edges_of(places: np.ndarray) -> np.ndarray:
    """The bins around `places`."""
    return np.concatenate([[-np.inf], (places[1:] + places[:-1]) / 2, [np.inf]])
