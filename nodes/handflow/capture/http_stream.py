"""JPEGs over HTTP, as network cameras and phones send them: read so that the newest is never an old one."""

import time
from http.client import HTTPException, HTTPResponse

import cv2
import numpy as np

from handflow.runtime.address import masked
from handflow.runtime.awake_clock import Countdown
from handflow.runtime.names import one_line

from .devices import Capture
from .http_answer import HttpAddress
from .images import decode_image
from .jpeg_scan import AWAKE_STEP_S, MAX_JPEG_BYTES, PICTURE_S, JpegScan, jpegs
from .lateness import BEHIND_S, LATE_S, StreamLateness
from .stream_errors import SILENT_S, reason

DRAIN_S = 0.5  # how long pictures that lay here are thrown away; a server that sends without a pause has only such
WAITED_S = 0.002  # what comes quicker lay waiting here

# What a stream of JPEGs is called beside multipart/…; without a name, its first bytes tell.
STREAM_TYPES = {"", "application/octet-stream", "video/x-motion-jpeg", "video/x-mjpeg", "video/mjpeg", "video/x-jpeg"}


def open_http(url: str, fps: float) -> Capture:
    """What the server at `url` has: a stream of JPEGs, or one picture, asked for `fps` times a second. OSError."""
    address = HttpAddress(url)
    response = address.get()
    kinds = [kind.split(";")[0].strip().lower() for kind in response.headers.get_all("Content-Type", [""])]
    if any(kind.startswith("multipart/") or kind in STREAM_TYPES for kind in kinds):
        return JpegStream(url, address, response)
    if kinds[0].startswith("image/"):
        return JpegSnapshots(url, address, response, fps)
    response.close()
    address.close()
    page = "; give the address of the picture within that page" if kinds[0] == "text/html" else ""
    expected = "a stream of JPEGs (multipart/x-mixed-replace) or a picture (image/jpeg)"
    raise OSError(f"expected {expected}, got {one_line(kinds[0])}{page}")


class FetchedPictures:
    """What cv2.VideoCapture answers about the picture that was grabbed last."""

    _jpeg: bytes
    _taken_s: float  # by the monotonic clock

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        image = decode_image(self._jpeg)
        return image is not None, image

    def get(self, propId: int) -> float:  # noqa: N803
        return self._taken_s * 1000 if propId == cv2.CAP_PROP_POS_MSEC else 0.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        return False


class JpegStream(FetchedPictures):
    """JPEGs one after the other in one HTTP answer (multipart/x-mixed-replace), as network cameras and phones send."""

    def __init__(self, url: str, address: HttpAddress, response: HTTPResponse) -> None:
        self.url = url
        self._address, self._response = address, response
        if not response.chunked:
            # Some leave out the line between the head and the first picture's own, whose length is not the stream's.
            response.length = None
        self._jpegs = jpegs(lambda: response.read1(65536))
        self._lateness = StreamLateness()
        self._jpeg, self._taken_s = b"", 0.0

    def grab(self) -> bool:
        """Waits for the next picture. What lay here already is old: the one after it is waited for."""
        old_s: float | None = None  # since when only old ones have come
        try:
            while True:
                asked = time.monotonic()
                self._jpeg, own_s = next(self._jpegs)
                now = time.monotonic()
                late_s = self._lateness.measure(own_s, now) if own_s else 0.0
                in_time = late_s is not None and late_s <= LATE_S
                old_s = now if old_s is None else old_s
                # After a longer wait this process was stopped, and more may lie here.
                if in_time and (WAITED_S < now - asked < SILENT_S or now - old_s > DRAIN_S):
                    self._taken_s = now - (late_s or 0.0)
                    return True
                if now - old_s > BEHIND_S:
                    raise OSError(f"the pictures come {late_s or BEHIND_S:.1f} s late")
        except StopIteration:
            raise OSError(f"{masked(self.url)}: the server has ended the stream") from None
        except TimeoutError:
            raise OSError(f"{masked(self.url)}: the server has sent nothing for {SILENT_S:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            raise OSError(f"{masked(self.url)}: {reason(error)}") from error

    def release(self) -> None:
        self._response.close()
        self._address.close()


class JpegSnapshots(FetchedPictures):
    """One picture an answer, asked for again and again: the address of a camera's snapshot."""

    def __init__(self, url: str, address: HttpAddress, response: HTTPResponse, fps: float) -> None:
        self.url, self._address, self._step_s = url, address, 1 / fps
        self._response: HTTPResponse | None = response  # not read yet
        self._due_s = self._taken_s = time.monotonic()
        self._jpeg = b""

    def grab(self) -> bool:
        """Asks for the next picture when it is due; a server that takes longer is asked again at once."""
        try:
            response, self._response = self._response, None
            if response is None:
                time.sleep(max(0.0, self._due_s - time.monotonic()))
                response = self._address.get()
            self._taken_s = time.monotonic()
            self._due_s = max(self._due_s + self._step_s, self._taken_s)
            self._jpeg = _whole(response)
        except (OSError, HTTPException, ValueError) as error:
            raise OSError(f"{masked(self.url)}: {reason(error)}") from error
        return True

    def release(self) -> None:
        if self._response is not None:
            self._response.close()
        self._address.close()


def _whole(response: HTTPResponse) -> bytes:
    """The picture that an answer consists of. OSError if it takes too long or is too long."""
    wait, got = Countdown(PICTURE_S, AWAKE_STEP_S), bytearray()
    # Where neither length nor chunks say where it ends, and the server does not close, the JPEG does.
    endless = response.length is None and not response.chunked
    scan = JpegScan() if endless and "jp" in response.headers.get_content_subtype() else None
    while data := response.read1(65536):
        got += data
        if scan is not None:
            scan.feed(data)
            if (picture := scan.take()) is not None:
                got[:] = picture.jpeg
                break
        if wait.over():
            raise OSError(f"a picture takes longer than {PICTURE_S:g} s")
        if len(got) > MAX_JPEG_BYTES:
            raise OSError(f"{MAX_JPEG_BYTES >> 20} MiB without an end: no picture")
    short = response.length
    response.close()
    if short:
        raise OSError("the server broke off within a picture")
    return bytes(got)
