"""`handflow detect`: pictures, folders and clips through the stages, in one process: every frame, no pacing.

Gives a JSON line per frame, a CSV line per hand, a video with the hands drawn on it.
"""

import argparse
import contextlib
import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

import cv2
import numpy as np

from .flow import OpticalFlow
from .heatmap import HeatmapNode
from .lines import Line, frame_line, hand_line, listed
from .messages import Frame
from .peaks import find_peaks
from .runtime.inline import Inline, Wired, started
from .runtime.node import SetupError
from .sources import SUFFIXES, Picture, pictures
from .tracker import Tracker


class Seen(NamedTuple):
    picture: Picture
    line: Line


def detect_paths(args: argparse.Namespace) -> int:
    """Runs the command: each path in turn, its lines to the outputs that were asked for."""
    model = HeatmapNode(profile=args.profile, precision=args.precision)
    with contextlib.ExitStack() as outputs:
        writers: list[Output] = []
        if args.json or not (args.csv or args.video):
            writers.append(Lines(outputs.enter_context(writable(args.json or "-"))))
        if args.csv:
            writers.append(Table(outputs.enter_context(writable(args.csv))))
        if args.video:
            video = Video(Path(args.video))
            outputs.callback(video.close)
            writers.append(video)
        outputs.enter_context(started(model))
        for path in args.paths:
            for seen in detect(path, model, track=not args.no_track, min_score=args.min_score):
                for writer in writers:
                    writer.write(seen)
    return 0


def detect(path: str, model: HeatmapNode, track: bool = True, min_score: float | None = None) -> Iterator[Seen]:
    """Every picture of `path` with its hands. Still pictures are independent of each other: no tracking. SetupError.

    `model` runs (`started`): it is opened once for all the paths of a command.
    `min_score` lets weaker peaks through than the tracker's own thresholds.
    """
    stills = _stills(path)
    if stills or not track:
        yield from _peaks(path, stills, model, Tracker.start_score if min_score is None else min_score)
    else:
        tracker = Tracker() if min_score is None else Tracker(start_score=min_score, keep_score=min_score)
        yield from follow(path, pictures(path), model, tracker)


def _peaks(path: str, stills: list[Path], model: HeatmapNode, min_score: float) -> Iterator[Seen]:
    with Inline({"heatmap": Wired(model, {"frame": "", "prior": "none"}, running=True)}) as stages:
        for source in stills or [Path(path)]:
            name = path if not stills or str(source) == path else str(Path(path) / source.name)
            for picture in pictures(source):
                heatmap = stages.push(Frame(image=picture.image, captured_ns=picture.captured_ns))["heatmap"]
                found = find_peaks(heatmap, min_score)
                hands = [
                    hand_line(None, *values)
                    for values in zip(found.xy, found.radius, found.score, found.open, strict=True)
                ]
                yield Seen(picture, _line(name, picture, hands))


def follow(source: str, frames: Iterable[Picture], model: HeatmapNode, tracker: Tracker) -> Iterator[Seen]:
    """The pictures of a clip, or of anything that moves, with the hands that are followed through them.

    `model` runs (`started`).
    """
    nodes = {
        "flow": Wired(OpticalFlow(), {"frame": ""}),
        "heatmap": Wired(model, {"frame": "", "prior": "tracker"}, running=True),
        "tracker": Wired(tracker, {"heatmap": "heatmap", "flow": "flow"}),
    }
    with Inline(nodes) as stages:
        for picture in frames:
            frame = Frame(image=picture.image, captured_ns=picture.captured_ns, seq=picture.frame + 1)
            yield Seen(picture, _line(source, picture, listed(stages.push(frame)["tracker"])))


