"""What is wrong with a camera's pictures, told apart by looking at one a second."""

import functools
import itertools
import re
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from handflow.capture.picture_watch import ELSEWHERE_LOOKS, LOOKS, SHARPNESS, PictureWatch, sharpness

SIZE = (640, 360)


NOISE = np.random.default_rng(9).normal(100, 3, (SIZE[1] + 1, SIZE[0], 3)).astype(np.uint8)


def scene(seed: int = 0, shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Things of all sizes, as a room has them, with a camera's noise."""
    noise = NOISE[1:] if next(COUNT) % 2 else NOISE[:-1]
    return cv2.subtract(cv2.add(things(seed, shift), noise), np.full_like(noise, 100))


COUNT = itertools.count()


@functools.cache
def things(seed: int, shift: tuple[int, int]) -> np.ndarray:
    random = np.random.default_rng(seed)
    image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    for _ in range(120):
        corner = random.integers(-40, SIZE) + shift
        side = random.geometric(1 / 40, 2)
        colour = random.integers(20, 230, 3).tolist()
        cv2.rectangle(image, corner.tolist(), (corner + side).tolist(), colour, -1)
    return image // 2 + 20


def after(watch: PictureWatch, make: Callable[[], np.ndarray], looks: int = LOOKS, start_s: float = 0.0) -> str:
    """What it says after so many looks at pictures of one kind."""
    for number in range(looks):
        watch.look(make(), start_s + number)
    return watch.fault


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda image: image, ""),
        (lambda image: image // 40, "black: is the lens covered, or the light off?"),
        (lambda image: cv2.convertScaleAbs(image, alpha=6), "overexposed: "),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 3), "out of focus: focus the lens, or clean it"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 8), "out of focus: "),
        # A wall has nothing that could be sharp, and a dim room is no covered lens.
        (lambda image: image // 40 + np.uint8(120), ""),
        (lambda image: image // 5 + np.uint8(5), ""),
    ],
    ids=["fine", "black", "overexposed", "soft", "blurred", "wall", "dim"],
)
def test_what_is_wrong_with_pictures_is_told_apart(spoil: Callable[[np.ndarray], np.ndarray], fault: str) -> None:
    found = after(PictureWatch(), lambda: spoil(scene()))
    assert found.startswith(fault)
    assert bool(found) == bool(fault)


def test_where_a_reader_tells_of_black_pictures_nothing_is_said_twice() -> None:
    assert after(PictureWatch(tells_black=False), lambda: scene() // 40) == ""


def test_it_looks_once_a_second_and_says_a_change_once_it_has_lasted() -> None:
    watch = PictureWatch()
    dark, light = scene() // 40, scene()
    said = [watch.look(dark, number / 30) for number in range(30 * LOOKS)]
    assert said.count(True) == 1
    assert said.index(True) == 30 * (LOOKS - 1)
    assert not any(watch.look(light, 10.0 + number) for number in range(LOOKS - 1))
    assert watch.kind == "black"
    assert watch.look(light, 20.0)
    assert watch.fault == ""


def test_a_camera_that_was_moved_is_told_from_people_and_from_light() -> None:
    random = np.random.default_rng(1)

    def with_somebody(image: np.ndarray) -> np.ndarray:
        left = int(random.integers(0, SIZE[0] // 2))
        image[80:, left : left + 150] = scene(2)[80:, :150]
        return image

    watch = PictureWatch(scene())
    assert after(watch, lambda: with_somebody(scene())) == ""
    assert after(watch, lambda: scene() // 2, start_s=50) == ""
    found = after(watch, lambda: with_somebody(scene(shift=(32, 10))), 2 * LOOKS, start_s=100)
    assert re.match(r"moved: by [45]\.\d% of the picture's width since it was calibrated; ", found)
    assert found.endswith("put it back, or run handflow calibrate again")
    assert after(watch, scene, 2 * LOOKS, start_s=200) == ""


def test_a_camera_that_shows_another_place_is_said_after_a_while() -> None:
    watch = PictureWatch(scene())
    place = scene(3)
    assert after(watch, lambda: place, ELSEWHERE_LOOKS // 2) == ""
    found = after(watch, lambda: place, ELSEWHERE_LOOKS, start_s=1000)
    assert found.startswith("moved: to where it shows another place since it was calibrated")


def test_sharpness_does_not_depend_on_contrast() -> None:
    grey = cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY)
    thumbnail = cv2.resize(grey, (320, 180), interpolation=cv2.INTER_AREA)
    assert sharpness(thumbnail) == pytest.approx(sharpness(thumbnail // 3), rel=0.3)
    assert sharpness(thumbnail) > 2 * SHARPNESS
