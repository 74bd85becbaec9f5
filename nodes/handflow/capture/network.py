"""Cameras on the network: JPEGs over HTTP, read here, and RTSP, read by FFmpeg. Never an old picture as a new one.

Both are a `Capture` like any camera; what goes wrong with one is an OSError whose text says it without the password.
Nothing here waits for a server for ever, and whoever cannot wait leaves the thread that does: see live.py.
"""

import contextlib
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np

from handflow.runtime.address import masked

from .devices import Capture
from .images import decode_image

OPEN_S = 5.0  # a server that has not answered by then is tried again
SILENT_S = 3.0  # one that has stopped sending for so long too
PICTURE_S = 5.0  # a picture that takes longer is of no use to anybody
DRAIN_S = 0.5  # how long pictures that lay here are thrown away; a server that sends without a pause has only such
LATE_S = 0.2  # a picture that comes so much later than the quickest one is old
BEHIND_S = 3.0  # a stream that has been late for so long is opened anew: what waits in the network goes
DRIFT = 1e-3  # the server's clock may go wrong by so much without its pictures counting as late
AT_ONCE_S = 0.002  # what comes quicker lay waiting here
MOST_BYTES = 32 * 1024 * 1024  # of one picture
MOST_HEAD = 64 * 1024  # before one
SCHEMES = ("http", "https", "rtsp", "rtsps")


def open_stream(url: str) -> Capture:
    """The stream at `url`, ready to be grabbed. OSError with the reason where it cannot be had."""
    try:
        return JpegStream(url) if url.lower().startswith("http") else FfmpegStream(url)
    except OSError as error:
        raise OSError(f"{masked(url)}: {_why(error)}") from error


class JpegStream:
    """JPEGs one after the other in one HTTP answer (multipart/x-mixed-replace), as network cameras and phones send."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._response = _answer(url)
        kind = self._response.headers.get_content_type()
        boundary = self._response.headers.get_param("boundary")
        if not kind.startswith("multipart/") or not isinstance(boundary, str):
            self._response.close()
            raise OSError(f"{kind} found, a stream of JPEGs (multipart/x-mixed-replace) expected")
        # Servers disagree on whether the two dashes before a boundary belong to its name.
        self._parts = _parts(self._response, b"--" + boundary.removeprefix("--").encode())
        self._lateness = Lateness()
        self._jpeg, self._taken_s = b"", 0.0

    def grab(self) -> bool:
        """Waits for the next picture. What lay here already is old: the one after it is waited for."""
        old_s: float | None = None  # since when only old ones have come
        try:
            while True:
                asked = time.monotonic()
                self._jpeg, own_s = next(self._parts)
                now = time.monotonic()
                late_s = self._lateness.see(own_s, now) if own_s else 0.0
                in_time = late_s is not None and late_s <= LATE_S
                old_s = now if old_s is None else old_s
                if in_time and (now - asked > AT_ONCE_S or now - old_s > DRAIN_S):
                    self._taken_s = now - (late_s or 0.0)
                    return True
                if now - old_s > BEHIND_S:
                    raise OSError(f"the pictures come {late_s or BEHIND_S:.1f} s late")
        except StopIteration:
            raise OSError(f"{masked(self.url)}: the server has ended the stream") from None
        except (OSError, HTTPException, ValueError) as error:
            raise OSError(f"{masked(self.url)}: {_why(error)}") from error

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        image = decode_image(self._jpeg)
        return image is not None, image

    def get(self, propId: int) -> float:  # noqa: N803
        return self._taken_s * 1000 if propId == cv2.CAP_PROP_POS_MSEC else 0.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        return False

    def release(self) -> None:
        self._response.close()


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
        self._lateness = Lateness()
        self._taken_s = 0.0

    def grab(self) -> bool:
        old_s: float | None = None  # since when only old ones have come
        while self._capture.grab():
            now = time.monotonic()
            old_s = now if old_s is None else old_s
            late_s = self._lateness.see(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, now)
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


class Lateness:
    """Tells from the pictures' own times and their arrivals how late each one is."""

    def __init__(self) -> None:
        self._least_s: float | None = None  # arrival less own time, of the quickest picture
        self._last_s = 0.0  # its own time
        self._seen_s = 0.0

    def see(self, own_s: float, now_s: float) -> float | None:
        """Seconds that a picture is late; None while it cannot be told: what was kept for us is still coming in."""
        offset = now_s - own_s
        stands = own_s <= self._last_s and self._least_s is not None
        self._last_s = own_s
        if self._least_s is None or stands or own_s <= 0:  # the first; or a stream without times: nothing can be told
            self._least_s, self._seen_s = offset, now_s
            return 0.0 if stands else None
        least = self._least_s + DRIFT * (now_s - self._seen_s)
        self._least_s, self._seen_s = min(least, offset), now_s
        return None if offset < least - 0.01 else offset - self._least_s


