"""The stages in one process: every frame of pictures, clips and whatever moves, no pacing, no sockets.

What `detect`, `evaluate`, `annotate` and the benchmark run: the same nodes as in the processes.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from handflow.capture.files import CapturedFrame, read_frames
from handflow.capture.images import images_in, is_image
from handflow.messages import Frame
from handflow.outputs.json_line import Line, frame_line, hand_line, line_of
from handflow.outputs.result_files import FrameResult
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.vision.peaks import find_peaks
from handflow.vision.thresholds import START_SCORE


def detect(path: str, model: HeatmapNode, track: bool = True, min_score: float | None = None) -> Iterator[FrameResult]:
    """Every picture of `path` with its hands. Still pictures are independent of each other: no tracking. SetupError.

    `model` runs (`started`): it is opened once for all the paths of a command.
    `min_score` lets weaker peaks through than the tracker's own thresholds.
    """
    stills = _stills(path)
    if stills or not track:
        yield from _peaks(path, stills, model, START_SCORE if min_score is None else min_score)
    else:
        tracker = Tracker() if min_score is None else Tracker(start_score=min_score, keep_score=min_score)
        yield from follow(path, read_frames(path), model, tracker)


def _peaks(path: str, stills: list[Path], model: HeatmapNode, min_score: float) -> Iterator[FrameResult]:
    with InlineGraph({"heatmap": InlineNode(model, {"frame": "", "prior": "none"}, running=True)}) as stages:
        for source in stills or [Path(path)]:
            name = path if not stills or str(source) == path else str(Path(path) / source.name)
            for captured in read_frames(source):
                heatmap = stages.push(Frame(image=captured.image, captured_ns=captured.captured_ns))["heatmap"]
                found = find_peaks(heatmap, min_score)
                hands = [
                    hand_line(None, *values)
                    for values in zip(found.xy, found.radius, found.score, found.open, strict=True)
                ]
                yield FrameResult(captured, _line(name, captured, hands))


def follow(source: str, frames: Iterable[CapturedFrame], model: HeatmapNode, tracker: Tracker) -> Iterator[FrameResult]:
    """The pictures of a clip, or of anything that moves, with the hands that are followed through them.

    `model` runs (`started`).
    """
    nodes = {
        "flow": InlineNode(OpticalFlow(), {"frame": ""}),
        "heatmap": InlineNode(model, {"frame": "", "prior": "tracker"}, running=True),
        "tracker": InlineNode(tracker, {"heatmap": "heatmap", "flow": "flow"}),
    }
    with InlineGraph(nodes) as stages:
        for captured in frames:
            frame = Frame(image=captured.image, captured_ns=captured.captured_ns, seq=captured.number + 1)
            yield FrameResult(captured, line_of(source, stages.push(frame)["tracker"], 0))


def _line(source: str, captured: CapturedFrame, hands: list[Line]) -> Line:
    height, width = captured.image.shape[:2]
    return frame_line(source, captured.number, captured.t, width, height, hands)


def _stills(path: str) -> list[Path]:
    """The picture files of a path; none if it is a clip (or nothing: reading it says so)."""
    if Path(path).is_dir():
        return images_in(Path(path))
    return [Path(path)] if is_image(path) else []
