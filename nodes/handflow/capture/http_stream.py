"""JPEGs over HTTP, as network cameras and phones send them: read so that the newest is never an old one."""

import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np

from handflow.runtime.address import masked

from .images import decode_image
from .lateness import BEHIND_S, LATE_S, StreamLateness
from .multipart import jpeg_parts
from .stream_errors import SILENT_S, reason

DRAIN_S = 0.5  # how long pictures that lay here are thrown away; a server that sends without a pause has only such
WAITED_S = 0.002  # what comes quicker lay waiting here


class JpegStream:
    """JPEGs one after the other in one HTTP answer (multipart/x-mixed-replace), as network cameras and phones send."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._response = _answer(url)
        kind = self._response.headers.get_content_type()
        boundary = self._response.headers.get_param("boundary")
        if not kind.startswith("multipart/") or not isinstance(boundary, str):
            self._response.close()
            raise OSError(f"expected a stream of JPEGs (multipart/x-mixed-replace), got {kind}")
        # Servers disagree on whether the two dashes before a boundary belong to its name.
        self._parts = jpeg_parts(self._response, b"--" + boundary.removeprefix("--").encode())
        self._lateness = StreamLateness()
        self._jpeg, self._taken_s = b"", 0.0

    def grab(self) -> bool:
        """Waits for the next picture. What lay here already is old: the one after it is waited for."""
        old_s: float | None = None  # since when only old ones have come
        try:
            while True:
                asked = time.monotonic()
                self._jpeg, own_s = next(self._parts)
                now = time.monotonic()
                late_s = self._lateness.measure(own_s, now) if own_s else 0.0
                in_time = late_s is not None and late_s <= LATE_S
                old_s = now if old_s is None else old_s
                if in_time and (now - asked > WAITED_S or now - old_s > DRAIN_S):
                    self._taken_s = now - (late_s or 0.0)
                    return True
                if now - old_s > BEHIND_S:
                    raise OSError(f"the pictures come {late_s or BEHIND_S:.1f} s late")
        except StopIteration:
            raise OSError(f"{masked(self.url)}: the server has ended the stream") from None
        except (OSError, HTTPException, ValueError) as error:
            raise OSError(f"{masked(self.url)}: {reason(error)}") from error

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        image = decode_image(self._jpeg)
        return image is not None, image

    def get(self, propId: int) -> float:  # noqa: N803
        return self._taken_s * 1000 if propId == cv2.CAP_PROP_POS_MSEC else 0.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        return False

    def release(self) -> None:
        self._response.close()


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
        raise OSError(f"no HTTP: {reason(error)}") from error
    return response
