"""Turning, cutting and scaling into a slot."""

import numpy as np
import pytest

from handflow.capture.transform import transform


class Slot:
    """Lends one slot; `place` must have written into just this one."""

    def __call__(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        self.array = np.full(shape, 77, dtype)
        return self.array


# 1 2 3
# 4 5 6
NUMBERS = np.repeat(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [[1, 2, 3], [4, 5, 6]]),
        ({"mirror": True}, [[3, 2, 1], [6, 5, 4]]),
        ({"rotate": 90}, [[4, 1], [5, 2], [6, 3]]),
        ({"rotate": 180}, [[6, 5, 4], [3, 2, 1]]),
        ({"rotate": 270}, [[3, 6], [2, 5], [1, 4]]),
        ({"rotate": 90, "mirror": True}, [[1, 4], [2, 5], [3, 6]]),
        ({"crop": (1 / 3, 0, 2 / 3, 1)}, [[2, 3], [5, 6]]),
        ({"crop": (1 / 3, 0.5, 2 / 3, 0.5), "rotate": 90, "mirror": True}, [[5], [6]]),
        ({"size": (100, 100)}, [[1, 2, 3], [4, 5, 6]]),  # never enlarged
    ],
)
def test_a_picture_is_cut_turned_and_mirrored_into_the_slot(settings: dict, expected: list) -> None:
    slot = Slot()
    found = transform(NUMBERS, slot, **settings)
    assert found is slot.array
    assert found[..., 0].tolist() == expected
    assert (found[..., 0] == found[..., 2]).all()


@pytest.mark.parametrize(
    ("picture", "rotate", "size", "expected"),
    [
        ((1920, 1080), 0, (1280, 720), (1280, 720)),
        ((640, 480), 0, (1280, 720), (640, 480)),
        ((1600, 1200), 0, (1280, 720), (960, 720)),  # 4:3 stays 4:3
        ((1920, 1080), 90, (720, 1280), (720, 1280)),
        ((1080, 1920), 0, (1280, 720), (405, 720)),
        ((4000, 3000), 0, (400, 300), (400, 300)),
    ],
)
@pytest.mark.parametrize("mirror", [False, True])
def test_a_picture_fits_into_the_size_with_its_aspect(
    picture: tuple[int, int], rotate: int, size: tuple[int, int], expected: tuple[int, int], mirror: bool
) -> None:
    slot = Slot()
    found = transform(np.full((picture[1], picture[0], 3), 50, np.uint8), slot, size=size, rotate=rotate, mirror=mirror)
    assert found is slot.array
    assert found.shape == (expected[1], expected[0], 3)
    assert (found == 50).all()
