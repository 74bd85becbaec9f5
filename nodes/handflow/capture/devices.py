"""Cameras of this machine: which there are, opened and set as asked."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import cv2
import numpy as np

from .media import readable

# A setting of a camera: left to the camera, or held at a value in the driver's own units.
CameraControl = Literal["auto"] | float
LINUX, WINDOWS = sys.platform == "linux", sys.platform == "win32"
DEVICES = ("/dev/", "\\\\.\\")


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, np.ndarray | None]: ...
    def get(self, propId: int) -> float: ...  # noqa: N803
    def set(self, propId: int, value: float) -> bool: ...  # noqa: N803
    def release(self) -> None: ...


@dataclass(frozen=True)
class CameraRequest:
    """What a camera is asked for."""

    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    format: str = "MJPG"
    exposure: CameraControl = "auto"
    gain: CameraControl = "auto"
    white_balance: CameraControl = "auto"
    focus: CameraControl = "auto"


class ControlProperties(NamedTuple):
    """Where OpenCV keeps a control's value, and the switch that leaves it to the camera."""

    value: int
    switch: int | None = None
    automatic: int = 1
    fixed: int = 0


CONTROLS = {
    # V4L2 counts its modes: 1 manual, 3 automatic (aperture priority).
    "exposure": ControlProperties(
        cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE, automatic=3 if LINUX else 1, fixed=1 if LINUX else 0
    ),
    "white_balance": ControlProperties(cv2.CAP_PROP_WB_TEMPERATURE, cv2.CAP_PROP_AUTO_WB),
    "focus": ControlProperties(cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_AUTOFOCUS),
    # Follows the exposure where that is automatic.
    "gain": ControlProperties(cv2.CAP_PROP_GAIN),
}


class WindowsCamera(NamedTuple):
    """A camera as Windows lists it, in one of its two systems, which open it and count apart."""

    name: str
    number: int  # among the cameras of its system
    backend: int  # that system, as OpenCV calls it


def camera_indices() -> list[int]:
    """Indices of the cameras there may be; several of a webcam's devices on Linux never open."""
    if WINDOWS:
        return list(range(len(windows_cameras())))
    if not LINUX:
        return list(range(4))
    return sorted(int(path.name[5:]) for path in Path("/dev").glob("video*") if path.name[5:].isdigit())


def windows_cameras() -> list[WindowsCamera]:
    """All cameras, in the order of our numbers. OSError where Windows does not tell.

    DirectShow's in its order, for it opens a camera at once and lets compressed pictures be asked for; behind them
    those that only Media Foundation knows.
    """
    # Here, for other systems do not have it.
    from cv2_enumerate_cameras import enumerate_cameras

    found: dict[str, WindowsCamera] = {}
    for backend in (cv2.CAP_DSHOW, cv2.CAP_MSMF):
        try:
            listed = enumerate_cameras(backend)
        except (RuntimeError, OSError) as error:
            if backend == cv2.CAP_DSHOW:
                raise OSError(f"Windows does not list its cameras: {error}") from error
            # Editions for servers and for some countries lack Media Foundation.
            continue
        for camera in listed:
            # The same device has the same path up to the class of its driver; a virtual camera may have none.
            device = (camera.path or camera.name).lower().partition("#{")[0]
            found.setdefault(device, WindowsCamera(camera.name, camera.index, backend))
    return list(found.values())


def is_device(source: str) -> bool:
    """Whether a source is a camera of this machine: `auto`, an index or a device path."""
    return source == "auto" or _is_index(source) or (source.startswith(DEVICES) and not os.path.isfile(source))


def _is_index(source: str) -> bool:
    return source.isascii() and source.isdigit()


def open_source(source: str, request: CameraRequest) -> tuple[Capture, str] | None:
    """The camera that `source` names, of `auto` the first that opens, as `open_camera` gives it."""
    if source != "auto":
        return open_camera(int(source) if _is_index(source) else source, request)
    opened = (open_camera(device, request) for device in camera_indices())
    # Some devices open and give nothing; with others to choose from, the camera must show a picture.
    return next((camera for camera in opened if camera and camera[0].grab()), None)


def open_camera(device: int | str, request: CameraRequest) -> tuple[cv2.VideoCapture, str] | None:
    """A camera by index or device path with what it gives, in words; None if it does not open."""
    if WINDOWS and isinstance(device, int):
        return _open_windows_camera(device, request)
    with readable(device) if isinstance(device, str) and LINUX else contextlib.nullcontext(device) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_V4L2 if LINUX else cv2.CAP_ANY)
    if not capture.isOpened():
        return None
    return capture, f"camera {device}: {configure(capture, request)}"


def _open_windows_camera(device: int, request: CameraRequest) -> tuple[cv2.VideoCapture, str] | None:
    for camera in windows_cameras()[device : device + 1]:
        capture = cv2.VideoCapture(camera.number, camera.backend)
        if capture.isOpened():
            return capture, f"camera {device} ({camera.name}): {configure(capture, request)}"
    return None


def configure(capture: Capture, request: CameraRequest) -> str:
    """Asks for what is requested; says in words what the camera gives, and what it gives in place of what was asked."""
    unequal = [*_set_format(capture, request), *_set_controls(capture, request)]
    width, height, fps, code = _format(capture)
    given = f"{width}x{height} at {fps:g} fps, {code}"
    return f"{given}; not as asked: {'; '.join(unequal)}" if unequal else given


def _set_format(capture: Capture, request: CameraRequest) -> Iterator[str]:
    # Sensors lie on their side, also where the picture is turned.
    wide, high = max(request.size), min(request.size)
    # V4L2 starts anew with each of these, so in this order; compressed first, or USB 2 allows 720p no more than 10 fps.
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*request.format))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, wide)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, high)
    capture.set(cv2.CAP_PROP_FPS, request.fps)
    width, height, fps, code = _format(capture)
    if (width, height) != (wide, high):
        yield f"size: asked {wide}x{high}, got {width}x{height}"
    if abs(fps - request.fps) > 0.5:
        yield f"fps: asked {request.fps:g}, got {fps:g}"
    if code != request.format:
        yield f"format: asked {request.format}, got {code}"


def _format(capture: Capture) -> tuple[int, int, float, str]:
    """Width, height, pictures a second and the four characters of the encoding."""
    width, height = (round(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    code = round(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("ascii", "replace")
    return width, height, capture.get(cv2.CAP_PROP_FPS), code


def _set_controls(capture: Capture, request: CameraRequest) -> Iterator[str]:
    for name, control in CONTROLS.items():
        wanted: CameraControl = getattr(request, name)
        if control.switch is not None:
            capture.set(control.switch, control.automatic if wanted == "auto" else control.fixed)
        if wanted != "auto":
            capture.set(control.value, wanted)
            got = capture.get(control.value)
            if abs(got - wanted) > 0.01 * max(1.0, abs(wanted)):
                yield f"{name}: asked {wanted:g}, got {got:g}"
