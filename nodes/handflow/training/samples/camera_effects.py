"""What light, lens, sensor and compression do to an image (height, width, 3) uint8 BGR, each at times."""

import cv2
import numpy as np

from handflow.capture.images import decode_image
from handflow.runtime.transport import jpeg


def camera_effects(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """The image as some camera might have taken it."""
    if rng.random() < 0.3:
        image = defocus(rng, image)
    elif rng.random() < 0.1:
        image = motion_blur(rng, image)
    if rng.random() < 0.9:
        image = exposure(rng, image)
    if rng.random() < 0.5:
        image = saturation(rng, image)
    if rng.random() < 0.25:
        image = sensor_noise(rng, image)
    if rng.random() < 0.35:
        image = jpeg_artefacts(rng, image)
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


def exposure(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Gain and white balance by channel, gamma and lift; one table does it all."""
    gain = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.09, 3))
    if rng.random() < 0.08:
        gain = gain * rng.uniform(0.2, 0.5)  # a dark room
    gamma = float(np.exp(rng.normal(0, 0.2)))
    lift = float(rng.normal(0, 10) * gain.min().clip(0, 1))
    ramp = (np.arange(256) / 255)[:, None] ** gamma * 255 * gain + lift  # (256, 3)
    return cv2.LUT(image, ramp.clip(0, 255).astype(np.uint8).reshape(1, 256, 3))


def saturation(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Paler or stronger colours; at times none."""
    amount = 0.0 if rng.random() < 0.08 else float(rng.uniform(0.5, 1.5))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(image, amount, grey, 1 - amount, 0)


def sensor_noise(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Gaussian noise on each pixel and channel."""
    noise = rng.normal(0, rng.uniform(2, 12), image.shape).astype(np.float32)
    return (image + noise).clip(0, 255).astype(np.uint8)


def jpeg_artefacts(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """What JPEG of a middling or poor quality leaves of the image."""
    return np.asarray(decode_image(jpeg.encode(image, int(rng.integers(30, 90)))))