def draw(image: np.ndarray, line: Line) -> np.ndarray:
    """A copy of the picture with a ring on every hand: green an open palm, white any other, dashed a predicted one."""
    image = image.copy()
    height, width = image.shape[:2]
    side = max(width, height)
    thick, letters = max(1, round(side / 400)), max(0.5, side / 1200)  # to be read on small and upright pictures too
    for hand in line["hands"]:
        centre = round(hand["x"] * width), round(hand["y"] * height)
        radius = max(2, round(hand["radius"] * width))
        colour = (80, 220, 80) if hand["open"] >= Tracker.open_at else (255, 255, 255)
        for start in range(0, 360, 30 if hand.get("predicted") else 360):
            end = start + (15 if hand.get("predicted") else 360)
            cv2.ellipse(image, centre, (radius, radius), 0, start, end, (0, 0, 0), thick + 2, cv2.LINE_AA)
            cv2.ellipse(image, centre, (radius, radius), 0, start, end, colour, thick, cv2.LINE_AA)
        text = f"{hand['score']:.2f}" if hand["id"] is None else f"{hand['id']}"
        place = (centre[0] + radius, centre[1] - radius)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, letters, (0, 0, 0), thick + 2, cv2.LINE_AA)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, letters, colour, thick, cv2.LINE_AA)
    return image


class Output(Protocol):
    def write(self, seen: Seen) -> None: ...


class Lines:
    """A JSON line per frame."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, seen: Seen) -> None:
        print(json.dumps(seen.line), file=self.file)


class Table:
    """A CSV line per hand."""

    COLUMNS = ("source", "frame", "t", "id", "x", "y", "radius", "score", "open", "predicted")

    def __init__(self, file: TextIO) -> None:
        self.rows = csv.writer(file, lineterminator="\n")
        self.rows.writerow(self.COLUMNS)

    def write(self, seen: Seen) -> None:
        for hand in seen.line["hands"]:
            whole = {**seen.line, "predicted": False, **hand}
            self.rows.writerow([whole[column] for column in self.COLUMNS])


class Video:
    """The pictures with their hands, at the first one's size and the first two's rate."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: list[Seen] = []  # the first picture, until the second tells the rate
        self.writer: cv2.VideoWriter | None = None
        self.size = (0, 0)

    def write(self, seen: Seen) -> None:
        self.held.append(seen)
        if self.writer is None and len(self.held) == 2:
            step = seen.line["t"] - self.held[0].line["t"]
            self._open(1 / step if 0.001 < step < 1 else 30)
        if self.writer is not None:
            self._flush(self.writer)

    def close(self) -> None:
        if self.held:
            self._flush(self.writer or self._open(30))
        if self.writer is not None:
            self.writer.release()

    def _open(self, fps: float) -> cv2.VideoWriter:
        height, width = self.held[0].picture.image.shape[:2]
        self.size = (width, height)
        self.writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"mp4v"), fps, self.size)
        if not self.writer.isOpened():
            raise SetupError(f"{self.path}: cannot be written as a video; a writable name that ends in .mp4 expected")
        return self.writer

    def _flush(self, writer: cv2.VideoWriter) -> None:
        for seen in self.held:
            image = draw(seen.picture.image, seen.line)
            writer.write(image if image.shape[1::-1] == self.size else cv2.resize(image, self.size))
        self.held = []


def _line(source: str, picture: Picture, hands: list[Line]) -> Line:
    height, width = picture.image.shape[:2]
    return frame_line(source, picture.frame, picture.t, width, height, hands)


def _stills(path: str) -> list[Path]:
    """The picture files of a path; none if it is a clip (or nothing: reading it says so)."""
    if Path(path).is_dir():
        return sorted(file for file in Path(path).iterdir() if file.suffix.lower() in SUFFIXES)
    return [Path(path)] if Path(path).suffix.lower() in SUFFIXES else []


def writable(name: str) -> "contextlib.AbstractContextManager[TextIO]":
    """The file called `name`, open to be written, or standard output for `-`. Raises SetupError."""
    if name == "-":
        return contextlib.nullcontext(sys.stdout)
    try:
        return open(name, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise SetupError(f"{name}: cannot be written: {error.strerror}") from error
