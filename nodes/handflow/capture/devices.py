"""Cameras of this machine: which there are, opened and set as asked."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np

Control = Literal["auto"] | float  # of a camera: left to itself, or held at a value in the driver's own units


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, np.ndarray | None]: ...
    def get(self, propId: int) -> float: ...  # noqa: N803
    def set(self, propId: int, value: float) -> bool: ...  # noqa: N803
    def release(self) -> None: ...


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
