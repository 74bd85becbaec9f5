"""A camera's description, from a driver made up here in the kernel's own structures."""

import errno
import struct
from pathlib import Path

import pytest

from handflow.commands.installing import v4l2
from handflow.commands.installing.v4l2 import CameraControlRange, describe

BRIGHTNESS, GROUP, WHITE_BALANCE = 0x00980900, 0x00980901, 0x0098090C
DRIVER = {  # id -> type, name, low, high, step, default, flags, value
    BRIGHTNESS: (1, b"Brightness", -64, 64, 1, 0, 0, 12),
    GROUP: (6, b"User Controls", 0, 0, 0, 0, 0, None),
    WHITE_BALANCE: (2, b"White Balance, Automatic", 0, 1, 1, 1, 0, None),
}


def answers(able: int, of_device: int | None):
    """ioctl of a device that can what these numbers say."""

    def ioctl(descriptor: int, request: int, given: bytes) -> bytes:
        if request == v4l2.QUERY_CAPABILITY:
            # As <linux/videodev2.h> has it: 104 bytes.
            able_ = able | (0x80000000 if of_device is not None else 0)
            return struct.pack("16s32s32s6I", b"uvc", b"My Webcam\0junk", b"usb", 6, able_, of_device or 0, 0, 0, 0)
        if request == v4l2.QUERY_CONTROL:
            at = struct.unpack_from("I", given)[0] & 0x7FFFFFFF
            following = min((each for each in DRIVER if each > at), default=None)
            if following is None:
                raise OSError(errno.EINVAL, "no more")
            kind, name, low, high, step, default, flags, _ = DRIVER[following]
            return struct.pack("2I32s4i3I", following, kind, name, low, high, step, default, flags, 0, 0)
        value = DRIVER[struct.unpack_from("I", given)[0]][-1]
        if value is None:
            raise OSError(errno.EACCES, "not now")
        return struct.pack("Ii", struct.unpack_from("I", given)[0], value)

    return ioctl


@pytest.mark.parametrize(
    ("able", "of_device", "gives"), [(1, None, True), (1, 0x800000, False), (0x1000, 0x1000, True)]
)
def test_a_driver_says_what_its_camera_is_and_what_can_be_set(
    able, of_device, gives, tmp_path: Path, monkeypatch
) -> None:
    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(v4l2, "ioctl", answers(able, of_device))
    assert describe(device) == (
        "My Webcam",
        gives,
        [
            CameraControlRange("Brightness", "number", -64, 64, 1, 0, 12),
            CameraControlRange("White Balance, Automatic", "switch", 0, 1, 1, 1, None),
        ],
    )


def test_what_is_no_camera_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        describe(tmp_path / "video0")


def test_the_requests_are_the_kernel_s() -> None:
    """_IOR('V', 0), _IOWR('V', 36) and _IOWR('V', 27), with the sizes of their structures."""
    for request, direction, number, layout in (
        (v4l2.QUERY_CAPABILITY, 2, 0, v4l2.CAPABILITY),
        (v4l2.QUERY_CONTROL, 3, 36, v4l2.QUERY),
        (v4l2.GET_CONTROL, 3, 27, v4l2.VALUE),
    ):
        assert request == direction << 30 | layout.size << 16 | ord("V") << 8 | number
