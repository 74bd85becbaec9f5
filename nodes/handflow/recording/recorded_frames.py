"""The pictures of a recording, ours or another tool's, as frames in the order of their times."""

import itertools
from collections.abc import Iterator
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handflow.capture.frames import StoredFrame
from handflow.errors import DamagedChunk, RecordingError
from handflow.messages import Frame

from .foreign_pictures import PictureDecoder, picture_decoder
from .message_format import unpack
from .reader import RecordedMessage, Recording

SAMPLE = 64  # frames of which the usual rate is taken


class FramePlace(NamedTuple):
    """Where a frame lies in a recording."""

    time_ns: int
    chunk: int
    number: int  # in the chunk


class RecordedFrames:
    """The frames of a recording's first output with pictures, or of the one named. RecordingError if it has none."""

    def __init__(self, path: Path, output: str | None = None) -> None:
        self.path = path
        self._recording = Recording(path)
        self.output, self._decode = self._choose(output)
        self._damaged: set[int] = set()  # chunks
        self._undecoded = 0
        # The chunk read last, and its messages: a frame after the other lies in it.
        self._chunk, self._entries = -1, list[RecordedMessage]()
        self._is_ordered = self._recording.is_ordered(self.output)
        self._count = 0
        times = [place.time_ns for place in islice(self._places(), SAMPLE)]
        self._first_ns = times[0] if times else 0
        step_s = float(np.median(np.diff(times))) / 1e9 if len(times) > 1 else 0.0
        self.fps = 1 / step_s if 0.001 <= step_s <= 1 else 30.0

    def frames(self, from_s: float | None = None) -> Iterator[StoredFrame]:
        """Every frame, or those from `from_s` (seconds since the first one) on; the first that comes is number 0."""
        self._undecoded = self._count = 0
        from_ns = None if from_s is None else self._first_ns + round(from_s * 1e9)
        for number, place in enumerate(self._places(from_ns)):
            self._count = number + 1
            yield StoredFrame(number, (place.time_ns - self._first_ns) / 1e9, partial(self._image, place))

    def fault(self) -> str:
        """What was left out when all frames had been read, as one line; "" if nothing was."""
        if fault := self._recording.fault():
            return f"{fault}; {self._count} pictures could be read" if self._recording.cut is None else fault
        if self._damaged:
            return f"{self.path}: {len(self._damaged)} of its {len(self._recording.chunks)} chunks are damaged"
        if self._undecoded:
            return f"{self.path}: {self._undecoded} of its {self._count} pictures cannot be decoded"
        return ""

    def close(self) -> None:
        self._entries = []

    def _choose(self, output: str | None) -> tuple[str, PictureDecoder]:
        """The output whose pictures are read, and what decodes them."""
        found: dict[str, PictureDecoder] = {}
        for name in self._recording.names():
            if self._recording.output(name).kind == Frame.__name__:
                found[name] = _our_picture
        for name in [] if found else self._recording.names():
            decode = picture_decoder(self._recording.output(name), self.path)
            if decode is not None:
                found[name] = decode
        if not found or (output is not None and output not in found):
            wanted = "pictures" if output is None else f"pictures of {output!r}"
            have = ", ".join(f"{name} ({self._recording.output(name).kind})" for name in self._recording.names())
            raise RecordingError(f"{self.path}: expected {wanted}, got {have or 'no messages'}")
        name = output or next(iter(found))
        return name, found[name]

    def _places(self, from_ns: int | None = None) -> Iterator[FramePlace]:
        """Where the frames are, in the order of their times; those without a time in that of the file."""
        if self._is_ordered:
            # A long recording begins to play at once.
            reached = (n for n, each in enumerate(self._recording.chunks) if from_ns is None or each.last_ns >= from_ns)
            found: Iterator[FramePlace] = itertools.chain.from_iterable(map(self._places_in, reached))
        else:
            found = iter(self._all_places)
        return (place for place in found if from_ns is None or place.time_ns >= from_ns)

    @cached_property
    def _all_places(self) -> list[FramePlace]:
        chunks = range(len(self._recording.chunks))
        return sorted((place for chunk in chunks for place in self._places_in(chunk)), key=lambda place: place.time_ns)

    def _places_in(self, chunk: int) -> list[FramePlace]:
        try:
            entries = self._read(chunk)
        except DamagedChunk:
            self._damaged.add(chunk)
            return []
        places = [FramePlace(self._recording.time_of(entry), chunk, n) for n, entry in enumerate(entries)]
        return sorted(places, key=lambda place: place.time_ns)

    def _read(self, chunk: int) -> list[RecordedMessage]:
        """The output's messages in a chunk. DamagedChunk."""
        if chunk != self._chunk:
            found = list(self._recording.entries_of(self._recording.chunks[chunk], [self.output]))
            self._chunk, self._entries = chunk, found
        return self._entries

    def _image(self, place: FramePlace) -> np.ndarray:
        try:
            return self._decode(self._read(place.chunk)[place.number].data)
        except (RecordingError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            self._undecoded += 1
            raise RecordingError(f"{self.path}: a picture of {self.output} cannot be decoded: {error}") from error


def _our_picture(data: bytes) -> np.ndarray:
    frame = unpack(data, Frame)
    assert isinstance(frame, Frame)
    return frame.image
