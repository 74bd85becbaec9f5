"""What Linux knows of a camera without opening a stream: its name and its controls (V4L2, linux/videodev2.h).

OpenCV tells neither, and the bindings that do are under the GPL.
"""

import contextlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

try:
    from fcntl import ioctl
except ImportError:  # not on Windows
    ioctl = None  # type: ignore[assignment]

# struct v4l2_capability: driver, card, bus_info, version, capabilities, device_caps, reserved
CAPABILITY = struct.Struct("16s32s32sII I12x")
QUERY_CAPABILITY = 0x80685600  # VIDIOC_QUERYCAP
VIDEO_CAPTURE = 0x1 | 0x1000  # V4L2_CAP_VIDEO_CAPTURE and its form of several planes
# struct v4l2_queryctrl: id, type, name, minimum, maximum, step, default_value, flags, reserved
QUERY = struct.Struct("II32siiiiI8x")
QUERY_CONTROL = 0xC0445624  # VIDIOC_QUERYCTRL
VALUE = struct.Struct("Ii")  # struct v4l2_control
GET_CONTROL = 0xC008561B  # VIDIOC_G_CTRL
NEXT = 0x80000000  # V4L2_CTRL_FLAG_NEXT_CTRL: the first control behind this id
DISABLED = 0x1
TYPES = {1: "number", 2: "switch", 3: "menu", 9: "menu"}  # those that have a value of 32 bits


class CameraControlRange(NamedTuple):
    """A setting of a camera, in its driver's own units."""

    name: str
    kind: str  # number, switch, menu
    low: int
    high: int
    step: int
    default: int
    value: int | None  # None: it cannot be read now


class CameraDevice(NamedTuple):
    """A camera as its driver describes it."""

    name: str
    gives_pictures: bool  # a webcam has devices that do not: for its metadata
    controls: list[CameraControlRange]


def describe(path: Path) -> CameraDevice:
    """What the driver of /dev/videoN says. OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        answer = _asked(descriptor, QUERY_CAPABILITY, bytes(CAPABILITY.size))
        _, card, _, _, capabilities, of_device = CAPABILITY.unpack(answer)
        # V4L2_CAP_DEVICE_CAPS: what the whole driver can is not what this device can.
        able = of_device if capabilities & 0x80000000 else capabilities
        return CameraDevice(_text(card), bool(able & VIDEO_CAPTURE), _controls(descriptor))
    finally:
        os.close(descriptor)


def _controls(descriptor: int) -> list[CameraControlRange]:
    found: list[CameraControlRange] = []
    at = 0
    while True:
        try:
            answer = _asked(descriptor, QUERY_CONTROL, QUERY.pack(at | NEXT, 0, b"", 0, 0, 0, 0, 0))
        except OSError:  # there is no further one
            return found
        at, kind, name, low, high, step, default, flags = QUERY.unpack(answer)
        if kind not in TYPES or flags & DISABLED:
            continue
        value = None
        with contextlib.suppress(OSError):
            value = VALUE.unpack(_asked(descriptor, GET_CONTROL, VALUE.pack(at, 0)))[1]
        found.append(CameraControlRange(_text(name), TYPES[kind], low, high, step, default, value))


def _asked(descriptor: int, request: int, given: bytes) -> bytes:
    if ioctl is None:
        raise OSError("this system has no V4L2")
    return ioctl(descriptor, request, given)


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode(errors="replace").strip()