def _answer(url: str) -> HTTPResponse:
    """The server's answer to GET; user name and password, if there are any, as it asks for them (basic or digest)."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]  # a camera is never behind a proxy
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        passwords.add_password(None, bare, user, password)
        handlers += [
            urllib.request.HTTPDigestAuthHandler(passwords),
            urllib.request.HTTPBasicAuthHandler(passwords),
        ]
    request = urllib.request.Request(bare, headers={"User-Agent": "handflow", "Accept": "*/*"})
    try:
        response: HTTPResponse = urllib.request.build_opener(*handlers).open(request, timeout=SILENT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            asked = "another user name or password" if parts.username is not None else "a user name and password"
            raise OSError(f"the server wants {asked} (http://NAME:PASSWORD@…)") from error
        raise OSError(f"the server answers {error.code} {error.reason}") from error
    except (HTTPException, ValueError) as error:
        raise OSError(f"no HTTP: {_why(error)}") from error
    return response


class Part(NamedTuple):
    jpeg: bytes
    own_s: float  # when the server took it, by its own clock; 0: it does not say


def _parts(response: HTTPResponse, boundary: bytes) -> Iterator[Part]:
    """What lies between the boundaries. OSError if a part takes too long, is too long, or is none."""
    held = bytearray()
    begun = time.monotonic()

    def more() -> bool:
        if held and time.monotonic() - begun > PICTURE_S:
            raise OSError(f"a picture takes longer than {PICTURE_S:g} s")
        if len(held) > MOST_BYTES:
            raise OSError(f"{MOST_BYTES >> 20} MiB without an end: no picture")
        got = response.read1(65536)
        held.extend(got)
        return bool(got)

    while True:
        head = None
        while head is None:
            head = re.search(re.escape(boundary) + rb"(?:--|[ \t]*\r?\n((?:[^\r\n]+\r?\n)*)\r?\n)", held)
            if head is None and len(held) > MOST_HEAD and boundary not in held:
                raise OSError(f"no {boundary.decode(errors='replace')} between its pictures")
            if head is None and not more():
                return
        if head[1] is None:  # the last boundary
            return
        length = re.search(rb"(?im)^content-length:[ \t]*(\d{1,9})", head[1])
        start, stop = head.end(), -1
        while stop < 0 or len(held) < stop:
            stop = start + int(length[1]) if length else held.find(boundary, start)
            if (stop < 0 or len(held) < stop) and not more():
                return
        stamp = re.search(rb"(?im)^x-timestamp:[ \t]*(\d{1,12}(?:\.\d+)?)", head[1])
        yield Part(bytes(held[start:stop]), float(stamp[1]) if stamp else 0.0)
        del held[:stop]
        begun = time.monotonic()


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


def _why(error: BaseException) -> str:
    """The reason in a few words, without an address or a password."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _why(reason)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return masked(" ".join(str(error).split())) or type(error).__name__
