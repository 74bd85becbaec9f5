"""Which of a model's files runs here, and how finely it looks: by what is right and quick on this processor."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from handflow.capture.images import read_image

from .model import PROFILES, Model, model_path, open_model

# How far int8 maps may differ from fp32 where there is a hand: 0.01 is usual, with sums cut off it is 0.06.
MAX_INT8_DEVIATION = 0.03
# The share of the time between two frames that profile auto may take: half is left to the other stages.
AUTO_SHARE = 0.5


def choose_model(name: str, precision: str, threads: int, exact: bool, log: logging.Logger) -> Model:
    """The model that `precision` asks for, opened. SetupError.

    `auto` is the quicker of fp32 and int8, if int8 is right on this processor; fp32 in `exact` runs, for what is
    quicker depends on the machine and on the moment.
    """
    if precision != "auto":
        return open_model(model_path(name, precision), threads)
    plain = open_model(model_path(name), threads)
    quantised = plain.path.with_name(f"{plain.path.stem}-int8.onnx")
    if exact or not os.path.isfile(quantised):
        return plain
    quicker = open_model(quantised, threads)
    # Some processors add up products of int8 in 16 bits and cut off what does not fit.
    if (found := deviation(plain.run, quicker.run, check_images())) > MAX_INT8_DEVIATION:
        log.warning(
            "%s differs from %s by %.2f on this processor (%.2f is allowed): fp32 is used. `handflow export` makes "
            "an int8 file with weights of 7 bits, which every processor computes alike",
            quicker.path, plain.path, found, MAX_INT8_DEVIATION,
        )  # fmt: skip
        return plain
    return min((plain, quicker), key=lambda model: model.seconds("near"))


def choose_profile(model: Model, fps: float) -> str:
    """The finest profile that keeps `fps`, else the fastest."""
    quick = [name for name in PROFILES[1:] if model.seconds(name) < AUTO_SHARE / fps]
    return quick[-1] if quick else PROFILES[0]


def check_images() -> np.ndarray:
    """Stored inputs (n, 3, 192, 320) uint8 to hold int8 against fp32: drawn hands, near and far, in bright light."""
    rows = read_image(Path(__file__).with_name("int8-check.png"))
    return np.ascontiguousarray(rows.reshape(-1, 192, 320, 3).transpose(0, 3, 1, 2))


def deviation(
    expected: Callable[[np.ndarray], Sequence[np.ndarray]],
    found: Callable[[np.ndarray], Sequence[np.ndarray]],
    images: np.ndarray,
) -> float:
    """The mean difference of two networks' maps of any hand and of open palms where either shows a hand.

    Each takes a image (1, 3, h, w) uint8 and gives its maps (rows, columns); `images` (n, 3, h, w).
    """
    differences: list[np.ndarray] = []
    for image in images:
        for one, other in zip(expected(image[None])[:2], found(image[None])[:2], strict=True):
            differences.append(abs(one - other)[(one > 0.2) | (other > 0.2)])
    lit = np.concatenate(differences)
    return float(lit.mean()) if len(lit) else 0.0
