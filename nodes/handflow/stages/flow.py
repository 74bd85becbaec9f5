"""Frame -> Flow: where each part of the picture went since the last frame seen. 1 ms at 720p.

Where nothing moves nothing is searched: all vectors are 0.
Survives a change of size, a restarted source and a gap in time: it then has nothing to say for one frame. Of several
cameras each is compared with itself.
"""

from functools import lru_cache
from typing import Annotated

import cv2
import numpy as np

from handflow import Flow, Frame, Node, Range
from handflow.vision.stillness import MOST_STREAMS, Stillness, cells_of


def small_grey(image: np.ndarray, longer_px: int) -> np.ndarray:
    """`image` (height, width, 3) as a small grey picture of the same aspect: even sides, the longer one `longer_px`."""
    height, width = image.shape[:2]
    scale = longer_px / max(height, width)
    # The search needs some patches of 8 pixels both ways, so a narrow strip is made wider than it is.
    columns, rows = (max(32, round(side * scale / 2) * 2) for side in (width, height))
    # Area averaging straight from 720p takes 0.7 ms; from twice the size 0.14 ms, and the vectors are the same.
    if min(height, width) > 4 * min(rows, columns):
        image = cv2.resize(image, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR)
    image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def grid(pixels: np.ndarray) -> np.ndarray:
    """Pixel flow (height, width, 2), x then y -> (height / 2, width / 2, 2) in 0..1 of width and height."""
    height, width = pixels.shape[:2]
    halved = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return halved / np.array([width, height], np.float32)


class LastSeen:
    """What a stream's flow is measured against."""

    def __init__(self) -> None:
        self.stillness = Stillness()
        self.grey: np.ndarray | None = None
        self.captured_ns = 0


class OpticalFlow(Node):
    """Dense flow by inverse search (DIS, Kroeger et al. 2016) on a small grey picture."""

    longer_px: Annotated[
        int, Range(64, 640), "longer side of the frame that is searched; the vectors' grid is half of it"
    ] = 160
    gap_s: Annotated[float, Range(0, 5), "no flow over a longer time than this: nothing is where it was"] = 0.5

    def start(self) -> None:
        cv2.setNumThreads(1)
        # Half resolution (scale 1): 0.4 ms, wrong by 0.03 pixels. The preset's quarter: 0.1 ms, wrong by 0.12.
        self.search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.search.setFinestScale(1)
        self.last_seen_of = lru_cache(maxsize=MOST_STREAMS)(lambda stream: LastSeen())

    def changed(self, name: str) -> bool:
        return False

    def process(self, frame: Frame) -> Flow | None:
        grey = small_grey(frame.image, self.longer_px)
        seen = self.last_seen_of(frame.stream)
        # Not since the last frame but since the last that moved: what creeps adds up to a motion.
        moved = seen.stillness.moved(cells_of(grey), frame.captured_ns)
        if moved:
            seen.stillness.looked()
        last, since_ns = seen.grey, seen.captured_ns
        seen.grey, seen.captured_ns = grey, frame.captured_ns
        if last is None or last.shape != grey.shape or not 0 < frame.captured_ns - since_ns <= self.gap_s * 1e9:
            return None
        if not moved:
            return Flow(vectors=np.zeros((grey.shape[0] // 2, grey.shape[1] // 2, 2)), since_ns=since_ns)
        pixels = np.asarray(self.search.calc(last, grey, np.zeros((*grey.shape, 2), np.float32)))
        return Flow(vectors=grid(pixels), since_ns=since_ns)
