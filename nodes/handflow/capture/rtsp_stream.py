"""RTSP and whatever else FFmpeg reads from the network: read so that the newest picture is never an old one."""

import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPException, parse_headers
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np

from handflow.runtime.address import masked
from handflow.runtime.names import one_line

from .http_login import Login, why_not_let_in
from .lateness import BEHIND_S, LATE_S, StreamLateness
from .stream_errors import OPEN_S, SILENT_S, reason


class FfmpegStream:
    """A stream that FFmpeg reads. It keeps what it read while it opened, and the network keeps what we did not fetch.

    How late a picture is shows in its time stamp: against the clock here, less the same of the quickest picture so far.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        _connected(url).close()
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
            raise OSError(f"no answer within {OPEN_S:g} s" if waited else describe(url))
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


def _connected(url: str) -> socket.socket:
    """A connection to the server, or the reason why there is none, which FFmpeg does not say. OSError."""
    parts = urlsplit(url)
    secure = parts.scheme.lower() == "rtsps"
    connection = socket.create_connection((parts.hostname or "", parts.port or (322 if secure else 554)), OPEN_S)
    # FFmpeg asks for no certificate either.
    return ssl._create_unverified_context().wrap_socket(connection) if secure else connection


def describe(url: str) -> str:
    """Asks once more what there is at `url`: why FFmpeg could not open it, in a few words."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    login = Login(unquote(parts.username or ""), unquote(parts.password or ""))
    given, status = None, None
    try:
        with _connected(url) as connection, connection.makefile("rb") as answer:
            connection.settimeout(SILENT_S)
            for count in (1, 2):
                head = f"DESCRIBE {bare} RTSP/1.0\r\nCSeq: {count}\r\nAccept: application/sdp\r\n"
                head += f"Authorization: {given}\r\n" if given else ""
                connection.sendall(f"{head}\r\n".encode())
                line = answer.readline(1000).decode("latin-1").strip()
                status = re.match(r"RTSP/\S+ (\d{3})(.*)", line)
                if status is None:
                    return f"no RTSP: {one_line(line)}" if line else "the server closes the connection"
                headers = parse_headers(answer)
                if status[1] != "401":
                    break
                asks = headers.get_all("WWW-Authenticate", [])
                if parts.username is None or not login.heed(asks, given is not None):
                    return why_not_let_in(asks, parts.username is not None)
                given = login.authorization("DESCRIBE", bare)
    except (OSError, HTTPException) as error:
        return reason(error)
    if status is None or status[1] == "200":
        return "FFmpeg cannot read what the server sends"
    return f"the server answers {status[1]}{one_line(status[2])}"
