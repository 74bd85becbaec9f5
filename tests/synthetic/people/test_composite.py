"""People put into one's own pictures look as if that camera had seen them."""

import numpy as np
import pytest

from handflow.synthetic.people.backgrounds import OwnPicture, OwnPictures
from handflow.synthetic.people.composite import composed
from handflow.synthetic.people.drawn import Drawn

COLOUR = (70, 110, 140)


def own(colour: tuple[int, int, int] = COLOUR, noise: float = 0.0) -> OwnPictures:
    grain = np.random.default_rng(2).normal(0, noise, (240, 320, 3))
    image = (np.full((240, 320, 3), colour) + 255 * grain).clip(0, 255).astype(np.uint8)
    return OwnPictures([OwnPicture("x.png", lambda: image)], None)


def pasted(pictures: OwnPictures, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A red block in the picture; the picture, and where the block is."""
    view = pictures.view(np.random.default_rng(1))
    layer = np.zeros((240, 320, 4), np.uint8)
    layer[60:180, 100:200] = (180, 60, 50, 255)
    nobody = np.zeros((240, 320), np.int32)
    shadow = np.ones((60, 80, 3), np.float32)
    shadow[50:] = 0.4
    drawn = Drawn(layer, nobody, nobody, shadow)
    image = composed(*(np.random.default_rng(seed) for _ in range(2)), view, view.picture, drawn, [])
    return image, layer[..., 3] > 0


def test_the_picture_stays_as_it_was_where_nobody_is_and_no_shadow_falls() -> None:
    image, block = pasted(own())
    assert np.abs(image[:40].astype(int) - COLOUR).max() <= 1
    assert image[230, 10].mean() < np.mean(COLOUR) * 0.85
    assert image[block][:, 2].mean() > image[block][:, 0].mean() + 50


@pytest.mark.parametrize("noise", [0.01, 0.04])
def test_people_have_the_pictures_noise(noise: float) -> None:
    pictures = own(noise=noise)
    assert pictures.noise == pytest.approx(noise, rel=0.3)
    image, _ = pasted(pictures)
    inside = image[80:160, 120:180].astype(float) / 255
    assert np.diff(inside, axis=1).std() / np.sqrt(2) == pytest.approx(noise, rel=0.5)


def test_in_a_grey_picture_people_are_grey() -> None:
    image, block = pasted(own((90, 90, 90)))
    assert np.ptp(image.astype(int), axis=2).max() == 0
    assert image[block].mean() != image[~block].mean()


def test_people_are_lit_as_brightly_as_the_ground() -> None:
    gains = [
        np.mean([own(colour).view(np.random.default_rng(n)).gain for n in range(6)])
        for colour in ((40, 40, 42), (80, 80, 84), (160, 160, 168))
    ]
    assert gains[0] < gains[1] < gains[2]
