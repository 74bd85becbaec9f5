"""A frame as the graph wants it: cropped, scaled, turned and mirrored."""

from collections.abc import Callable

import cv2
import numpy as np

TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def transform(
    image: np.ndarray,
    empty: Callable[..., np.ndarray],
    crop: tuple[float, float, float, float] = (0, 0, 1, 1),
    size: tuple[int, int] | None = None,
    rotate: int = 0,
    mirror: bool = False,
) -> np.ndarray:
    """Crops, scales, turns and mirrors, in this order; the last step writes into `empty(shape, dtype)`.

    The picture is made to fit into `size` (width, height; after turning) with its aspect kept, and never enlarged.
    """
    height, width = image.shape[:2]
    left, top = round(crop[0] * width), round(crop[1] * height)
    image = image[top : top + max(1, round(crop[3] * height)), left : left + max(1, round(crop[2] * width))]
    height, width = image.shape[:2]
    steps: list[Callable[[np.ndarray, np.ndarray | None], np.ndarray]] = []
    shrink = 1.0
    if size is not None:
        across, down = size if rotate in (0, 180) else size[::-1]
        shrink = min(across / width, down / height, 1.0)
    if shrink < 1:
        width, height = max(1, round(shrink * width)), max(1, round(shrink * height))
        # 1080p to 720p takes 1.5 ms linear, 7 ms by area; beyond half the size linear would leave out pixels.
        way = cv2.INTER_LINEAR if shrink >= 0.5 else cv2.INTER_AREA
        steps.append(lambda src, dst: cv2.resize(src, (width, height), dst=dst, interpolation=way))
    if rotate:
        steps.append(lambda src, dst: cv2.rotate(src, TURNS[rotate], dst=dst))
    if mirror:
        steps.append(lambda src, dst: cv2.flip(src, 1, dst=dst))
    if not steps:
        steps.append(_copy)
    for step in steps[:-1]:
        image = step(image, None)
    slot = empty((height, width, 3) if rotate in (0, 180) else (width, height, 3), "uint8")
    if steps[-1](image, slot) is not slot:  # OpenCV replaces a dst of another size or type, and says nothing
        raise RuntimeError(f"OpenCV did not write into the slot of shape {slot.shape}")
    return slot


def _copy(source: np.ndarray, slot: np.ndarray | None) -> np.ndarray:
    assert slot is not None
    np.copyto(slot, source)
    return slot
