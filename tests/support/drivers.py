"""A false camera driver that buffers, hangs, freezes, goes black and vanishes."""

import threading
import time
from collections.abc import Callable

import cv2
import numpy as np

from handflow.capture.files import CapturedFrame
from handflow.messages import Clock


def number(picture: CapturedFrame) -> int:
    low, middle, high = picture.image[0, 0].tolist()
    return int(low + (middle << 8) + (high << 16))


GRAIN = np.random.default_rng(0).integers(0, 40, (48, 64, 3)).astype(np.uint8)


class Driver:
    """A camera's driver: takes a picture each 1/fps s, holds up to four that nobody fetched, and then takes no more.

    The picture's first pixel is its number. `script` may say what becomes of number n: "hang", "gone", "damaged",
    "same" (as the one before), "black", or nothing special.
    """

    def __init__(self, fps: float = 100, slow_s: float = 0, script: Callable[[int], str] = lambda number: "") -> None:
        self.fps, self.slow_s, self.script = fps, slow_s, script
        self.start = time.monotonic()
        self.seen = -1  # numbers up to this one are in the buffer, fetched or lost
        self.buffer: list[int] = []
        self.fetched = -1
        self.taken_ns: dict[int, int] = {}
        self.stamps = False  # whether it says when pictures were taken, as V4L2 does
        self.released = threading.Event()

    def grab(self) -> bool:
        self._take()
        if not self.buffer:
            time.sleep(max(0, self.start + (self.seen + 1) / self.fps - time.monotonic()))
            self._take()
        what = self.script(self.buffer[0])
        if what == "hang":
            self.released.wait(60)
        if what in ("gone", "hang"):
            return False
        self.fetched = self.buffer.pop(0)
        return True

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(self.slow_s)  # a JPEG being unpacked
        what = self.script(self.fetched)
        if what == "damaged":
            return False, None
        if what == "black":
            return True, GRAIN // 20
        image = GRAIN + np.uint8(100)
        if what != "same":
            # In three bytes: a busy machine comes to more than 256 of them.
            image[0, 0] = self.fetched & 255, self.fetched >> 8 & 255, self.fetched >> 16
        return True, image

    def get(self, propId: int) -> float:  # noqa: N803
        assert propId == cv2.CAP_PROP_POS_MSEC
        return (self.taken_ns[self.fetched] - Clock.offset_ns) / 1e6 if self.stamps else 0.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        return False

    def release(self) -> None:
        self.released.set()

    def _take(self) -> None:
        for number in range(self.seen + 1, int((time.monotonic() - self.start) * self.fps) + 1):
            self.seen = number
            if len(self.buffer) < 4:
                self.buffer.append(number)
                self.taken_ns[number] = Clock.offset_ns + round((self.start + number / self.fps) * 1e9)
