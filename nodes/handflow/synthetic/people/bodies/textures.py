"""All textures of a crowd as one stack of square pictures, as OpenGL wants them."""

from pathlib import Path

import cv2
import numpy as np

from handflow.capture.images import decode_stored
from handflow.errors import SetupError

SIDE_PX = 512


class TextureStack:
    """Pictures (512, 512, 4) RGBA by number; number 0 is white."""

    def __init__(self) -> None:
        self.pictures = [np.full((SIDE_PX, SIDE_PX, 4), 255, np.uint8)]

    def add(self, file: Path, opaque: bool) -> int:
        """The number of the picture in `file`. SetupError if there is none."""
        picture = decode_stored(file.read_bytes())
        if picture is None:
            raise SetupError(f"{file}: expected a picture that OpenCV can decode, got {file.stat().st_size} bytes")
        if picture.ndim == 2:
            picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
        if picture.shape[2] == 3:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
        rgba = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA)
        rgba = np.asarray(cv2.resize(rgba, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))
        if opaque:
            rgba[..., 3] = 255
        # OpenGL's texture points count from the bottom.
        self.pictures.append(np.ascontiguousarray(rgba[::-1]))
        return len(self.pictures) - 1
