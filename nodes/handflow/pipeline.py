"""The stages in one process: every frame of pictures, clips and whatever moves, no pacing, no sockets.

What `detect`, `evaluate`, `annotate` and the benchmark run: the same nodes as in the processes.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from handflow.capture.files import Report, readable_images
from handflow.capture.frames import CapturedFrame
from handflow.capture.images import is_image, read_image
from handflow.messages import Frame
from handflow.outputs.json_line import Line, frame_line, hand_line, line_of
from handflow.outputs.result_files import FrameResult
from handflow.recording.sources import read_source
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.vision.peaks import find_peaks
from handflow.vision.thresholds import START_SCORE

FPS = 30.0  # of a recording without times

log = logging.getLogger("handflow")


def detect(
    path: str,
    model: HeatmapNode,
    track: bool = True,
    min_score: float | None = None,
    report: Report = log.warning,
) -> Iterator[FrameResult]:
    """Every picture of `path` with its hands. Still pictures are independent of each other: no tracking. SetupError.

    `model` runs (`started`): it is opened once for all the paths of a command.
    `min_score` lets weaker peaks through than the tracker's own thresholds.
    `report` is told of what cannot be read and is left out.
    """
    folder = Path(path)
    if folder.is_dir():
        stills = ((str(file), CapturedFrame(image, 0, 0, 0.0)) for file, image in readable_images(folder, report))
        yield from _peaks(stills, model, min_score)
    elif is_image(path):
        yield from _peaks([(path, CapturedFrame(read_image(folder), 0, 0, 0.0))], model, min_score)
    elif not track:
        yield from _peaks(((path, captured) for captured in read_source(path, FPS, report)), model, min_score)
    else:
        tracker = (
            Tracker() if min_score is None else Tracker(evidence=False, start_score=min_score, keep_score=min_score)
        )
        yield from follow(path, read_source(path, FPS, report), model, tracker)


def _peaks(
    pictures: Iterable[tuple[str, CapturedFrame]], model: HeatmapNode, min_score: float | None
) -> Iterator[FrameResult]:
    """The hands of each picture by itself; with each comes what it is called."""
    threshold = START_SCORE if min_score is None else min_score
    with InlineGraph({"heatmap": InlineNode(model, {"frame": "", "prior": "none"}, running=True)}) as stages:
        for name, captured in pictures:
            heatmap = stages.push(Frame(image=captured.image, captured_ns=captured.captured_ns))["heatmap"]
            found = find_peaks(heatmap, threshold)
            hands = [
                hand_line(None, *values) for values in zip(found.xy, found.radius, found.score, found.open, strict=True)
            ]
            yield FrameResult(captured, _line(name, captured, hands))


def follow(source: str, frames: Iterable[CapturedFrame], model: HeatmapNode, tracker: Tracker) -> Iterator[FrameResult]:
    """The pictures of a clip, or of anything that moves, with the hands that are followed through them.

    `model` runs (`started`).
    """
    for captured, results in through(frames, model, tracker):
        yield FrameResult(captured, line_of(source, results["tracker"], 0))


def through(
    frames: Iterable[CapturedFrame], model: HeatmapNode, tracker: Tracker
) -> Iterator[tuple[CapturedFrame, dict[str, Any]]]:
    """The same with what each of `flow`, `heatmap` and `tracker` gave for a frame."""
    nodes = {
        "flow": InlineNode(OpticalFlow(), {"frame": ""}),
        "heatmap": InlineNode(model, {"frame": "", "prior": "tracker", "flow": "flow"}, running=True),
        "tracker": InlineNode(tracker, {"heatmap": "heatmap", "flow": "flow"}),
    }
    with InlineGraph(nodes) as stages:
        for captured in frames:
            frame = Frame(image=captured.image, captured_ns=captured.captured_ns, seq=captured.number + 1)
            yield captured, stages.push(frame)


def _line(source: str, captured: CapturedFrame, hands: list[Line]) -> Line:
    height, width = captured.image.shape[:2]
    return frame_line(source, captured.number, captured.t, width, height, hands)
