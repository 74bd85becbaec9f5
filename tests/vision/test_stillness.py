"""Whether anything moves: noise, flicker and exposure do not, a small thing that goes a little way does."""

import cv2
import numpy as np
import pytest

from handflow.vision.stillness import Stillness, cells_of

SIZE = (640, 360)


def room(seed: int = 0) -> np.ndarray:
    """A picture with light and dark, (height, width, 3) float."""
    small = np.random.default_rng(seed).uniform(20, 220, (9, 16, 3)).astype(np.float32)
    return np.asarray(cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC))


def seen(picture: np.ndarray, noise: float, frame: int) -> np.ndarray:
    """What a camera makes of it."""
    grain = np.random.default_rng(frame).normal(0, noise, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def with_hand(picture: np.ndarray, x: int, light: float = 40) -> np.ndarray:
    """The same with a hand, 2.5 % of the width, that stands out by `light`."""
    found = picture.copy()
    found[160:176, x : x + 16] += light
    return found


def watch(stillness: Stillness, pictures: list[np.ndarray], first: int = 0, fps: float = 30) -> list[bool]:
    """What is said of each picture; those that moved and every sixth are looked at."""
    said = []
    for k, picture in enumerate(pictures, start=first):
        moved = stillness.moved(cells_of(picture), round(k / fps * 1e9) + 1)
        if moved or k % 6 == 0:
            stillness.looked()
        said.append(moved)
    return said


def test_the_first_picture_and_one_of_another_size_are_new() -> None:
    stillness = Stillness()
    image = seen(room(), 0, 0)
    assert watch(stillness, [image, image, image[:180]]) == [True, False, True]


@pytest.mark.parametrize("noise", [0, 3, 8])
def test_noise_is_no_motion_and_a_small_hand_is_in_the_same_frame(noise: float) -> None:
    stillness, picture = Stillness(), room()
    said = watch(stillness, [seen(picture, noise, k) for k in range(90)])
    assert not any(said[60:])
    assert watch(stillness, [seen(with_hand(picture, 300), noise, 90)], first=90) == [True]


def test_neither_is_flicker_nor_exposure_that_drifts_nor_both_with_noise() -> None:
    stillness, picture = Stillness(), room()
    light = [1 + 0.05 * np.sin(2 * np.pi * 7.3 * k / 30) - 0.1 * k / 75 for k in range(75)]
    said = watch(stillness, [seen(picture * lit + 5 * (lit - 1), 3, k) for k, lit in enumerate(light)])
    assert not any(said[45:])


def test_what_creeps_moves_when_it_has_come_far_enough() -> None:
    stillness, picture = Stillness(), room()
    watch(stillness, [seen(with_hand(picture, 300), 2, k) for k in range(75)])
    # Nothing is looked at: a third of a pixel a frame.
    said = [
        stillness.moved(cells_of(seen(with_hand(picture, 300 + (k - 75) // 3), 2, k)), round(k / 30 * 1e9) + 1)
        for k in range(75, 105)
    ]
    assert not said[0]
    assert said[-1]


def test_what_flickers_on_and_on_becomes_noise_and_the_rest_stays_wakeful() -> None:
    stillness, picture = Stillness(), room()
    said = watch(stillness, [seen(with_hand(picture, 100, 12 * (k % 2)), 2, k) for k in range(300)])
    assert any(said[:60])
    assert not any(said[-60:])
    assert watch(stillness, [seen(with_hand(picture, 400), 2, 300)], first=300) == [True]


def test_a_picture_of_one_brightness_is_still_and_wakes_up() -> None:
    stillness, grey = Stillness(), np.full((360, 640, 3), 128, np.float32)
    assert watch(stillness, [seen(grey, 0, k) for k in range(10)])[1:] == [False] * 9
    assert watch(stillness, [seen(with_hand(grey, 10), 0, 10)], first=10) == [True]


def test_pictures_of_any_shape_have_cells() -> None:
    for shape in ((3, 500, 3), (500, 3, 3), (2, 2, 3), (90, 160), (2160, 3840, 3)):
        cells = cells_of(np.zeros(shape, np.uint8))
        assert max(cells.shape) <= 80
        assert cells.dtype == np.float32
