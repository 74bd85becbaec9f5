"""The camera stage, with false drivers that buffer, hang, freeze, go black and vanish; files, and the demo."""

import itertools
import logging
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.clocks import oversleep
from support.graphs import until
from support.pictures import clip
from support.quiet import in_a_quiet_moment

from handflow import Frame, SetupError, now_ns
from handflow.capture import devices
from handflow.capture import reader as live
from handflow.capture.files import CapturedFrame
from handflow.capture.reader import CameraReader, Health
from handflow.messages import Clock
from handflow.stages.camera import Camera

GRAIN = np.random.default_rng(0).integers(0, 40, (48, 64, 3)).astype(np.uint8)


class Driver:
    """A camera's driver: takes a picture each 1/fps s, holds up to four that nobody fetched, and then takes no more.

    The picture's first pixel is its number. `script` may say what becomes of number n: "hang", "gone", "damaged",
    "same" (as the one before), "black", or nothing special.
    """

    def __init__(self, fps: float = 100, slow_s: float = 0, script: Callable[[int], str] = lambda number: "") -> None:
        self.fps, self.slow_s, self.script = fps, slow_s, script
        self.start = time.monotonic()
        self.seen = -1  # numbers up to this one are in the buffer, fetched or lost
        self.buffer: list[int] = []
        self.fetched = -1
        self.taken_ns: dict[int, int] = {}
        self.stamps = False  # whether it says when pictures were taken, as V4L2 does
        self.released = threading.Event()

    def grab(self) -> bool:
        self._take()
        if not self.buffer:
            time.sleep(max(0, self.start + (self.seen + 1) / self.fps - time.monotonic()))
            self._take()
        what = self.script(self.buffer[0])
        if what == "hang":
            self.released.wait(60)
        if what in ("gone", "hang"):
            return False
        self.fetched = self.buffer.pop(0)
        return True

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(self.slow_s)  # a JPEG being unpacked
        what = self.script(self.fetched)
        if what == "damaged":
            return False, None
        if what == "black":
            return True, GRAIN // 20
        image = GRAIN + np.uint8(100)
        if what != "same":
            image[0, 0] = self.fetched % 256
        return True, image

    def get(self, propId: int) -> float:  # noqa: N803
        assert propId == cv2.CAP_PROP_POS_MSEC
        return (self.taken_ns[self.fetched] - Clock.offset_ns) / 1e6 if self.stamps else 0.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        return False

    def release(self) -> None:
        self.released.set()

    def _take(self) -> None:
        for number in range(self.seen + 1, int((time.monotonic() - self.start) * self.fps) + 1):
            self.seen = number
            if len(self.buffer) < 4:
                self.buffer.append(number)
                self.taken_ns[number] = Clock.offset_ns + round((self.start + number / self.fps) * 1e9)


def number(picture: CapturedFrame) -> int:
    return int(picture.image[0, 0, 0])


def arrived(reader: CameraReader, count: int, within_s: float = 60.0) -> list[CapturedFrame]:
    """The next `count` pictures."""
    found: list[CapturedFrame] = []
    end = time.monotonic() + within_s
    for picture in reader:
        if picture is not None:
            found.append(picture)
        if len(found) == count:
            return found
        assert time.monotonic() < end, f"{len(found)} of {count} pictures came"
    raise AssertionError(f"it ended after {len(found)} of {count} pictures")


@pytest.fixture
def reading(caplog) -> Iterator[Callable[..., CameraReader]]:
    """Makes readers over drivers, one after the other as they are opened (None: it does not open), and closes them."""
    caplog.set_level(logging.INFO)
    readers: list[CameraReader] = []
    given: list[Driver] = []

    def make(*drivers: Driver | None, frozen_s: float = 0.2, black_s: float = 0.1, **settings: object) -> CameraReader:
        queue = list(drivers)

        def connect() -> Driver | None:
            driver = queue.pop(0) if len(queue) > 1 else queue[0]
            if driver is not None:
                given.append(driver)
            return driver

        settings = {"pauses_s": (0.01,), **settings}
        readers.append(CameraReader(connect, logging.getLogger("camera"), Health(frozen_s, black_s), **settings))
        return readers[-1]

    yield make
    for reader in readers:
        reader.close()
    for driver in given:
        driver.released.set()


