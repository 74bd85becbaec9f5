"""Pictures made by hand."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from handflow.capture.media import writable

FRAMES, FPS = 30, 10
# Ending -> encoder and its pixels.
FORMATS = {
    ".mp4": ("libx264", "yuv420p"),
    ".mkv": ("libx264", "yuv420p"),
    ".avi": ("mpeg4", "yuv420p"),
    ".mjpeg": ("mjpeg", "yuvj420p"),
}


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) % 200]).astype(np.uint8)


def clip(path: Path, count: int = 10, fps: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
    """A video whose pictures get brighter by 20 from one to the next."""
    with writable(path) as name:
        writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for number in range(count):
        writer.write(np.full((size[1], size[0], 3), 20 * number % 256, np.uint8))
    writer.release()
    return path


def write_clip(file: Path, frames: int = FRAMES) -> bytes:
    """A small clip whose frames grow brighter; a key frame every ten, as cameras have it."""
    encoder, pixels = FORMATS[file.suffix]
    shade = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    with av.open(str(file), "w") as container:
        stream = container.add_stream(encoder, rate=FPS, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number in range(frames):
            image = np.repeat((shade + 4 * number)[..., None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.read_bytes()
