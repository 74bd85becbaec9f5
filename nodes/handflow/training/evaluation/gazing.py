"""What the heatmap stage detects in its profile `gaze`: in still pictures, and along clips, where it looks on from what
it saw.
"""

import time
from collections.abc import Iterable, Iterator
from statistics import mean

from handflow.messages import Frame, Heatmap
from handflow.pipeline import FPS, through
from handflow.recording.sources import read_source
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.training.labels.pictures import LabelledPicture, images_of
from handflow.vision.peaks import Peaks, Subpixel, find_peaks

from .matching import WEAKEST, Detections
from .tracking import clips_of


def detections_of_gaze(
    stage: HeatmapNode, pictures: Iterable[LabelledPicture], subpixel: Subpixel = "log", strict: bool = False
) -> Iterator[Detections]:
    """The same as `detections_of`, by a stage that runs (`started`). LabelError, if `strict`.

    A clip is looked at from its first frame on, with the whole chain; what its frames take is told as their mean, for
    they differ.
    """
    pictures = list(pictures)
    for picture, image in images_of((picture for picture in pictures if picture.frame is None), strict):
        began = time.perf_counter()
        peaks = find_peaks(stage.process(Frame(image=image), None), WEAKEST, subpixel)
        yield Detections(picture, peaks, 1000 * (time.perf_counter() - began))
    for path, frames in clips_of(pictures).items():
        wanted = {picture.frame: picture for picture in frames}
        found: list[tuple[LabelledPicture, Peaks]] = []
        times: list[float] = []
        for captured, results in through(read_source(str(path), FPS), stage, Tracker()):
            heatmap: Heatmap = results["heatmap"]
            began = time.perf_counter()
            peaks = find_peaks(heatmap, WEAKEST, subpixel)
            hop = heatmap.hops[-1]
            times.append((hop.sent_ns - hop.received_ns) / 1e6 + 1000 * (time.perf_counter() - began))
            if captured.number in wanted:
                found.append((wanted[captured.number], peaks))
        yield from (Detections(picture, peaks, mean(times)) for picture, peaks in found)
