"""What open pages are sent: a JSON head, maps and a JPEG in one binary message, and how fast the frames come."""

import statistics
import struct
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from handflow.capture.transform import transform
from handflow.messages import Flow, Hands, Heatmap, Message
from handflow.runtime.names import dumps
from handflow.runtime.transport.jpeg import encode

from .json_line import Line, hand_lines, present_rows

ARROWS = 24  # of the flow, across the picture: more of them is a thicket


class RateMeter:
    """The rate of messages and how old they were when they were sent, over the last second."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, float]] = deque()  # monotonic seconds, age in ms

    def count(self, message: Message, now_s: float) -> None:
        age_ms = (message.hops[-1].sent_ns - message.captured_ns) / 1e6 if message.hops else 0.0
        self._arrivals.append((now_s, age_ms))
        while now_s - self._arrivals[0][0] > 1:
            self._arrivals.popleft()

    @property
    def fps(self) -> float:
        first, last = self._arrivals[0][0], self._arrivals[-1][0]
        return (len(self._arrivals) - 1) / (last - first) if last > first else 0.0

    @property
    def age_ms(self) -> float:
        return statistics.median(age_ms for _, age_ms in self._arrivals)


def pack(head: dict[str, Any], *bodies: bytes) -> bytes:
    """Length of the head (uint32, little endian), the head as JSON with the bodies' lengths, and the bodies."""
    text = dumps({**head, "bytes": [len(body) for body in bodies]}).encode()
    return b"".join([struct.pack("<I", len(text)), text, *bodies])


def maps(heatmap: Heatmap) -> bytes:
    """The map of any hand and the map of open ones, a byte a cell; with the most that a gaze's windows show in each."""
    pairs = ((heatmap.values, heatmap.window_values), (heatmap.open, heatmap.window_open))
    return b"".join(
        (with_windows(heatmap, whole, windows).clip(0, 1) * 255).astype(np.uint8).tobytes() for whole, windows in pairs
    )


def with_windows(heatmap: Heatmap, whole: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """A map of the whole (rows, columns) with what windows (w, side, side) show there."""
    if not len(windows):
        return whole
    side = np.arange(windows.shape[1]) + 0.5
    cells = []
    for axis, most in ((0, whole.shape[1]), (1, whole.shape[0])):
        places = side * heatmap.window_scale[:, axis, None] + heatmap.window_shift[:, axis, None]  # (w, side), 0..1
        cells.append(((places - heatmap.shift[axis]) / heatmap.scale[axis]).astype(int).clip(0, most - 1))
    shown = whole.copy()
    np.maximum.at(shown, (cells[1][:, :, None], cells[0][:, None, :]), windows)
    return shown


def window_boxes(heatmap: Heatmap) -> list[list[float]]:
    """Where a gaze's windows lie: left, top, width, height, 0..1."""
    sides = heatmap.window_scale * heatmap.window_values.shape[1:][::-1]
    return [[round(v, 4) for v in box] for box in np.hstack([heatmap.window_shift, sides]).tolist()]


def vectors(flow: Flow) -> np.ndarray:
    """Where the picture went, thinned out: (rows, columns, 2) int16, a 32767th of width and height over the span."""
    step = max(1, flow.vectors.shape[1] // ARROWS)
    thinned = flow.vectors[step // 2 :: step, step // 2 :: step]
    return (thinned.clip(-1, 1) * 32767).astype("<i2")


def page_hands(hands: Hands) -> list[Line]:
    """The lines of hands, with what only the page shows: whether they count as open, velocity (1/s), seconds known."""
    there = present_rows(hands)
    columns = (hands.is_open[there].tolist(), hands.velocity[there].tolist(), hands.age[there].tolist())
    return [
        {**line, "is_open": is_open, "velocity": [round(v, 4) for v in velocity], "age_s": round(age_s, 2)}
        for line, is_open, velocity, age_s in zip(hand_lines(hands), *columns, strict=True)
    ]


def passage(messages: Iterable[Message]) -> list[tuple[str, float, float]]:
    """The way of one frame: each stage with when it received and when it sent, in ms after the capture, in order."""
    hops = {hop.node: (hop, message.captured_ns) for message in messages for hop in message.hops}
    times = [
        (node, round((hop.received_ns - captured_ns) / 1e6, 2), round((hop.sent_ns - captured_ns) / 1e6, 2))
        for node, (hop, captured_ns) in hops.items()
    ]
    return sorted(times, key=lambda each: each[1:])


def page_jpeg(image: np.ndarray, size: tuple[int, int], quality: int) -> bytes:
    """A frame, made to fit into `size` (width, height), as a JPEG."""
    return encode(transform(image, np.empty, size=size), quality)
