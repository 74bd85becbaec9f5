"""Where pictures come from: video files and folders of pictures, read in order or played; cameras, opened as wished.

Plain functions and classes without a node: the camera stage, `detect` and `evaluate` use them.
"""

import itertools
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import cv2
import numpy as np

from .messages import now_ns
from .runtime.node import SetupError

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
REST_S = 0.012  # between two pictures that are decoded ahead
WAIT_S = 0.25  # a source says at least this often that nothing new has come
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
Control = Literal["auto"] | float  # of a camera: left to itself, or held at a value in the driver's own units


class Picture(NamedTuple):
    image: np.ndarray  # (height, width, 3) uint8, BGR
    captured_ns: int  # stream clock; of a file that is not played: t in nanoseconds
    frame: int  # from 0
    t: float  # seconds since the first picture


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, np.ndarray | None]: ...
    def get(self, propId: int) -> float: ...  # noqa: N803
    def set(self, propId: int, value: float) -> bool: ...  # noqa: N803
    def release(self) -> None: ...


def quiet() -> None:
    """Keeps OpenCV and FFmpeg from writing to stderr what we say ourselves, or would say again at every try."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when the first video is opened


def pictures(path: str | Path, fps: float = 30.0) -> Iterator[Picture]:
    """Every picture of a video file, a folder (by name, at `fps`) or one picture file, in order. SetupError."""
    path = Path(path)
    if path.is_dir():
        files = sorted((f for f in path.iterdir() if f.suffix.lower() in SUFFIXES), key=natural)
        if not files:
            raise SetupError(f"{path}: no pictures in this folder ({' '.join(sorted(SUFFIXES))})")
        return _stills(files, fps)
    if not path.is_file():
        raise SetupError(f"{path}: no such file or folder")
    if path.suffix.lower() in SUFFIXES:
        _read(path)
        return _stills([path], fps)
    capture = cv2.VideoCapture(str(path))
    good, image = capture.read() if capture.isOpened() else (False, None)
    if not good or image is None:
        raise SetupError(f"{path}: cannot be read as a video ({path.stat().st_size} bytes)")
    return _video(capture, image)


def looped(path: str | Path, fps: float = 30.0) -> Iterator[Picture]:
    """The pictures of `path` again and again, frame numbers and times going on."""
    frame, t, step = 0, 0.0, 1 / fps
    while True:
        for picture in pictures(path, fps):
            now = t + picture.t
            yield Picture(picture.image, round(now * 1e9), frame + picture.frame, now)
        if picture.frame > 0:
            step = picture.t / picture.frame
        frame, t = frame + picture.frame + 1, now + step


def natural(path: Path) -> list[tuple[int, str]]:
    """hand2 before hand10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _read(file: Path) -> np.ndarray:
    # Through numpy: imread cannot open names outside the code page on Windows, and cannot tell absent from broken.
    image = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR) if file.stat().st_size else None
    if image is None:
        raise SetupError(f"{file}: cannot be read as a picture ({file.stat().st_size} bytes)")
    return image


def _stills(files: list[Path], fps: float) -> Iterator[Picture]:
    for frame, file in enumerate(files):
        yield Picture(_read(file), round(frame / fps * 1e9), frame, frame / fps)


def _video(capture: cv2.VideoCapture, image: np.ndarray | None) -> Iterator[Picture]:
    fps = capture.get(cv2.CAP_PROP_FPS)
    fps = fps if 1 <= fps <= 1000 else 30.0
    first = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
    last = -1.0
    for frame in itertools.count():
        if image is None:
            break
        t = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 - first  # phones' clips have no even rate
        last = t if t > last else last + 1 / fps  # a file without times
        yield Picture(image, round(last * 1e9), frame, last)
        image = capture.read()[1]
    capture.release()


class Player:
    """Hands out a file's pictures when they are due, as a camera would; its thread decodes ahead.

    A picture is skipped if the next one is due as well. The clock starts with the first one handed out.
    """

    def __init__(self, source: Iterable[Picture], ahead: int = 2) -> None:
        self.skipped = 0
        self._source, self._ahead = source, ahead
        self._queue: deque[Picture] = deque()
        self._changed = threading.Condition()
        self._ended = self._closing = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._decode, name="player", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Picture | None]:
        """Waits for the next picture that is due; None for each 0.25 s without one. Ends with the file."""
        start_ns: int | None = None
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._queue or self._ended, WAIT_S):
                    yield None
                    continue
                if not self._queue:
                    break
                if start_ns is None:
                    start_ns = now_ns() - self._queue[0].captured_ns
                while len(self._queue) > 1 and start_ns + self._queue[1].captured_ns <= now_ns():
                    self._queue.popleft()
                    self.skipped += 1
                wait_s = (start_ns + self._queue[0].captured_ns - now_ns()) / 1e9
                picture = self._queue.popleft() if wait_s <= WAIT_S else None
                self._changed.notify()
            time.sleep(min(max(wait_s, 0.0), WAIT_S))
            yield picture and picture._replace(captured_ns=now_ns())
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(0.2)

    def _decode(self) -> None:
        try:
            for picture in self._source:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or len(self._queue) < self._ahead)
                    if self._closing:
                        return
                    self._queue.append(picture)
                    self._changed.notify()
                    enough = len(self._queue) >= self._ahead
                # The picture just handed out is on its way: decoding at once would take a core from the network.
                time.sleep(REST_S if enough else 0)
        except Exception as error:  # belongs to whoever reads
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()


