"""`handflow cameras`: which cameras open, what sizes and rates they really give, and what can be set on them."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2

from handflow.capture.devices import (
    LINUX,
    WINDOWS,
    CameraRequest,
    Capture,
    camera_indices,
    open_camera,
    windows_cameras,
)
from handflow.capture.images import silence_opencv
from handflow.commands._arguments import positive
from handflow.runtime.names import dumps

from . import v4l2

SIZES = ((640, 480), (1280, 720), (1920, 1080))
FORMATS = ("MJPG", "YUYV")
MEASURED_S = 1.0
FIRST_S = 3.0  # a webcam takes up to two seconds for its first picture


@dataclass
class CameraMode:
    """What a camera gave when it was asked for something."""

    asked: str
    size: tuple[int, int]  # of its pictures
    fps: float  # by the clock, not by what the driver says


@dataclass
class FoundCamera:
    """A camera of this machine."""

    index: int
    name: str = ""
    opens: bool = False
    fault: str = ""  # why not, and what to do
    modes: list[CameraMode] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fps", type=positive, default=30.0, help="asked of the cameras; default 30")
    parser.add_argument("--quick", action="store_true", help="only which open; nothing is measured")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    silence_opencv()
    found = list(cameras(args.fps, measure=not args.quick))
    if args.json:
        print(dumps([asdict(camera) for camera in found]))
        return 0
    if not found:
        print("no camera: plug one in (Linux: it is /dev/video0), or use a camera on the network or `--source demo`")
    for camera in found:
        print("\n".join(_lines(camera)), flush=True)
    return 0


def cameras(fps: float = 30.0, measure: bool = True) -> Iterator[FoundCamera]:
    """The cameras of this machine, one after the other as they have been tried."""
    for index in camera_indices():
        camera = FoundCamera(index)
        if LINUX and not _described(camera):
            continue
        if WINDOWS:
            camera.name = windows_cameras()[index].name
        opened = open_camera(index, CameraRequest(fps=fps))
        if opened is None:
            if not (LINUX or WINDOWS):
                # Elsewhere indices are tried for want of a list.
                continue
            asked = ", or Windows' settings keep desktop apps from cameras (Privacy > Camera)" if WINDOWS else ""
            camera.fault = camera.fault or f"it does not open; is another program using it? End that one{asked}"
        else:
            capture, _ = opened
            camera.opens = _first(capture)
            capture.release()
            if not camera.opens:
                camera.fault = f"it opens, but gives no picture within {FIRST_S:g} s; unplug it and try another socket"
            elif measure:
                camera.modes = list(_modes(index, fps))
        yield camera


def _described(camera: FoundCamera) -> bool:
    """Asks the driver; whether the device is one that gives pictures, or may be."""
    path = Path(f"/dev/video{camera.index}")
    try:
        device = v4l2.describe(path)
    except PermissionError:
        camera.fault = f"{path} may not be opened: sudo usermod -aG video $USER, then log in again"
        return True
    except OSError as error:
        camera.fault = f"its driver does not answer ({error.strerror or error}); unplug it and plug it in again"
        return True
    camera.name = device.name
    camera.controls = [control._asdict() for control in device.controls]
    return device.gives_pictures


def _first(capture: Capture) -> bool:
    """Whether a picture comes."""
    end = time.monotonic() + FIRST_S
    while time.monotonic() < end:
        if capture.grab() and capture.retrieve()[0]:
            return True
        time.sleep(0.05)
    return False


def _modes(index: int, fps: float) -> Iterator[CameraMode]:
    seen = set()
    for code in FORMATS:
        for size in SIZES:
            opened = open_camera(index, CameraRequest(size=size, fps=fps, format=code))
            if opened is None:
                continue
            capture, _ = opened
            given = measured(capture)
            got = round(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("ascii", "replace")
            capture.release()
            if given is not None and (got, given[0]) not in seen:
                seen.add((got, given[0]))
                yield CameraMode(f"{size[0]}x{size[1]} {code}: {got}", *given)


def measured(capture: Capture) -> tuple[tuple[int, int], float] | None:
    """The size of an opened camera's pictures and how many come in a second; None: no picture."""
    if not _first(capture):
        return None
    size, count, began = (0, 0), 0, time.monotonic()
    while (passed := time.monotonic() - began) < MEASURED_S:
        if not capture.grab():
            break
        good, image = capture.retrieve()
        if good and image is not None:
            count += 1
            size = image.shape[1], image.shape[0]
    return (size, round(count / passed, 1)) if count else None


def _lines(camera: FoundCamera) -> Iterator[str]:
    name = f"camera {camera.index}" + (f" ({camera.name})" if camera.name else "")
    yield f"{name}: {'opens' if camera.opens else camera.fault}"
    for mode in camera.modes:
        yield f"  {mode.size[0]}x{mode.size[1]} at {mode.fps:g} fps (asked {mode.asked})"
    for control in camera.controls:
        unread = "not readable now" if control["value"] is None else control["value"]
        yield (
            f"  {control['name']}: {unread} ({control['kind']} {control['low']} to {control['high']}, "
            f"default {control['default']})"
        )
