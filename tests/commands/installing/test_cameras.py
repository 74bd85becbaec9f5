"""Cameras as they are found and tried, with drivers made up here."""

import json
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from support.clocks import StillClock

from handflow.capture.devices import CameraRequest
from handflow.commands.installing import cameras
from handflow.commands.installing.v4l2 import CameraControlRange, CameraDevice

BRIGHTNESS = CameraControlRange("Brightness", "number", 0, 255, 1, 128, 100)


class Webcam:
    """Gives pictures of 640x480 whatever is asked, 50 a second by `clock`; none if it is `dead`."""

    def __init__(self, clock: StillClock, dead: bool = False) -> None:
        self.clock, self.dead = clock, dead

    def grab(self) -> bool:
        self.clock.sleep(0.02)
        return not self.dead

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        return True, np.zeros((480, 640, 3), np.uint8)

    def get(self, propId: int) -> float:  # noqa: N803
        assert propId == cv2.CAP_PROP_FOURCC
        return float(cv2.VideoWriter.fourcc(*"MJPG"))

    def release(self) -> None:
        pass


@pytest.fixture(autouse=True)
def machine(monkeypatch) -> None:
    """Linux with five devices: a webcam, its metadata, one that is in use, one that is dead, one of another user."""
    clock = StillClock(monkeypatch, cameras)
    monkeypatch.setattr(cameras, "FIRST_S", 0.05)
    monkeypatch.setattr(cameras, "MEASURED_S", 0.1)
    monkeypatch.setattr(cameras, "LINUX", True)
    monkeypatch.setattr(cameras, "camera_indices", lambda: [0, 1, 2, 3, 4])

    def describe(path: object) -> CameraDevice:
        if str(path) == "/dev/video4":
            raise PermissionError(13, "Permission denied")
        return CameraDevice("My Webcam", str(path) != "/dev/video1", [BRIGHTNESS])

    def open_camera(index: int, request: CameraRequest) -> tuple[Webcam, str] | None:
        return {0: (Webcam(clock), ""), 3: (Webcam(clock, dead=True), "")}.get(index)

    monkeypatch.setattr(cameras.v4l2, "describe", describe)
    monkeypatch.setattr(cameras, "open_camera", open_camera)


def test_each_camera_is_tried_and_what_is_wrong_with_it_said(command: Callable[..., list[str]]) -> None:
    lines = command("cameras", "--quick")
    assert [line for line in lines if line.startswith("camera")] == [
        "camera 0 (My Webcam): opens",
        "camera 2 (My Webcam): it does not open; is another program using it? End that one",
        "camera 3 (My Webcam): it opens, but gives no picture within 0.05 s; unplug it and try another socket",
        "camera 4: /dev/video4 may not be opened: sudo usermod -aG video $USER, then log in again",
    ]
    assert "  Brightness: 100 (number 0 to 255, default 128)" in lines


def test_sizes_and_rates_are_those_of_the_pictures_that_came(command: Callable[..., list[str]]) -> None:
    (line,) = command("cameras", "--json")
    found = {camera["index"]: camera for camera in json.loads(line)}
    assert set(found) == {0, 2, 3, 4}
    (mode,) = found[0]["modes"]  # six were asked for; all gave the same
    assert mode["size"] == [640, 480]
    assert 0 < mode["fps"] <= 50
    assert found[0]["controls"][0]["value"] == 100
    assert found[3]["modes"] == []


def test_a_machine_without_a_camera_says_what_to_do(command: Callable[..., list[str]], monkeypatch) -> None:
    monkeypatch.setattr(cameras, "camera_indices", list)
    assert command("cameras") == [
        "no camera: plug one in (Linux: it is /dev/video0), or use a camera on the network or `--source demo`"
    ]
