"""The camera stage: files and folders, cameras that are found or waited for, and the demo."""

import itertools
import logging
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.drivers import Driver
from support.graphs import until
from support.pictures import clip
from support.quiet import in_a_quiet_moment

from handflow import Frame, SetupError, now_ns
from handflow.capture import devices
from handflow.stages.camera import Camera


def test_the_stage_says_what_is_wrong_with_its_pictures(tmp_path: Path, caplog, monkeypatch) -> None:
    monkeypatch.setattr("handflow.capture.picture_watch.LOOK_S", 0.0)
    cv2.imwrite(str(tmp_path / "white.png"), np.full((48, 64, 3), 255, np.uint8))
    node = Camera(source=str(tmp_path), loop=True, fps=240, reference="gone.png")
    node.start()
    assert "gone.png: no such picture; whether the camera was moved is not looked at" in caplog.text
    for _ in itertools.takewhile(lambda frame: not node.fault, node.process()):
        pass
    node.stop()
    assert node.note == "overexposed"
    assert node.fault.startswith("overexposed: 100% of the picture is white; lower its exposure or gain")
    assert caplog.text.count("camera overexposed: ") == 1


def frames(node: Camera, count: int | None = None) -> list[Frame]:
    """What a started node sends, up to `count` frames; stops the node."""
    found: list[Frame] = []
    for frame in node.process():
        if frame is not None:
            found.append(frame)
        if len(found) == count:
            break
    node.stop()
    return found


def started(**settings: object) -> Camera:
    node = Camera(**settings)
    node.start()
    return node


def test_a_clip_at_full_pace_gives_every_picture_with_the_clip_s_own_steps_in_time(tmp_path: Path) -> None:
    found = frames(started(source=str(clip(tmp_path / "a.mp4", count=50)), pace="max"))
    assert len(found) == 50
    assert np.diff([frame.captured_ns for frame in found]) == pytest.approx(40e6, abs=2)


def test_a_clip_at_its_own_pace_takes_its_time_and_ends(tmp_path: Path) -> None:
    file = str(clip(tmp_path / "a.mp4", count=10))

    def observe() -> None:
        begun = time.monotonic()
        found = frames(started(source=file))
        assert 0.33 < time.monotonic() - begun < 0.8
        assert len(found) == 10
        assert all(frame.captured_ns <= now_ns() for frame in found)

    in_a_quiet_moment(observe)


def test_a_loop_has_no_end(tmp_path: Path) -> None:
    found = frames(started(source=str(clip(tmp_path / "a.mp4", count=3)), pace="max", loop=True), count=8)
    assert [round(float(frame.image.mean()) / 20) for frame in found] == [0, 1, 2, 0, 1, 2, 0, 1]


def test_pictures_lie_in_the_slot_that_is_sent(tmp_path: Path) -> None:
    node = started(source=str(clip(tmp_path / "a.mp4", count=3)), pace="max", mirror=True, size=(32, 32), rotate=90)
    slots = []

    def empty(shape: tuple[int, ...], dtype: str) -> np.ndarray:
        slots.append(np.empty(shape, dtype))
        return slots[-1]

    node.empty = empty
    for frame, slot in zip(frames(node), slots, strict=True):
        assert frame.image is slot
        assert slot.shape == (32, 24, 3)


def test_a_folder_of_pictures_of_different_sizes_is_a_source(tmp_path: Path) -> None:
    for name, size in (("a.png", (40, 30)), ("b.png", (300, 200))):
        cv2.imwrite(str(tmp_path / name), np.zeros((size[1], size[0], 3), np.uint8))
    found = frames(started(source=str(tmp_path), fps=50, size=(150, 150)))
    assert [frame.image.shape for frame in found] == [(30, 40, 3), (100, 150, 3)]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"source": "nowhere.mp4"}, "nowhere.mp4: no such file or folder"),
        (
            {"source": "ftp://10.0.0.7/live"},
            r"expected one of http://, https://, rtsp://, rtsps://, got ftp://10\.0\.0\.7/live",
        ),
        ({"source": "demo", "crop": (0.5, 0, 0.6, 1)}, r"crop: expected left, top, width, height within 0\.\.1, got"),
        ({"source": "demo", "crop": (0, 0, 0, 1)}, r"crop: expected left, top, width, height within 0\.\.1, got"),
    ],
)
def test_what_no_restart_helps_is_one_line(settings: dict, line: str) -> None:
    with pytest.raises(SetupError, match=line):
        started(**settings)


def test_without_a_camera_auto_draws_the_demo_and_says_so(monkeypatch, caplog) -> None:
    monkeypatch.setattr(devices, "camera_indices", lambda: [])
    found = frames(started(size=(160, 90)), count=2)
    assert found[0].image.shape == (90, 160, 3)
    assert caplog.text.count("no camera opens: the demo is drawn in its place") == 1


def test_auto_takes_the_first_camera_that_opens(monkeypatch, caplog) -> None:
    caplog.set_level(logging.INFO)
    driver = Driver()
    monkeypatch.setattr(devices, "camera_indices", lambda: [0, 2, 4])
    monkeypatch.setattr(devices, "open_camera", lambda device, _: (driver, f"camera {device}") if device else None)
    node = started()
    assert frames(node, count=3)[0].image.shape == (48, 64, 3)
    assert caplog.text.count("camera 2") == 1
    assert node.persistent == {"camera": True}


def test_a_camera_that_was_there_in_this_run_is_waited_for(monkeypatch, caplog) -> None:
    monkeypatch.setattr(devices, "camera_indices", lambda: [])
    node = Camera()
    node.persistent["camera"] = True  # as after a crash of the process
    node.start()
    stream = node.process()
    assert [next(stream) for _ in range(3)] == [None, None, None]
    until(lambda: next(stream) is None and node.note == "lost", "it is not said")
    node.stop()
    assert "demo" not in caplog.text
    assert caplog.text.count("camera lost: it does not open") == 1


def test_auto_passes_over_a_device_that_opens_and_gives_nothing(monkeypatch) -> None:
    dead, alive = Driver(script=lambda n: "gone"), Driver()
    monkeypatch.setattr(devices, "camera_indices", lambda: [0, 1])
    monkeypatch.setattr(devices, "open_camera", lambda device, request: (alive if device else dead, f"camera {device}"))
    node = started()
    frames(node, count=2)
    assert dead.fetched == -1
    assert alive.fetched > 0


def test_a_camera_by_its_number_is_waited_for_and_nothing_is_drawn(monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(devices, "open_camera", lambda device, request: opened.append(device))
    node = started(source="3")
    stream = node.process()
    assert [next(stream) for _ in range(2)] == [None, None]
    until(lambda: next(stream) is None and opened, "it is not tried")
    node.stop()
    assert set(opened) == {3}


def test_the_demo_can_be_asked_for(caplog) -> None:
    caplog.set_level(logging.INFO)
    assert frames(started(source="demo", size=(160, 90)), count=1)[0].image.std() > 5
    assert "drawing the demo: no camera is used" in caplog.text
