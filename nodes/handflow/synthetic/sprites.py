"""Painted hands, kept in three sizes and laid over a frame."""

from functools import cache

import cv2
import numpy as np

from .hand_model import Sprite, paint


@cache
def painted(curl: float, back: bool, skin: tuple[int, int, int], cloth: tuple[int, int, int]) -> list[Sprite]:
    """A sprite in full, half and quarter size: shrinking by more than 2 at once would flicker."""
    sprites = [paint(curl, back, skin, cloth)]
    for _ in range(2):
        colour, cover = (
            cv2.resize(layer, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for layer in sprites[-1][:2]
        )
        sprites.append(Sprite(colour, cover, sprites[0].corner))
    return sprites


def stamp(sprites: list[Sprite], placement: np.ndarray, out: np.ndarray) -> None:
    """Lays a sprite over the frame `out`; `placement` (2, 3) maps its full-size pixels to the picture's."""
    level = int(np.clip(-np.log2(np.linalg.norm(placement[:, 0])), 0, 2))
    rows, columns = sprites[0].cover.shape
    corners = placement @ np.array([[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]])
    left, top = np.maximum(np.floor(corners.min(axis=1)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(axis=1)) + 1, [out.shape[1], out.shape[0]]).astype(int)
    if left >= right or top >= bottom:
        return
    inside = placement - [[0, 0, left], [0, 0, top]]
    inside[:, 2] += inside[:, :2].sum(axis=1) * (2**level - 1) / 2  # pixels are counted from their middles
    inside[:, :2] *= 2**level
    colour = cv2.warpAffine(sprites[level].colour, inside, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    cover = cv2.warpAffine(sprites[level].cover, inside, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    window = out[top:bottom, left:right]
    cv2.blendLinear(window, colour, 1 - cover, cover, dst=window)
