"""The JPEGs in a stream of bytes, each as soon as its last byte is there.

A JPEG says itself where it ends. What servers put between two (boundaries, lengths, line ends) is often not what they
announce, and is of no use here, except for the time.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from handflow.runtime.awake_clock import Countdown

PICTURE_S = 5.0  # a picture that takes longer is of no use to anybody
AWAKE_STEP_S = 1.0  # bytes of one come more often than that, where this process runs
MAX_JPEG_BYTES = 32 * 1024 * 1024
MAX_BETWEEN_BYTES = 64 * 1024  # before a picture

START = b"\xff\xd8\xff"
# What follows FF within a picture's data is 00, or one of the marks D0 to D7; FF before a marker fills up.
MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
START_CODE, END_CODE = 0xD8, 0xD9
STAMP = re.compile(rb"(?im)^x-timestamp:[ \t]*(\d{1,12}(?:\.\d+)?)")


class StreamedJpeg(NamedTuple):
    """A picture as the server sent it, not decoded."""

    jpeg: bytes
    own_s: float  # when the server took it, by its own clock; 0: it does not say


class JpegScan:
    """Takes bytes as they come, and gives out pictures. OSError if there is none in what came, or no end of one."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._start = -1  # of the picture; -1: not found yet
        self._at = 0  # looked at so far
        self._ends = False  # its pictures have an end, so one without it was cut

    def feed(self, data: bytes) -> None:
        self._held += data

    def take(self) -> StreamedJpeg | None:
        """The next picture; None: it is not whole yet."""
        while self._begun() and self._walked():
            whole = self._held[self._at - 2 : self._at] == b"\xff\xd9"
            self._ends |= whole
            stamp = STAMP.findall(self._held[: self._start])
            jpeg = bytes(self._held[self._start : self._at])
            del self._held[: self._at]
            self._start, self._at = -1, 0
            if whole or not self._ends:
                return StreamedJpeg(jpeg, float(stamp[-1]) if stamp else 0.0)
        return None

    def _begun(self) -> bool:
        if self._start < 0:
            self._start = self._held.find(START, self._at)
            # The start itself may lie across what has come and what will.
            self._at = self._start if self._start >= 0 else max(0, len(self._held) - len(START) + 1)
            if self._start < 0 and len(self._held) > MAX_BETWEEN_BYTES:
                raise OSError(f"expected JPEGs, got {MAX_BETWEEN_BYTES >> 10} KiB of something else")
        return self._start >= 0

    def _walked(self) -> bool:
        """Goes on from segment to segment; whether the picture's end, or the start of the next one, is reached."""
        held = self._held
        while found := MARKER.search(held, self._at):
            self._at, code = found.start(), held[found.start() + 1]
            if code == END_CODE:
                self._at += 2
                return True
            if code == START_CODE:
                if self._at > self._start:
                    return True
                self._at += 2
                continue
            if self._at + 4 > len(held):
                return False
            # A segment is as long as it says; a thumbnail within one has an end of its own.
            self._at += 2 + max(2, int.from_bytes(held[self._at + 2 : self._at + 4]))
        self._at = max(self._at, len(held) - 1)
        if len(held) > MAX_JPEG_BYTES:
            raise OSError(f"{MAX_JPEG_BYTES >> 20} MiB without an end: no picture")
        return False


def jpegs(more: Callable[[], bytes]) -> Iterator[StreamedJpeg]:
    """The pictures in what `more` returns until it returns nothing. OSError if one takes too long, or there is none."""
    scan, wait = JpegScan(), Countdown(PICTURE_S, AWAKE_STEP_S)
    while got := more():
        scan.feed(got)
        while (picture := scan.take()) is not None:
            yield picture
            wait = Countdown(PICTURE_S, AWAKE_STEP_S)
        if wait.over():
            raise OSError(f"a picture takes longer than {PICTURE_S:g} s")
