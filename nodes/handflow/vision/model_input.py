"""A frame as the network takes it: how large, with black bars where the shapes differ, coloured light made weaker."""

import math
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

# How many times as bright the brightest channel is as the darkest one, on average: light is coloured from the first on,
# and wholly from the second. A red wall or a lawn stays below 2, a lamp of one colour is above 3.
COLOURED = (2.0, 3.0)
# How far the channels' means come together, as a power of their ratio: 1 would make a red stage as pale as a white one,
# and its dark channels' noise as bright. Chosen on pictures in red, green, blue and magenta light (the model card).
EVENED = 0.7
DARKEST = 4.0  # a mean below it counts as this: of a dark channel noise alone would become bright


@cache
def input_size(width: int, height: int, budget: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The input (width, height) for a picture of `width` x `height` pixels: of about as many pixels as `budget`, in
    multiples of `multiple`, showing the picture as large as it can be without losing its shape.
    """
    if abs(math.log(width * budget[1] / (height * budget[0]))) < 0.1:
        return budget
    most = 1.1 * budget[0] * budget[1]
    sizes = []
    for across in range(multiple, int(most // multiple) + 1, multiple):
        tallest = int(most / across) // multiple * multiple
        # Taller than the picture's shape shows it no larger: only sizes around that height can be the best.
        fitting = round(across * height / width / multiple) * multiple
        downs = {tallest, *(min(fitting + step * multiple, tallest) for step in (-1, 0, 1))}
        sizes += [(across, down) for down in downs if down > 0]
    return max(sizes, key=lambda size: (min(size[0] / width, size[1] / height), -size[0] * size[1]))


class Prepared(NamedTuple):
    """A picture as the network takes it, and where that lies in the picture."""

    tensor: np.ndarray  # (1, 3, h, w) uint8, BGR
    scale: np.ndarray  # (2,) 0..1 of the picture's width and height per pixel of the tensor
    shift: np.ndarray  # (2,) where the tensor's corner lies in the picture


def prepare(
    image: np.ndarray, width: int, height: int, tensor: np.ndarray | None = None, gains: np.ndarray | None = None
) -> Prepared:
    """A picture as the network takes it, `width` x `height`, with black bars where the shapes differ by over 1.5 %.

    `tensor` is filled if it has the right shape. Numbers stay bytes: their scaling is the network's first step.
    `gains`: `light_gains` of the picture that this is a part of; None: its own.
    """
    if tensor is None or tensor.shape != (1, 3, height, width):
        tensor = np.empty((1, 3, height, width), np.uint8)
    rows, columns = image.shape[:2]
    inner_width, inner_height = width, height
    if abs(math.log(width * rows / (height * columns))) > 0.015:
        fit = min(width / columns, height / rows)
        inner_width, inner_height = max(1, round(columns * fit)), max(1, round(rows * fit))
        tensor.fill(0)
    # INTER_LINEAR skips pixels when it shrinks by more than 2. Up to 4 (720p at near) that loses no hand, moves none,
    # while means of 2x2 first cost 0.4 ms on a picture that lies in no cache, and INTER_AREA 0.8.
    while image.shape[1] > 4 * inner_width and image.shape[0] > 4 * inner_height:
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_LINEAR)
    image = cv2.resize(image, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
    image = in_even_light(image, light_gains(image) if gains is None else gains)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    tensor[0, :, top : top + inner_height, left : left + inner_width] = image.transpose(2, 0, 1)
    inner = np.array([inner_width, inner_height])
    return Prepared(tensor, 1 / inner, -np.array([left, top]) / inner)


def light_gains(image: np.ndarray) -> np.ndarray:
    """How much brighter each channel (3,) is to be made, 1 or more, so that light of one colour is less so.

    1 in ordinary light, and growing evenly from there, so that no frame jumps.
    """
    means = np.maximum(cv2.mean(image)[:3], DARKEST)
    behind = means.max() / means
    least, most = COLOURED
    return np.asarray(behind ** (EVENED * np.clip((behind.max() - least) / (most - least), 0, 1)))


def in_even_light(image: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The image (height, width, 3) uint8 with each channel so much brighter."""
    if gains.max() <= 1:
        return image
    table = (np.arange(256)[:, None] * gains).clip(0, 255).astype(np.uint8)  # (256, 3)
    return cv2.LUT(image, table.reshape(1, 256, 3))
