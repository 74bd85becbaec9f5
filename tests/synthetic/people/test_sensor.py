"""How much of a camera's noise and softness is measured in its picture."""

import cv2
import numpy as np
import pytest

from handflow.synthetic.people.sensor import infrared, measured_noise, measured_softness, motion_blur


def edges(blur_px: float, noise: float) -> np.ndarray:
    """Rectangles of several greys, as a camera of this blur and noise (0..1) sees them."""
    rng = np.random.default_rng(3)
    image = np.full((360, 640), 0.4, np.float32)
    for x in range(20, 600, 60):
        image[40:320, x : x + 30] = rng.uniform(0.1, 0.9)
    seen = cv2.GaussianBlur(image, (0, 0), blur_px) + rng.normal(0, noise, image.shape)
    return np.repeat((seen.clip(0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_noise_is_measured(noise: float) -> None:
    assert measured_noise(edges(0.8, noise)) == pytest.approx(noise, rel=0.3)


@pytest.mark.parametrize("blur_px", [0.7, 1.2, 2.2])
def test_softness_is_measured(blur_px: float) -> None:
    assert measured_softness(edges(blur_px, 0.003)) == pytest.approx(blur_px, rel=0.25)


def test_an_empty_picture_has_neither() -> None:
    flat = np.full((90, 160, 3), 128, np.uint8)
    assert measured_noise(flat) < 0.002
    assert measured_softness(flat) < 1


def test_motion_blur_moves_nothing_and_keeps_the_light() -> None:
    image = np.zeros((41, 41, 3), np.float32)
    image[20, 20] = 1
    blurred = motion_blur(image, 8, 0.0)
    assert blurred.sum() == pytest.approx(3, rel=1e-3)
    assert np.argwhere(blurred[..., 0] > 0).mean(axis=0) == pytest.approx([20, 20], abs=0.6)
    assert (blurred[20, 16:25] > 0).all()


def test_infrared_is_grey_and_darker_at_the_rim() -> None:
    seen = infrared(np.full((90, 160, 3), 0.5, np.float32))
    assert np.ptp(seen, axis=2).max() == 0
    assert seen[45, 80, 0] > 1.5 * seen[0, 0, 0]
