"""Detections as JSON lines in `detect`'s format: an earlier run's or somebody else's, in and out."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TextIO

import numpy as np

from handflow.outputs.json_line import Line, frame_line, hand_line
from handflow.recording.sources import open_frames
from handflow.runtime.names import written
from handflow.training.labels.data import LabelError
from handflow.training.labels.pictures import LabelledPicture
from handflow.vision.peaks import Peaks

from .matching import Detections


def write_lines(seen: Iterable[Detections], out: TextIO) -> Iterator[Detections]:
    """Passes detections on, and writes a line for each picture."""
    for one in seen:
        picture = one.picture
        t = picture.frame / fps(picture.path) if picture.frame else 0.0
        hands = [
            hand_line(None, *values)
            for values in zip(one.peaks.xy, one.peaks.radius, one.peaks.score, one.peaks.open, strict=True)
        ]
        line = frame_line(str(picture.path), picture.frame or 0, t, picture.width, picture.height, hands)
        print(json.dumps(line), file=out)
        yield one


def read_lines(path: Path) -> list[Line]:
    """The lines of a file, checked. Raises LabelError."""
    if not path.is_file():
        raise LabelError(f"{path}: no such file of detections")
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if text.strip():
            try:
                line = json.loads(text)
                [(float(hand["x"]), float(hand["y"]), float(hand["score"])) for hand in line["hands"]]
                line["source"], line["frame"]
            except (ValueError, TypeError, KeyError) as error:
                wanted = '{"source", "frame", "hands": [{"x", "y", "score"}]} as `handflow detect` writes it'
                reason = f"{type(error).__name__} {error}"
                raise LabelError(f"{path}:{number}: expected {wanted}, got {text[:40]!r} ({reason})") from None
            lines.append(line)
    return lines


def peaks_of(line: Line) -> Peaks:
    """The hands of a line; whoever does not say what is an open palm means all of them, with the score they have."""
    hands = sorted(line["hands"], key=lambda hand: -hand["score"])
    return Peaks(
        xy=np.array([(hand["x"], hand["y"]) for hand in hands], np.float32).reshape(-1, 2),
        score=np.array([hand["score"] for hand in hands], np.float32),
        open=np.array([hand.get("open", hand["score"]) for hand in hands], np.float32),
        radius=np.array([hand.get("radius", 0) for hand in hands], np.float32),
    )


def detections_in(lines: list[Line], pictures: Iterable[LabelledPicture], file: Path) -> Iterator[Detections]:
    """Each labelled picture with its line. LabelError for one that has none."""
    by_name: dict[tuple[str, int], list[Line]] = defaultdict(list)
    for line in lines:
        by_name[Path(line["source"]).name, line["frame"]].append(line)
    for picture in pictures:
        lines = by_name[written(picture.path.name), picture.frame or 0]
        yield Detections(picture, peaks_of(line_of(picture, lines, file)))


def line_of(picture: LabelledPicture, lines: list[Line], file: Path) -> Line:
    """Of `lines`, which all name a file as the picture is called, the one whose folders agree with the picture's."""
    wanted = Path(written(picture.path.resolve())).parts

    def agree(line: Line) -> int:
        pairs = zip(reversed(Path(line["source"]).parts), reversed(wanted), strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

    best = sorted(lines, key=agree)
    if not best:
        what = f"{picture.path}" if picture.frame is None else f"frame {picture.frame} of {picture.path}"
        raise LabelError(f"{file}: has no line for {what}; a picture in which nothing was found has an empty list")
    if len(best) > 1 and agree(best[-2]) == agree(best[-1]):
        raise LabelError(f"{file}: two lines may be of {picture.path}: {best[-2]['source']} and {best[-1]['source']}")
    return best[-1]


@lru_cache(maxsize=64)
def fps(clip: Path) -> float:
    """A clip's frames a second."""
    reader = open_frames(clip)
    reader.close()
    return reader.fps
