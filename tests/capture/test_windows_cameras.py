"""Windows' cameras as its two systems list them, with lists made up here."""

import sys
from collections.abc import Callable
from types import SimpleNamespace

import cv2
import pytest

from handflow.capture import devices
from handflow.capture.devices import CameraRequest
from handflow.commands.installing import cameras

USB = r"\\?\usb#vid_046d&pid_085e&mi_00#7&1#{{{}}}\global"
DIRECT, MEDIA = (USB.format(kind) for kind in ("65e8773d-8f56", "e5323777-f976"))


def camera(index: int, name: str, path: str | None) -> SimpleNamespace:
    return SimpleNamespace(index=index, name=name, path=path)


class Webcam:
    """Gives what it is asked for; does not open if another program has it."""

    def __init__(self, opened: list[tuple[int, int]], index: int, backend: int) -> None:
        opened.append((index, backend))
        self.values: dict[int, float] = {}
        self.free = (index, backend) != (1, cv2.CAP_DSHOW)

    def isOpened(self) -> bool:  # noqa: N802
        return self.free

    def grab(self) -> bool:
        return True

    def retrieve(self) -> tuple[bool, None]:
        return True, None

    def get(self, key: int) -> float:
        return self.values.get(key, 0.0)

    def set(self, key: int, value: float) -> bool:
        self.values[key] = value
        return True

    def release(self) -> None:
        pass


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """A machine with a webcam and a virtual camera, and one that only Media Foundation knows, which it lists first."""
    listed = {
        cv2.CAP_DSHOW: [camera(0, "BRIO", DIRECT), camera(1, "OBS Virtual Camera", None)],
        cv2.CAP_MSMF: [camera(0, "Kinect", r"\\?\usb#kinect#{e5}"), camera(1, "BRIO", MEDIA.upper())],
    }
    library = SimpleNamespace(enumerate_cameras=listed.__getitem__)
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", library)
    for module in (devices, cameras):
        monkeypatch.setattr(module, "LINUX", False)
        monkeypatch.setattr(module, "WINDOWS", True)
    tried: list[tuple[int, int]] = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda index, backend: Webcam(tried, index, backend))
    return tried


def test_each_camera_has_one_number_and_the_system_that_opens_it(opened: list[tuple[int, int]]) -> None:
    assert devices.camera_indices() == [0, 1, 2]
    request = CameraRequest()
    assert [devices.open_camera(number, request) is not None for number in range(4)] == [True, False, True, False]
    assert opened == [(0, cv2.CAP_DSHOW), (1, cv2.CAP_DSHOW), (0, cv2.CAP_MSMF)]
    camera_, said = devices.open_source("0", request) or (None, "")
    assert camera_ is not None
    assert said.startswith("camera 0 (BRIO): 1280x720 at 30 fps, MJPG")


def test_they_are_listed_by_name(opened: list[tuple[int, int]], command: Callable[..., list[str]]) -> None:
    assert command("cameras", "--quick") == [
        "camera 0 (BRIO): opens",
        "camera 1 (OBS Virtual Camera): it does not open; is another program using it? End that one, or Windows' "
        "settings keep desktop apps from cameras (Privacy > Camera)",
        "camera 2 (Kinect): opens",
    ]


def test_a_windows_without_media_foundation_has_those_of_directshow(
    opened: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sys.modules["cv2_enumerate_cameras"].enumerate_cameras

    def without(backend: int) -> list[SimpleNamespace]:
        if backend == cv2.CAP_MSMF:
            raise RuntimeError("MFStartup failed")
        return list(whole(backend))

    monkeypatch.setattr(sys.modules["cv2_enumerate_cameras"], "enumerate_cameras", without)
    assert [each.name for each in devices.windows_cameras()] == ["BRIO", "OBS Virtual Camera"]
