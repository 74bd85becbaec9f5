"""Frames of a drawn scene, as a camera would have taken them."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from handflow.messages import Frame, now_ns

from .camera_noise import CameraNoise
from .scene import Scene


def drawn_frames(
    scene: Scene, noise: CameraNoise, times: Iterable[float], empty: Callable[..., np.ndarray], exact: bool = False
) -> Iterator[Frame]:
    """A frame for each of `times` (seconds), drawn into `empty(shape, dtype)`.

    `exact`: captured at these times after now, however long the drawing takes.
    """
    start_ns = now_ns()
    for t in times:
        image = empty((scene.height, scene.width, 3), "uint8")
        captured_ns = start_ns + round(t * 1e9) if exact else now_ns()
        scene.draw(t, image)
        noise.add(t, image)
        yield Frame(image=image, captured_ns=captured_ns)