def test_a_slow_reader_gets_the_newest_picture_and_none_from_the_driver_s_buffer(reading) -> None:
    driver = Driver(fps=100)
    reader = reading(driver)

    def observe() -> None:
        for _ in range(3):
            (picture,) = arrived(reader, 1)
            assert now_ns() - driver.taken_ns[number(picture)] < 25e6
            time.sleep(0.15)  # 15 pictures

    in_a_quiet_moment(observe)


def test_a_driver_that_buffers_more_than_can_be_unpacked_is_drained(reading) -> None:
    driver = Driver(fps=100, slow_s=0.035)
    reader = reading(driver)

    def observe() -> None:
        # The oldest of its buffer would be 40 ms old when it is fetched; the stamp tells when it was taken.
        late_ns = [abs(picture.captured_ns - driver.taken_ns[number(picture)]) for picture in arrived(reader, 9)]
        assert statistics.median(late_ns) < 8e6

    in_a_quiet_moment(observe)


def test_no_picture_is_handed_out_twice_and_none_goes_back(reading) -> None:
    found = arrived(reading(Driver(fps=200)), 30)
    numbers = [number(picture) for picture in found]
    assert numbers == sorted(set(numbers))
    stamps = [picture.captured_ns for picture in found]
    assert stamps == sorted(set(stamps))


def test_the_time_that_the_driver_says_is_believed(reading) -> None:
    driver = Driver()
    driver.stamps = True
    for picture in arrived(reading(driver), 5):
        assert abs(picture.captured_ns - driver.taken_ns[number(picture)]) < 1000


def test_a_driver_that_hangs_is_lost_said_once_and_does_not_hold_up_the_stop(reading, caplog, monkeypatch) -> None:
    monkeypatch.setattr(live, "LOST_S", 0.3)

    def observe() -> None:
        caplog.clear()
        hangs = threading.Event()
        reader = reading(Driver(script=lambda n: "hang" if hangs.is_set() else ""))
        arrived(reader, 3)
        hangs.set()
        gaps, before = [], time.monotonic()
        for picture in itertools.islice(reader, 8):
            gaps.append(time.monotonic() - before)
            before = time.monotonic()
            last = picture
        assert last is None
        assert max(gaps) < 0.3
        assert reader.state == "lost"
        assert caplog.text.count("camera lost: no picture for") == 1
        begun = time.monotonic()
        reader.close()
        assert time.monotonic() - begun < 0.3

    in_a_quiet_moment(observe)


def test_a_driver_that_hangs_for_good_takes_a_new_process(reading, monkeypatch) -> None:
    monkeypatch.setattr(live, "HANG_S", 0.3)
    reader = reading(Driver(script=lambda n: "hang" if n > 2 else ""))
    with pytest.raises(RuntimeError, match="the camera's driver hangs"):
        list(reader)


def test_a_camera_is_not_lost_frozen_or_hung_because_the_machine_was_asleep(reading, caplog, monkeypatch) -> None:
    driver = Driver(fps=20)
    reader = reading(driver, frozen_s=5)
    arrived(reader, 3)
    before = driver.fetched
    oversleep(monkeypatch, 70)
    first = arrived(reader, 3)[0]
    assert caplog.messages == []
    assert number(first) > before


def test_a_camera_that_is_unplugged_is_opened_again_and_said_once(reading, caplog) -> None:
    gone = Driver(script=lambda n: "gone" if n > 3 else "")
    found = arrived(reading(gone, None, None, None, Driver()), 10)
    assert len(found) == 10
    assert gone.released.is_set()
    assert caplog.text.count("camera lost: its driver gives no more pictures") == 1
    assert caplog.text.count("camera lost") == 1
    assert caplog.text.count("camera back: pictures again after") == 1


