"""A video that is looked at when it is closed: OpenCV does not tell of a disk that is full."""

import errno
import os
import shutil
from pathlib import Path

import av
import cv2
import numpy as np

from handflow.capture.images import silence_opencv
from handflow.capture.media import readable, writable
from handflow.errors import OutputError
from handflow.runtime.files import cannot_write

FULL_BYTES = 2**20  # a disk with less left is full: what is missing waited in the encoder


class VideoFile:
    """Writes images of one size. `called`: the name for messages, if the file is to be renamed. OutputError."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int], called: Path | None = None) -> None:
        self.path, self.size, self.called = path, size, called or path
        self.frames = 0
        silence_opencv()
        with writable(path) as name:
            self.writer = cv2.VideoWriter(name, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        if not self.writer.isOpened():
            raise self._failed("expected a writable name that ends in .mp4")

    def write(self, image: np.ndarray) -> None:
        self.writer.write(image if image.shape[1::-1] == self.size else cv2.resize(image, self.size))
        self.frames += 1

    def close(self) -> None:
        """Ends the file and looks whether it has every frame."""
        self.writer.release()
        try:
            with readable(self.path) as name, av.open(name) as container:
                count = sum(packet.size > 0 for packet in container.demux(video=0))
        except (OSError, IndexError, ValueError):  # FFmpeg's errors are of these kinds
            count = 0
        if count != self.frames:
            raise self._failed(f"it broke off at frame {count} of {self.frames}")

    def _failed(self, otherwise: str) -> OutputError:
        folder = self.path.absolute().parent
        if folder.is_dir() and shutil.disk_usage(folder).free < FULL_BYTES:
            return OutputError(cannot_write(self.called, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        return OutputError(f"{self.called}: cannot be written as a video: {otherwise}")
