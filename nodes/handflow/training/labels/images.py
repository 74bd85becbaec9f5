"""Labelled pictures and clips, read once and kept."""

import bisect
import itertools
import os
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

import numpy as np

from handflow.capture import images
from handflow.capture.frames import FrameReader, StoredFrame
from handflow.errors import LabelError, SetupError
from handflow.recording.sources import open_frames

KEPT_BYTES = 1 << 30  # of a clip's decoded frames; 12 s at 720p
CLIPS = (".mp4", ".mcap", ".mkv", ".mov", ".avi", ".webm")  # what a clip beside its label file may be
NEAR = 32  # frames that are rather decoded than jumped over
INHERITED: list[FrameReader] = []  # another process's, never to be closed here: that would wait for its threads
BEHIND = 12  # frames that are decoded, and kept, before one that is sought: who steps back goes on stepping back


@lru_cache(maxsize=8000)  # decoding costs more than anything else in making a sample; 8000 pictures are about 3 GB
def read_image(path: Path) -> np.ndarray:
    """A labelled picture, kept. LabelError."""
    return read_once(path)


def read_once(path: Path) -> np.ndarray:
    """A labelled picture, not kept. LabelError."""
    try:
        return images.read_image(path)
    except SetupError as error:
        raise LabelError(str(error)) from error


class Clip:
    """A clip's or a recording's frames by number, exactly as a sequential read counts them, never by an inexact seek.

    As many as fit into `kept_bytes` are kept, so that a short clip is decoded once and a long one fills no memory.
    `fault` says what of the file cannot be read. Raises LabelError.
    """

    def __init__(self, path: Path, kept_bytes: int = KEPT_BYTES) -> None:
        self.path = path
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._times: list[
            float | None
        ] = []  # seconds, as the file tells them: how a jump is known to have come out right
        self._room = 0
        self._open()
        for stored in self._frames:
            self._times.append(stored.t)
            number = len(self._times) - 1
            if number == 0 or len(self._kept) < self._room:
                image = self._image(stored)
                if number == 0:
                    self.height, self.width = image.shape[:2]
                    self._room = max(2 * BEHIND, kept_bytes // image.nbytes)
                self._kept[number] = image
        self.fault = self._reader.fault()
        if not self._kept:
            raise LabelError(self.fault or f"{path}: holds no picture that can be decoded")
        self.fps = self._reader.fps
        self._next = len(self._times)  # the frame that the decoder gives next
        known = [time for time in self._times if time is not None]
        self._jumps = len(known) == len(self) and all(a < b for a, b in itertools.pairwise(known))
        if len(self._kept) == len(self._times):
            self._reader.close()

    def __len__(self) -> int:
        return len(self._times)

    def __getitem__(self, number: int) -> np.ndarray:
        """Frame `number` (height, width, 3) BGR. Shared: do not write into it."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        if self._owner != os.getpid():
            # Two processes would move each other's place in the file; and the decoder's threads are not in this one.
            INHERITED.append(self._reader)
            self._open()
        if not self._next <= number < self._next + NEAR:
            self._jump(max(0, number - BEHIND if number < self._next else number))
        while self._next <= number:
            stored = next(self._frames, None)
            if stored is None:
                raise LabelError(f"{self.path}: frame {self._next} of {len(self)} cannot be read again")
            self._kept[self._next] = self._image(stored)
            self._next += 1
        while len(self._kept) > self._room:
            self._kept.popitem(last=False)
        return self._kept[number]

    def _open(self) -> None:
        try:
            self._reader = open_frames(self.path)
        except SetupError as error:
            raise LabelError(str(error)) from error
        self._frames, self._next, self._owner = self._reader.frames(), 0, os.getpid()

    def _image(self, stored: StoredFrame) -> np.ndarray:
        try:
            return stored.decode()
        except SetupError as error:
            raise LabelError(str(error)) from error

    def _jump(self, number: int) -> None:
        """Has the decoder give frame `number` next. Where it lands by guess, so its time says which frame that was."""
        for back in (1, NEAR, 4 * NEAR) if self._jumps else ():
            if number < back:
                self._open()
                break
            self._frames = self._reader.frames(self._times[number - back])
            landed = self._landed()
            if landed is not None and landed < number:
                self._next = landed + 1
                break
        else:
            self._open()
        while self._next < number and next(self._frames, None) is not None:
            self._next += 1

    def _landed(self) -> int | None:
        """The number of the frame that the decoder comes to now."""
        stored = next(self._frames, None)
        if stored is None or stored.t is None:
            return None
        number = bisect.bisect_left(self._times, stored.t)  # type: ignore[type-var]  # all are known where it jumps
        return number if number < len(self) and self._times[number] == stored.t else None


def clip_beside(file: Path) -> Path:
    """The clip or recording that is called as its label file is; as if it were an MP4 where there is none."""
    return next((path for path in map(file.with_suffix, CLIPS) if path.is_file()), file.with_suffix(CLIPS[0]))


def first_frame(path: Path) -> np.ndarray:
    """A clip's first frame (height, width, 3) BGR, without reading the others. Raises LabelError."""
    try:
        reader = open_frames(path)
        try:
            for stored in reader.frames():
                return stored.decode()
        finally:
            reader.close()
    except SetupError as error:
        raise LabelError(str(error)) from error
    raise LabelError(f"{path}: no frame can be read in this clip")


@lru_cache(maxsize=16)
def read_clip(path: Path) -> Clip:
    """An open clip; the last 16 stay open."""
    return Clip(path)
