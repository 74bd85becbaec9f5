"""The JPEGs of a multipart answer, one after the other."""

import re
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import NamedTuple

PICTURE_S = 5.0  # a picture that takes longer is of no use to anybody
MAX_JPEG_BYTES = 32 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024  # before a picture


class JpegPart(NamedTuple):
    jpeg: bytes
    own_s: float  # when the server took it, by its own clock; 0: it does not say


def jpeg_parts(response: HTTPResponse, boundary: bytes) -> Iterator[JpegPart]:
    """What lies between the boundaries. OSError if a part takes too long, is too long, or is none."""
    held = bytearray()
    begun = time.monotonic()

    def more() -> bool:
        if held and time.monotonic() - begun > PICTURE_S:
            raise OSError(f"a picture takes longer than {PICTURE_S:g} s")
        if len(held) > MAX_JPEG_BYTES:
            raise OSError(f"{MAX_JPEG_BYTES >> 20} MiB without an end: no picture")
        got = response.read1(65536)
        held.extend(got)
        return bool(got)

    while True:
        head = None
        while head is None:
            head = re.search(re.escape(boundary) + rb"(?:--|[ \t]*\r?\n((?:[^\r\n]+\r?\n)*)\r?\n)", held)
            if head is None and len(held) > MAX_HEAD_BYTES and boundary not in held:
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
        yield JpegPart(bytes(held[start:stop]), float(stamp[1]) if stamp else 0.0)
        del held[:stop]
        begun = time.monotonic()
