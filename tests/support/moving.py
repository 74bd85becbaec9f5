"""A textured square that moves, and its box."""

import math

import cv2
import numpy as np

SIZE = (640, 360)


def texture(seed: int = 0) -> np.ndarray:
    """Something to hold on to, (512, 512) float32."""
    noise = np.random.default_rng(seed).uniform(0, 255, (64, 64)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (512, 512), interpolation=cv2.INTER_CUBIC)).clip(0, 255)


def scene(x: float, y: float, side: float = 80, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A textured square with its middle at x, y, before a textured wall that stays, (height, width) uint8."""
    wall = cv2.resize(texture(1), size)
    patch = texture(2)[:80, :80]
    scale = side / 80
    matrix = np.array([[scale, 0, x - 39.5 * scale], [0, scale, y - 39.5 * scale]])
    moved = cv2.warpAffine(patch, matrix, size, flags=cv2.INTER_LINEAR)
    there = cv2.warpAffine(np.ones_like(patch), matrix, size, flags=cv2.INTER_LINEAR)
    return np.round(wall * (1 - there) + moved * there).astype(np.uint8)


def box(x: float, y: float, side: float = 80) -> list[float]:
    return [x - side / 2, y - side / 2, side, side]


def place(frame: int) -> tuple[float, float]:
    return 120 + 6 * frame, 180 + 30 * math.sin(frame / 5)