def place(
    image: np.ndarray,
    empty: Callable[..., np.ndarray],
    crop: tuple[float, float, float, float] = (0, 0, 1, 1),
    size: tuple[int, int] | None = None,
    rotate: int = 0,
    mirror: bool = False,
) -> np.ndarray:
    """Crops, scales, turns and mirrors, in this order; the last step writes into `empty(shape, dtype)`.

    The picture is made to fit into `size` (width, height; after turning) with its aspect kept, and never enlarged.
    """
    height, width = image.shape[:2]
    left, top = round(crop[0] * width), round(crop[1] * height)
    image = image[top : top + max(1, round(crop[3] * height)), left : left + max(1, round(crop[2] * width))]
    height, width = image.shape[:2]
    steps: list[Callable[[np.ndarray, np.ndarray | None], np.ndarray]] = []
    shrink = 1.0
    if size is not None:
        across, down = size if rotate in (0, 180) else size[::-1]
        shrink = min(across / width, down / height, 1.0)
    if shrink < 1:
        width, height = max(1, round(shrink * width)), max(1, round(shrink * height))
        # 1080p to 720p takes 1.5 ms linear, 7 ms by area; beyond half the size linear would leave out pixels.
        way = cv2.INTER_LINEAR if shrink >= 0.5 else cv2.INTER_AREA
        steps.append(lambda src, dst: cv2.resize(src, (width, height), dst=dst, interpolation=way))
    if rotate:
        steps.append(lambda src, dst: cv2.rotate(src, TURNS[rotate], dst=dst))
    if mirror:
        steps.append(lambda src, dst: cv2.flip(src, 1, dst=dst))
    if not steps:
        steps.append(_copy)
    for step in steps[:-1]:
        image = step(image, None)
    slot = empty((height, width, 3) if rotate in (0, 180) else (width, height, 3), "uint8")
    if steps[-1](image, slot) is not slot:  # OpenCV replaces a dst of another size or type, and says nothing
        raise RuntimeError(f"OpenCV did not write into the slot of shape {slot.shape}")
    return slot


def _copy(source: np.ndarray, slot: np.ndarray | None) -> np.ndarray:
    assert slot is not None
    np.copyto(slot, source)
    return slot


@dataclass(frozen=True)
class Wish:
    """What a camera is asked for."""

    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    format: str = "MJPG"
    exposure: Control = "auto"
    gain: Control = "auto"
    white_balance: Control = "auto"
    focus: Control = "auto"


def cameras() -> list[int]:
    """Indices of the cameras there may be; several of a webcam's devices on Linux never open."""
    if sys.platform != "linux":
        return list(range(4))
    return sorted(int(path.name[5:]) for path in Path("/dev").glob("video*") if path.name[5:].isdigit())


def open_camera(device: int | str, wish: Wish) -> tuple[cv2.VideoCapture, str] | None:
    """A camera by index or device path with what it gives, in words; None if it does not open."""
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    if not capture.isOpened():
        return None
    return capture, f"camera {device}: {ask(capture, wish)}"


def ask(capture: Capture, wish: Wish) -> str:
    """Asks for what is wished; what came of it, in words: unequal settings are named, asked and got."""
    unequal = []
    # V4L2 starts anew with each of these, so in this order; compressed first, or USB 2 allows 720p no more than 10 fps.
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wish.format))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, max(wish.size))  # sensors lie on their side, also where the picture is turned
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, min(wish.size))
    capture.set(cv2.CAP_PROP_FPS, wish.fps)
    size = tuple(round(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    fps = capture.get(cv2.CAP_PROP_FPS)
    format_ = round(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("ascii", "replace")
    if size != (max(wish.size), min(wish.size)):
        unequal.append(f"size {max(wish.size)}x{min(wish.size)} asked, {size[0]}x{size[1]} got")
    if abs(fps - wish.fps) > 0.5:
        unequal.append(f"fps {wish.fps:g} asked, {fps:g} got")
    if format_ != wish.format:
        unequal.append(f"format {wish.format} asked, {format_} got")
    linux = sys.platform == "linux"
    for name, wanted, switch, on, off, value in (
        # V4L2 counts its modes: 1 manual, 3 automatic (aperture priority).
        (
            "exposure",
            wish.exposure,
            cv2.CAP_PROP_AUTO_EXPOSURE,
            3 if linux else 1,
            1 if linux else 0,
            cv2.CAP_PROP_EXPOSURE,
        ),
        ("white_balance", wish.white_balance, cv2.CAP_PROP_AUTO_WB, 1, 0, cv2.CAP_PROP_WB_TEMPERATURE),
        ("focus", wish.focus, cv2.CAP_PROP_AUTOFOCUS, 1, 0, cv2.CAP_PROP_FOCUS),
        ("gain", wish.gain, None, 0, 0, cv2.CAP_PROP_GAIN),  # follows the exposure where that is automatic
    ):
        if switch is not None:
            capture.set(switch, on if wanted == "auto" else off)
        if wanted != "auto":
            capture.set(value, wanted)
            got = capture.get(value)
            if abs(got - wanted) > 0.01 * max(1.0, abs(wanted)):
                unequal.append(f"{name} {wanted:g} asked, {got:g} got")
    told = f"{size[0]}x{size[1]} at {fps:g} fps, {format_}"
    return f"{told}; not as asked: {'; '.join(unequal)}" if unequal else told
