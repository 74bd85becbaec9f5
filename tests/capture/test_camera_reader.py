"""The thread that reads a camera, with false drivers that buffer, hang, freeze, go black and vanish."""

import functools
import itertools
import logging
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from support.clocks import oversleep
from support.drivers import GRAIN, Driver, number
from support.graphs import until
from support.quiet import in_a_quiet_moment
from support.web_cameras import arrived as arrived_within

from handflow import now_ns
from handflow.capture import reader as live
from handflow.capture.reader import CameraReader, Health
from handflow.runtime.backoff import pause_s

# Drivers here are slow on purpose.
arrived = functools.partial(arrived_within, within_s=60.0)


@pytest.fixture
def reading(caplog, monkeypatch) -> Iterator[Callable[..., CameraReader]]:
    """Makes readers over drivers, one after the other as they are opened (None: it does not open), and closes them.

    None is lost because this machine was busy for a second.
    """
    caplog.set_level(logging.INFO)
    for name in ("LOST_S", "OPENING_S"):
        monkeypatch.setattr(live, name, 60.0)
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


def test_pauses_between_tries_grow_and_start_again_after_pictures(monkeypatch) -> None:
    pauses: list[float] = []
    tries: list[float] = []

    def noted(*arguments: Any) -> float:
        pauses.append(pause_s(*arguments))
        return pauses[-1]

    def connect() -> Driver | None:
        tries.append(time.monotonic())
        return Driver(script=lambda n: "gone" if reader.state == "fine" else "") if len(tries) == 4 else None

    monkeypatch.setattr(live, "pause_s", noted)
    reader = CameraReader(connect, logging.getLogger("camera"), pauses_s=(0.02, 0.1, 0.3))
    until(lambda: len(tries) >= 6, "it is not tried again")
    reader.close()
    assert pauses[:5] == [0.02, 0.1, 0.3, 0.02, 0.1]
    # A busy machine makes a pause longer, and never shorter.
    assert (np.diff(tries)[:5] >= np.array(pauses[:5]) - 1e-3).all()


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
