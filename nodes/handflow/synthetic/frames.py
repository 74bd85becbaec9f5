"""Frames of a drawn scene, as a camera would have taken them."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from handflow.messages import Frame, now_ns

from .camera_noise import CameraNoise
from .scene import Scene


def drawn_frames(
    scene: Scene,
    noise: CameraNoise,
    times: Iterable[float],
    empty: Callable[..., np.ndarray],
    begin_ns: int | None = None,
) -> Iterator[Frame]:
    """A frame for each of `times` (seconds), drawn into `empty(shape, dtype)`.

    `begin_ns`: captured at these times after that (stream clock), however long the drawing takes; None: when drawn.
    """
    for t in times:
        image = empty((scene.height, scene.width, 3), "uint8")
        captured_ns = now_ns() if begin_ns is None else begin_ns + round(t * 1e9)
        scene.draw(t, image)
        noise.add(t, image)
        yield Frame(image=image, captured_ns=captured_ns)
