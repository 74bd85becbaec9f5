"""Cameras on the network: JPEGs over HTTP, in a stream or one by one, read here, and RTSP, read by FFmpeg.

Both are a `Capture` like any camera; what goes wrong with one is an OSError whose text says it without the password.
Nothing here waits for a server for ever. A caller that must not wait at all uses a CameraReader (reader.py), whose
thread does.
"""

import os

from handflow.runtime.address import ENCODED, checked_url, has_late_sign, masked

from .devices import Capture
from .http_stream import open_http
from .rtsp_stream import FfmpegStream
from .stream_errors import reason

SCHEMES = ("http", "https", "rtsp", "rtsps")


def is_stream(source: str) -> bool:
    """Whether a source is an address on the network: of whatever scheme, and no file of that name."""
    return "://" in source and not os.path.lexists(source)


def open_stream(url: str, fps: float = 30.0) -> Capture:
    """The stream at `url`, ready to be grabbed; single pictures are asked for `fps` times a second.

    OSError with the reason where it cannot be had. SetupError where it is no address.
    """
    checked_url(url)
    try:
        return open_http(url, fps) if url.lower().startswith("http") else FfmpegStream(url)
    except OSError as error:
        remedy = f"; {ENCODED}" if has_late_sign(url) else ""
        raise OSError(f"{masked(url)}: {reason(error)}{remedy}") from error
