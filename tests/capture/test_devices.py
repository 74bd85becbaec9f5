"""What a camera is asked for, and what is said of what it gives."""

import sys

import cv2

from handflow.capture.devices import CameraRequest, configure


class Settable:
    """A driver's settings: it takes what is in `possible`, or anything where it does not say."""

    def __init__(self, **possible: list[float]) -> None:
        self.possible = {getattr(cv2, f"CAP_PROP_{name}"): values for name, values in possible.items()}
        self.values: dict[int, float] = {}

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        good = value in self.possible.get(propId, [value])
        if good:
            self.values[propId] = value
        return good

    def get(self, propId: int) -> float:  # noqa: N803
        return self.values.get(propId, self.possible.get(propId, [-1])[0])


MJPG, YUYV = (float(cv2.VideoWriter.fourcc(*code)) for code in ("MJPG", "YUYV"))


def test_a_camera_that_gives_what_was_asked_is_reported_in_few_words() -> None:
    assert configure(Settable(), CameraRequest()) == "1280x720 at 30 fps, MJPG"


def test_what_a_camera_does_not_give_is_named_with_what_it_gave() -> None:
    camera = Settable(FOURCC=[YUYV], FRAME_WIDTH=[640], FRAME_HEIGHT=[480], FPS=[15], GAIN=[8], FOCUS=[-1])
    assert configure(camera, CameraRequest(gain=20, focus=30, exposure=100)) == (
        "640x480 at 15 fps, YUYV; not as asked: size: asked 1280x720, got 640x480; fps: asked 30, got 15; "
        "format: asked MJPG, got YUYV; focus: asked 30, got -1; gain: asked 20, got 8"
    )


def test_a_camera_on_its_side_is_asked_for_a_lying_picture() -> None:
    camera = Settable()
    configure(camera, CameraRequest(size=(720, 1280)))
    assert camera.get(cv2.CAP_PROP_FRAME_WIDTH) == 1280


def test_a_fixed_setting_switches_its_automatic_off() -> None:
    camera = Settable()
    configure(camera, CameraRequest(exposure=156, white_balance=4600))
    manual = 1 if sys.platform == "linux" else 0
    assert camera.values[cv2.CAP_PROP_AUTO_EXPOSURE] == manual
    assert camera.values[cv2.CAP_PROP_EXPOSURE] == 156
    assert camera.values[cv2.CAP_PROP_AUTO_WB] == 0
    assert camera.values[cv2.CAP_PROP_WB_TEMPERATURE] == 4600
    assert camera.values[cv2.CAP_PROP_AUTOFOCUS] == 1
    assert cv2.CAP_PROP_FOCUS not in camera.values
    assert cv2.CAP_PROP_GAIN not in camera.values
