"""How well hands are followed through clips whose hands are known, and through the demo: the whole chain, as `detect`.

Found: the share of labelled hands that a hand that is told lies on. Ghosts: the share of told hands that are predicted,
and on no hand. A switch: a hand is told under another id than when it was last found, without having been out of sight.
Jitter: how far a hand at rest wanders in half a second, peak to peak. Lag: by how much time what is told is behind,
fitted to hands on the move together with how far the two ideas of a hand's middle are apart.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from handflow.capture import files as sources
from handflow.outputs.json_line import Line
from handflow.pipeline import detect, follow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.synthetic.camera_noise import CameraNoise
from handflow.synthetic.scene import Scene
from handflow.training.labels.data import LabelError
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import IGNORE, OPEN, OTHER
from handflow.vision.thresholds import KEEP_SCORE

from .detections import peaks_of
from .matching import Detections, curve, match, ratio, reach
from .report import sheet, worst

REST_S = 0.5  # a hand at rest is looked at for so long
REST = 0.005  # widths: if its label moves by no more, it rests
MOVES = 0.1  # widths/s: a lag is told by hands whose speed changes by this much
FEWEST = 10  # in so many frames
MOMENTS = 6  # of the demo on a contact sheet


class FollowedPosition(NamedTuple):
    """One hand in one frame: where it is, and where it is told to be; in widths."""

    t: float
    truth: complex
    told: complex
    id: int


def clips_of(pictures: Iterable[LabelledPicture]) -> dict[Path, list[LabelledPicture]]:
    """The labelled frames of each clip, in order."""
    clips: dict[Path, list[LabelledPicture]] = defaultdict(list)
    for picture in pictures:
        if picture.frame is not None:
            clips[picture.path].append(picture)
    return {path: sorted(frames, key=lambda p: p.frame or 0) for path, frames in clips.items()}


def follow_clips(pictures: Iterable[LabelledPicture], model: HeatmapNode) -> dict[str, dict]:
    """The figures of each labelled clip, and of all together (`total`). `model` runs (`inline.started`)."""
    told: dict[Path, list[Line]] = {}
    clips = clips_of(pictures)
    for path in clips:
        told[path] = [seen.line for seen in detect(str(path), model)]
    return figures(clips, told)


def follow_lines(pictures: Iterable[LabelledPicture], lines: list[Line]) -> dict[str, dict]:
    """The same for hands that were followed elsewhere or earlier; nothing where no hand has an id."""
    clips = clips_of(pictures)
    told: dict[Path, list[Line]] = {path: [] for path in clips}
    for line in lines:
        for path in clips:
            if Path(line["source"]).name == path.name:
                told[path].append(line)
    followed = [hand.get("id") is not None for lines in told.values() for line in lines for hand in line["hands"]]
    if not (followed and all(followed)):
        return {}
    return figures(clips, told)


def follow_demo(
    hands: int, seconds: float, model: HeatmapNode, seed: int = 0, fps: float = 30.0, picture: Path | None = None
) -> dict[str, dict]:
    """The same for the demo's scene with so many hands. `picture`: a contact sheet of its worst moments goes there."""
    scene = Scene(seed, hands)
    scene.paint()
    noise = CameraNoise(2.5, (scene.width, scene.height))
    count = round(seconds * fps)

    def draw(number: int) -> np.ndarray:
        image = np.empty((scene.height, scene.width, 3), np.uint8)
        scene.draw(number / fps, image)
        noise.add(number / fps, image)
        return image

    def drawn() -> Iterator[sources.CapturedFrame]:
        for number in range(count):
            yield sources.CapturedFrame(draw(number), round(number / fps * 1e9), number, number / fps)

    name = Path(f"demo of {hands} hands")
    truth = [true_hands(scene, number / fps, number, name) for number in range(count)]
    told = [seen.line for seen in follow(str(name), drawn(), model, Tracker())]
    if picture is not None:
        apart = [Detections(truth[n], peaks_of(told[n])) for n in range(0, count, round(fps / 2))]  # no moment twice
        with tempfile.TemporaryDirectory() as folder:
            bad = []
            for one in worst(apart, KEEP_SCORE, 3 * MOMENTS)[:MOMENTS]:
                path = Path(folder) / f"{one.seen.picture.frame}.png"
                cv2.imwrite(str(path), draw(one.seen.picture.frame or 0))
                moment = replace(one.seen.picture, path=path, frame=None)
                bad.append(one._replace(seen=one.seen._replace(picture=moment)))
            if bad:
                cv2.imwrite(str(picture), sheet(bad))
    return {name.name: Followed(truth, told).figures()}


def true_hands(scene: Scene, t: float, number: int, name: Path) -> LabelledPicture:
    """A moment of the demo as if somebody had labelled it. A hand whose middle is out of sight may be found or not."""
    truth = scene.truth(t)
    size = [scene.width, scene.height]
    side = 2 * truth.radius[:, None] * scene.width
    boxes = np.hstack([truth.xy * size - side / 2, np.tile(side, 2)])
    partly = ((boxes[:, :2] < size) & (boxes[:, :2] + boxes[:, 2:] > 0)).all(axis=1)
    kinds = np.where(truth.visible, np.where(truth.open > 0.5, OPEN, OTHER), IGNORE)
    return LabelledPicture(
        path=name,
        width=scene.width,
        height=scene.height,
        boxes=boxes[partly].astype(np.float32),
        kinds=kinds[partly],
        source="demo",
        group="demo",
        frame=number,
        ids=[str(number) for number in truth.id[partly]],
    )


