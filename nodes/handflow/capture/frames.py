"""What is read of a camera, a clip, a recording or a folder: a frame with its time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

WAIT_S = 0.25  # a source says at least this often that nothing new has come


class CapturedFrame(NamedTuple):
    """A frame as it was read or taken."""

    image: np.ndarray  # (height, width, 3) uint8, BGR
    captured_ns: int  # stream clock; of a file that is not played: t in nanoseconds
    number: int  # from 0
    t: float  # seconds since the first frame


class StoredFrame(NamedTuple):
    """A frame of a clip or a recording, turned into an image only when it is asked for."""

    number: int  # from 0, where the reading began
    t: float | None  # seconds by the file's own clock; None: the file has no times
    decode: Callable[[], np.ndarray]  # (height, width, 3) uint8, BGR; SetupError


class FrameReader(Protocol):
    """What holds frames: a clip, or a recording."""

    path: Path
    fps: float  # about

    def frames(self, from_s: float | None = None) -> Iterator[StoredFrame]: ...
    def fault(self) -> str: ...
    def close(self) -> None: ...
