"""The noise of a camera's sensor, laid over a drawn frame."""

import cv2
import numpy as np


class CameraNoise:
    """A camera's noise, drawn once and shifted from frame to frame: drawing it anew would cost 30 ms."""

    def __init__(self, sigma: float, size: tuple[int, int]) -> None:
        shape = (size[1] + 64, size[0] + 64, 3)
        noise = np.random.default_rng(5).standard_normal(shape, np.float32) * sigma
        self.noise = np.clip(np.round(noise) + 128, 0, 255).astype(np.uint8)

    def add(self, t: float, image: np.ndarray) -> None:
        """Adds the noise of the moment `t` to `image`."""
        down, right = np.random.default_rng(round(t * 1000)).integers(0, 64, 2)
        window = self.noise[down : down + image.shape[0], right : right + image.shape[1]]
        cv2.addWeighted(image, 1, window, 1, -128, dst=image)
