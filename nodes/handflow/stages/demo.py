"""A camera that needs no camera: Frames of drawn hands that move, open, close, leave and return; the truth is known.

A Scene depends on its seed and the time only, so tests and training may ask it for any moment at any frame rate.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Literal

import cv2

from handflow import Frame, Node, Range, ticks
from handflow.runtime.node import MAX_AGE_S
from handflow.synthetic.camera_noise import CameraNoise
from handflow.synthetic.frames import drawn_frames
from handflow.synthetic.scene import Scene


class Demo(Node):
    """Draws hands as a camera would see them."""

    hands: Annotated[int, Range(0, 20)] = 3
    size: Annotated[tuple[int, int], "width and height, pixels"] = (1280, 720)
    fps: Annotated[float, Range(1, 240)] = 30
    seed: Annotated[int, Range(0, 2**31 - 1), "another seed is another room with other people"] = 0
    noise: Annotated[float, Range(0, 40), "of the camera, in grey levels"] = 2.5  # a webcam indoors
    frames: Annotated[int, Range(0, 2**31 - 1), "ends after this many; 0: never"] = 0
    pace: Annotated[Literal["real", "max"], "max: as fast as can be drawn"] = "real"

    def start(self) -> None:
        cv2.setNumThreads(1)
        self.scene = Scene(self.seed, self.hands, self.size)
        self.scene.paint()
        self.noise_field = CameraNoise(self.noise, self.size)

    def process(self) -> Iterator[Frame]:
        at_once = self.exact or self.pace == "max"
        self.max_age_s = math.inf if at_once else MAX_AGE_S
        times = itertools.islice(ticks(self.fps, at_once), self.frames or None)
        begin_ns = self.began_ns() if self.exact else None
        yield from drawn_frames(self.scene, self.noise_field, times, self.empty, begin_ns)
