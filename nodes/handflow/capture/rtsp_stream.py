"""RTSP and whatever else FFmpeg reads from the network: read so that the newest picture is never an old one."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import cv2
import numpy as np

from handflow.runtime.address import masked

from .lateness import BEHIND_S, LATE_S, StreamLateness
from .stream_errors import OPEN_S, SILENT_S


class FfmpegStream:
    """A stream that FFmpeg reads. It keeps what it read while it opened, and the network keeps what we did not fetch.

    How late a picture is shows in its time stamp: against the clock here, less the same of the quickest picture so far.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        _reachable(url)
        # Its own buffers, and a picture's wait for each thread that decodes, would all make pictures older.
        settings = {
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: OPEN_S * 1000,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC: SILENT_S * 1000,
            cv2.CAP_PROP_N_THREADS: 1,
        }
        begun = time.monotonic()
        with _options("rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"):
            self._capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [round(v) for pair in settings.items() for v in pair])
        if not self._capture.isOpened():
            waited = time.monotonic() - begun >= OPEN_S - 0.5
            raise OSError(f"no answer within {OPEN_S:g} s" if waited else "it cannot be opened")
        self._lateness = StreamLateness()
        self._taken_s = 0.0

    def grab(self) -> bool:
        old_s: float | None = None  # since when only old ones have come
        while self._capture.grab():
            now = time.monotonic()
            old_s = now if old_s is None else old_s
            late_s = self._lateness.measure(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, now)
            if late_s is not None and late_s <= LATE_S:
                self._taken_s = now - late_s
                return True
            if now - old_s > BEHIND_S:
                raise OSError(f"{masked(self.url)}: the pictures come {late_s or BEHIND_S:.1f} s late")
        raise OSError(f"{masked(self.url)}: the server sends no more pictures")

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        return self._capture.retrieve()

    def get(self, propId: int) -> float:  # noqa: N803
        return self._taken_s * 1000 if propId == cv2.CAP_PROP_POS_MSEC else self._capture.get(propId)

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        return False

    def release(self) -> None:
        self._capture.release()


@contextlib.contextmanager
def _options(text: str) -> Iterator[None]:
    """What FFmpeg is to heed while it opens something: OpenCV reads it there only, and files must not heed it."""
    before = os.environ.get("OPENCV_FFMPEG_CAPTURE_OPTIONS")
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = text if before is None else before
    try:
        yield
    finally:
        if before is None:
            del os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"]


def _reachable(url: str) -> None:
    """Says why a server cannot be reached, which FFmpeg does not. OSError."""
    parts = urlsplit(url)
    port = parts.port or (322 if parts.scheme == "rtsps" else 554)
    socket.create_connection((parts.hostname or "", port), OPEN_S).close()
