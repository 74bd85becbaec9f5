"""Light of one colour is made weaker before the network sees a picture; ordinary light stays as it is."""

import cv2
import numpy as np
import pytest

from handflow.synthetic.scene import Scene
from handflow.training.conditions import lit
from handflow.vision.gaze.windows import Window, look_at
from handflow.vision.model import model_path, open_model
from handflow.vision.model_choice import check_images
from handflow.vision.model_input import in_even_light, light_gains, prepare
from handflow.vision.peaks import find_peaks

COLOURS = {"red": (0.15, 0.2, 1), "green": (0.2, 1, 0.25), "blue": (1, 0.35, 0.2), "magenta": (0.9, 0.2, 1)}


def scene(seed=3):
    image = np.empty((360, 640, 3), np.uint8)
    Scene(seed=seed, hands=4, size=(640, 360)).draw(2.0, image)
    return image


def ratio(image):
    means = np.array(cv2.mean(image)[:3])
    return means.max() / means.min()


@pytest.mark.parametrize("gain", [(1, 1, 1), (0.9, 1, 1.2), (0.1, 0.1, 0.1), (2, 2, 2)])
def test_ordinary_light_stays_as_it_is(gain):
    image = lit(np.full((36, 64, 3), (90, 100, 120), np.uint8), gain)
    assert list(light_gains(image)) == [1, 1, 1]
    assert in_even_light(image, light_gains(image)) is image


@pytest.mark.parametrize("colour", COLOURS)
def test_light_of_one_colour_becomes_weaker(colour):
    coloured = lit(scene(), COLOURS[colour])
    assert ratio(coloured) > 2.5
    even = in_even_light(coloured, light_gains(coloured))
    assert ratio(even) < 2
    # Which channel is the brightest does not change, nor its values.
    most = int(np.argmax(cv2.mean(coloured)[:3]))
    assert (even[..., most] == coloured[..., most]).all()


def test_it_sets_in_without_a_jump():
    image = np.full((36, 64, 3), 250, np.uint8)
    strengths = [light_gains(lit(image, (1 / share, 1, 1)))[0] for share in np.arange(1, 5, 0.02)]
    assert np.diff(strengths).max() < 0.1
    assert np.diff(strengths).min() >= 0
    assert strengths[0] == 1
    assert strengths[-1] == pytest.approx(5**0.7, rel=0.02)


def test_the_noise_of_a_dark_picture_is_not_made_bright():
    dark = np.zeros((36, 64, 3), np.uint8)
    dark[..., 2] = 3
    assert in_even_light(dark, light_gains(dark)).max() == 3


def test_bars_do_not_count():
    tall = lit(scene(), COLOURS["red"])[:, 200:400]
    tensor = prepare(tall, 320, 192).tensor[0].transpose(1, 2, 0)
    assert tensor[:, 0].max() == 0
    inner = tensor[:, tensor.any(axis=(0, 2))]
    assert ratio(inner) < 2


def test_hands_in_coloured_light_score_as_in_white_light():
    model = open_model(model_path("hands"))
    white = np.ascontiguousarray(check_images()[0].transpose(1, 2, 0))
    best = find_peaks(model.infer(white, "near"), 0.1).score.max()
    assert best > 0.5
    for gain in COLOURS.values():
        assert find_peaks(model.infer(lit(white, gain), "near"), 0.1).score.max() > 0.75 * best


def test_a_window_is_lit_as_the_whole_frame():
    """A coat that fills it is no red light."""
    frame = np.full((320, 640, 3), 120, np.uint8)
    frame[100:200, 100:200] = (20, 20, 180)
    seen = []

    class Watched:
        stride = 4

        def run_batch(self, tensors):
            seen.append(tensors.copy())
            maps = np.zeros((len(tensors), 32, 32), np.float32)
            return [maps, maps, maps, np.zeros((len(tensors), 32, 32, 2), np.float32)]

    look_at(Watched(), frame, [Window(110, 110, 80)], 128)
    assert list(seen[0][0, :, 64, 64]) == [20, 20, 180]
    look_at(Watched(), lit(frame, COLOURS["green"]), [Window(400, 110, 80)], 128)
    green = seen[1][0, :, 64, 64].astype(int)
    assert green.max() < 1.7 * green.min()