def figures(clips: Mapping[Path, list[LabelledPicture]], told: Mapping[Path, list[Line]]) -> dict[str, dict]:
    """What is told of each clip against its labels; `total`: the frames and hands of all. Nothing without clips."""
    if not clips:
        return {}
    parts = {path.stem: Followed(frames, told[path]) for path, frames in clips.items()}
    return {name: part.figures() for name, part in parts.items()} | {"total": together(list(parts.values()))}


class Followed:
    """A clip's labelled frames beside what was told of them."""

    def __init__(self, frames: list[LabelledPicture], lines: list[Line]) -> None:
        by_frame = {line["frame"]: line for line in lines}
        absent = [p.frame for p in frames if p.frame not in by_frame]
        if absent:
            raise LabelError(
                f"{frames[0].path}: labelled frame {absent[0]} is not among the {len(lines)} that were read"
            )
        self.frames = len(frames)
        self.told = self.ghosts = 0  # hands told; those of them that are predicted where none is
        self.found = [match(p, peaks_of(by_frame[p.frame or 0]), "all") for p in frames]
        self.samples: dict[tuple[str, int], list[FollowedPosition]] = defaultdict(list)  # of each visit of each hand
        visits: dict[str, int] = defaultdict(int)
        seen: dict[str, float] = {}  # when a hand was last labelled
        for picture, names in zip(frames, identities(frames), strict=True):
            line = by_frame[picture.frame or 0]
            can_hit, _, ignored = reach(picture, places_of(line))
            nowhere = ~(can_hit.any(axis=1) | ignored)
            self.told += len(nowhere)
            self.ghosts += sum(bool(n) for n, h in zip(nowhere, line["hands"], strict=True) if h.get("predicted"))
            for n in np.flatnonzero(picture.hands).tolist():
                visits[names[n]] += line["t"] - seen.get(names[n], line["t"]) > Tracker.keep_s  # it comes back as new
                seen[names[n]] = line["t"]
            before = {name: samples[-1].id for (name, visit), samples in self.samples.items() if visits[name] == visit}
            for n, hand in on_hands(picture, names, line, before).items():
                aspect = picture.height / picture.width
                x, y = (picture.boxes[n, :2] + picture.boxes[n, 2:] / 2) / picture.width
                place = complex(hand["x"], hand["y"] * aspect)
                self.samples[names[n], visits[names[n]]].append(
                    FollowedPosition(line["t"], complex(x, y), place, hand["id"])
                )

    def figures(self) -> dict:
        return together([self])


def together(parts: list[Followed]) -> dict:
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
        "ghosts": ratio(sum(part.ghosts for part in parts), sum(part.told for part in parts)),
        "switches": switches,
        "switches_per_100_frames": ratio(100 * switches, frames),
        "jitter": float(np.median(wander)) * 100 if wander else None,  # % of the width
        "lag_ms": lag_ms(samples),
    }


def places_of(line: Line) -> np.ndarray:
    """Where the hands of a line are, (n, 2)."""
    return np.array([(hand["x"], hand["y"]) for hand in line["hands"]], float).reshape(-1, 2)


def on_hands(
    picture: LabelledPicture, names: list[str], line: Line, before: Mapping[str, int]
) -> dict[int, dict[str, Any]]:
    """Which told hand lies on which box (by number): the one that did before if it still does, else the nearest."""
    hands = line["hands"]
    can_hit, away, _ = reach(picture, places_of(line))
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
    """How far the told place wanders, in widths, in each stretch of half a second in which the hand rests."""
    found = []
    first = 0
    for last in range(len(hand)):
        if spread([s.truth for s in hand[first : last + 1]]) > REST or hand[last].id != hand[first].id:
            first = last
        if hand[last].t - hand[first].t >= REST_S - 1e-6:
            found.append(spread([s.told for s in hand[first : last + 1]]))
            first = last
    return found


def spread(places: list[complex]) -> float:
    """From peak to peak, in the direction in which that is more."""
    return max(np.ptp([p.real for p in places]), np.ptp([p.imag for p in places]))


def lag_ms(hands: list[list[FollowedPosition]]) -> float | None:
    """By how much the told places are late: the least squares fit of told - truth = apart - lag x velocity."""
    late, moved = 0.0, 0.0
    for hand in hands:
        # The label's velocity, between its neighbours; across a gap nobody knows it.
        inner = [(a, b, c) for a, b, c in zip(hand, hand[1:], hand[2:], strict=False) if c.t - a.t < 0.12]
        if not inner:
            continue
        velocity = np.array([(c.truth - a.truth) / (c.t - a.t) for a, _, c in inner])
        error = np.array([b.told - b.truth for _, b, _ in inner])
        velocity, error = velocity - velocity.mean(), error - error.mean()
        late += float((error * velocity.conj()).real.sum())
        moved += float((abs(velocity) ** 2).sum())
    # A hand of one even speed cannot tell being late from being told beside its middle.
    return -1000 * late / moved if moved >= FEWEST * MOVES**2 else None
