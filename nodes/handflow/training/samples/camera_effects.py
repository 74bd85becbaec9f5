"""What light, lens, sensor and compression do to a sample, each at times and of a random strength."""

import cv2
import numpy as np

from handflow.training import conditions

UNUSUAL = 0.33  # share of samples that are seen by a camera, or in a light, out of the ordinary
UNUSUAL_LIGHTS = {"dark": 0.16, "bright": 0.46, "stage": 0.13, "grey": 0.09, "infra-red": 0.09, "haze": 0.07}
RAIN = INTERLACED = 0.02  # shares of samples
STRONG_COMPRESSION = 0.05


def camera_effects(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """The image (height, width, 3) uint8 BGR as some camera might have taken it."""
    if rng.random() < 0.3:
        image = defocus(rng, image)
    elif rng.random() < 0.1:
        image = motion_blur(rng, image)
    image = unusual_light(rng, image) if rng.random() < UNUSUAL else ordinary_light(rng, image)
    if rng.random() < RAIN:
        image = conditions.rain(image, int(rng.integers(10, 60)), float(rng.uniform(0.01, 0.04)), rng)
    if rng.random() < INTERLACED:
        image = conditions.interlaced(image, float(rng.uniform(-0.02, 0.02)))
    if rng.random() < 0.25:
        image = conditions.with_noise(image, float(rng.uniform(2, 12)), rng)
    if rng.random() < 0.35:
        image = conditions.compressed(image, int(rng.integers(20, 90)))
    elif rng.random() < STRONG_COMPRESSION:
        image = conditions.compressed(image, int(rng.integers(5, 20)))
    return image


def defocus(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Soft focus, or a lower resolution than the network's input."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.4)))
    height, width = image.shape[:2]
    scale = float(rng.uniform(0.45, 0.9))
    small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def motion_blur(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """The blur of a camera that moves by 3 to 9 pixels in any direction."""
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), float(rng.uniform(0, 180)), 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)))
    return cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-6))


def ordinary_light(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Gain and white balance by channel, gamma and lift in one table; then paler or stronger colours."""
    if rng.random() < 0.9:
        gain = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.09, 3))
        gamma = float(np.exp(rng.normal(0, 0.2)))
        lift = float(rng.normal(0, 10) * gain.min().clip(0, 1))
        image = conditions.lookup(image, (conditions.RAMP / 255) ** gamma * 255 * gain + lift)
    if rng.random() < 0.5:
        amount = float(rng.uniform(0.5, 1.5))
        image = cv2.addWeighted(image, amount, conditions.colourless(image), 1 - amount, 0)
    return image


def unusual_light(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Too much light or too little, coloured light, no colour, infra-red, haze."""
    kind = rng.choice(list(UNUSUAL_LIGHTS), p=list(UNUSUAL_LIGHTS.values()))
    if kind == "dark":
        gain = float(np.exp(rng.uniform(np.log(0.07), np.log(0.5))))
        image = conditions.dark(image, gain, float(rng.uniform(0, 3)), rng)
        # Many cameras amplify it again, noise and all.
        return conditions.lit(image, min(1 / gain, float(rng.uniform(1.5, 6)))) if rng.random() < 0.5 else image
    if kind == "bright":
        return conditions.lit(image, float(rng.uniform(1.4, 2.8)) * np.exp(rng.normal(0, 0.05, 3)))
    if kind == "stage":
        colours = rng.uniform(0.05, 1, (2, 3)) ** 1.5
        left, right = colours / colours.max(axis=1, keepdims=True) * rng.uniform(0.6, 1.5)
        return conditions.lit(image, left) if rng.random() < 0.5 else conditions.two_lamps(image, left, right)
    if kind == "haze":
        veil, share = rng.uniform(120, 240) * np.exp(rng.normal(0, 0.05, 3)), float(rng.uniform(0.2, 0.65))
        return conditions.haze(image, share, veil)
    weights = np.array(conditions.GREY) if kind == "grey" else rng.dirichlet([0.5, 1.0, 3.0])
    gamma, gain = float(np.exp(rng.normal(0, 0.3))), float(np.exp(rng.normal(0, 0.25)))
    image = conditions.colourless(image, weights, gamma, gain)
    if kind == "infra-red" and rng.random() < 0.6:
        x, y = rng.normal(0, 0.2, 2)
        image = conditions.lamp_at(image, float(x), float(y), float(rng.uniform(0.2, 0.9)))
    return image
