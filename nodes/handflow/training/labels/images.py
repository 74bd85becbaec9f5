"""Labelled pictures and clips, read once and kept."""

import bisect
import os
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from handflow.capture import images
from handflow.capture.media import open_video
from handflow.errors import LabelError, SetupError

KEPT_BYTES = 1 << 30  # of a clip's decoded frames; 12 s at 720p
NEAR = 32  # frames that are rather decoded than jumped over
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
    """A clip's frames by number, exactly as a sequential read counts them, never by an inexact seek. Raises LabelError.

    As many as fit into `kept_bytes` are kept, so that a short clip is decoded once and a long one fills no memory.
    """

    def __init__(self, path: Path, kept_bytes: int = KEPT_BYTES) -> None:
        self.path = path
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._times: list[float] = []  # ms, as the decoder tells them: how a jump is known to have come out right
        self._room = 0
        self._open()
        while self._capture.grab():
            self._times.append(self._capture.get(cv2.CAP_PROP_POS_MSEC))
            number = len(self._times) - 1
            if number == 0 or len(self._kept) < self._room:
                good, image = self._capture.retrieve()
                if not good:
                    break
                if number == 0:
                    self.height, self.width = image.shape[:2]
                    self._room = max(2 * BEHIND, kept_bytes // image.nbytes)
                self._kept[number] = np.asarray(image)
        if not self._kept:
            raise LabelError(f"{path}: no such clip, or not one OpenCV can read")
        self.fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._next = len(self._times)  # the frame that the decoder gives next
        self._jumps = all(a < b for a, b in zip(self._times, self._times[1:], strict=False))
        if len(self._kept) == len(self._times):
            self._capture.release()

    def __len__(self) -> int:
        return len(self._times)

    def __getitem__(self, number: int) -> np.ndarray:
        """Frame `number` (height, width, 3) BGR. Shared: do not write into it."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        if self._owner != os.getpid():  # two processes would move each other's place in the file
            self._open()
        if not self._next <= number < self._next + NEAR:
            self._jump(max(0, number - BEHIND if number < self._next else number))
        while self._next <= number:
            good, image = self._capture.read()
            if not good:
                raise LabelError(f"{self.path}: frame {self._next} of {len(self)} cannot be read again")
            self._kept[self._next] = np.asarray(image)
            self._next += 1
        while len(self._kept) > self._room:
            self._kept.popitem(last=False)
        return self._kept[number]

    def _open(self) -> None:
        self._capture, self._next, self._owner = open_video(self.path), 0, os.getpid()

    def _jump(self, number: int) -> None:
        """Has the decoder give frame `number` next. Where it lands by guess, so its time says which frame that was."""
        for back in (1, NEAR, 4 * NEAR) if self._jumps else ():
            if number < back:
                self._open()
                break
            self._capture.set(cv2.CAP_PROP_POS_MSEC, self._times[number - back])
            landed = self._grabbed()
            if landed is not None and landed < number:
                self._next = landed + 1
                break
        else:
            self._open()
        while self._next < number and self._capture.grab():
            self._next += 1

    def _grabbed(self) -> int | None:
        """The number of the frame that the decoder comes to now."""
        if not self._capture.grab():
            return None
        time = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        number = bisect.bisect_left(self._times, time)
        return number if number < len(self) and self._times[number] == time else None


@lru_cache(maxsize=16)
def read_clip(path: Path) -> Clip:
    return Clip(path)