def test_pauses_between_tries_grow_and_start_again_after_pictures() -> None:
    def observe() -> None:
        tries: list[float] = []

        def connect() -> Driver | None:
            tries.append(time.monotonic())
            return Driver(script=lambda n: "gone" if n > 1 else "") if len(tries) == 4 else None

        reader = CameraReader(connect, logging.getLogger("camera"), pauses_s=(0.02, 0.1, 0.3))
        while len(tries) < 6:
            time.sleep(0.01)
        reader.close()
        assert np.diff(tries)[:5] == pytest.approx([0.02, 0.1, 0.3, 0.04, 0.1], abs=0.05)

    in_a_quiet_moment(observe)


def test_a_frozen_camera_is_told_from_a_lost_one_and_opened_anew(reading, caplog) -> None:
    frozen = Driver(script=lambda n: "same" if n > 5 else "")
    still = Driver(script=lambda n: "same")
    found = arrived(reading(frozen, still, Driver()), 15)
    assert frozen.released.is_set()
    assert still.released.is_set()
    assert caplog.text.count("camera frozen: the same picture for 0.2 s") == 1
    assert "camera lost" not in caplog.text
    assert caplog.text.count("camera back") == 1
    images = [picture.image for picture in found]
    assert not any(np.array_equal(a, b) for a, b in itertools.pairwise(images))


def test_a_black_camera_goes_on_and_is_said_once(reading, caplog) -> None:
    covered = threading.Event()
    reader = reading(Driver(script=lambda n: "black" if covered.is_set() else ""))
    arrived(reader, 5)
    covered.set()
    until(lambda: reader.state == "black", "the cover is not noticed")
    arrived(reader, 5)
    covered.clear()
    until(lambda: reader.state == "fine", "the light is not noticed")
    assert caplog.text.count("camera black") == 1
    assert caplog.text.count("camera back") == 1
    assert "frozen" not in caplog.text


def test_a_damaged_picture_now_and_then_is_passed_over(reading, caplog) -> None:
    found = arrived(reading(Driver(script=lambda n: "damaged" if n % 3 else "")), 6)
    assert all(number(picture) % 3 == 0 for picture in found)
    assert "lost" not in caplog.text


def test_an_error_in_opencv_is_a_loss_with_its_words(reading, caplog) -> None:
    def broken(n: int) -> str:
        if n > 2:
            raise cv2.error("ioctl failed")
        return ""

    arrived(reading(Driver(script=broken), Driver()), 10)
    assert caplog.text.count("camera lost: ioctl failed") == 1


def test_a_fault_in_the_thread_is_raised_where_pictures_are_awaited(reading) -> None:
    def faulty(n: int) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(reading(Driver(script=faulty)))


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


def test_health_counts_seconds_not_pictures() -> None:
    health = Health(frozen_s=2.0, black_s=1.0)
    light, dark, burnt = GRAIN + np.uint8(100), GRAIN // 20, np.full_like(GRAIN, 255)
    health.opened(0.0)
    assert health.check(light, 0.0) == "fine"
    assert health.check(light.copy(), 1.9) == "same"
    assert health.check(light.copy(), 2.0) == "frozen"
    assert health.check(light + np.uint8(1), 2.1) == "fine"
    assert health.check(dark, 3.0) == "fine"
    assert health.check(dark, 3.1) == "black"  # no light since 2.1; equal dark pictures are not frozen
    assert health.check(light, 3.2) == "fine"
    assert health.check(burnt, 4.0) == "fine"
    assert health.check(burnt, 9.0) == "fine"  # as white as can be, and so without noise


def test_a_single_pixel_that_differs_is_life() -> None:
    health = Health()
    image = GRAIN + np.uint8(100)
    health.check(image, 0.0)
    other = image.copy()
    other[3, 5, 1] += 1
    assert health.check(other, 5.0) == "fine"


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
    assert node.note == "lost"
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
    node.stop()
    assert set(opened) == {3}


def test_the_demo_can_be_asked_for(caplog) -> None:
    caplog.set_level(logging.INFO)
    assert frames(started(source="demo", size=(160, 90)), count=1)[0].image.std() > 5
    assert "drawing the demo: no camera is used" in caplog.text
