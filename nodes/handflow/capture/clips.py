"""Video files, frame by frame, read past whatever is damaged in them. FFmpeg does the work, through PyAV.

Not through OpenCV, whose reader ends at the first error and cannot tell it from the end of the file.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from handflow.errors import SetupError

from .frames import StoredFrame
from .images import MAX_PIXELS
from .media import readable

# Errors in a row after which nothing more is read from a file; each comes of a place that it has already left.
MAX_ERRORS = 1000
# What a clip may be shorter than it says of itself: two frames, or this share of it, at most so many seconds.
SHORT_SHARE, SHORT_S = 0.02, 0.5
LARGE_PIXELS = 1920 * 1088
# FFmpeg's AVFMT_NOTIMESTAMPS and AVFMT_TS_DISCONT: formats that do not say how long they are; it guesses.
GUESSED = 0x0080 | 0x0200
# Degrees counterclockwise that FFmpeg says a frame is to be turned by.
TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


class ClipReader:
    """The frames of a video file, in order; `fault` says what was left out. SetupError if it is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._container = self._open()
        # OpenCV's pixels, bit by bit, come with its interpolation; one object keeps the tables from frame to frame.
        self._reformatter = VideoReformatter()
        self._failed, self._first_failed, self._count = 0, 0, 0
        self._is_read = False
        self._declared_end_s, self._end_s = self._declared_end(), 0.0
        stream = self._stream
        fps = float(stream.guessed_rate or stream.average_rate or 0)
        self.fps = fps if 1 <= fps <= 1000 else 30.0
        self._expected = stream.frames or round((self._declared_end_s or 0) * self.fps)

    def frames(self, from_s: float | None = None) -> Iterator[StoredFrame]:
        """Every frame that can be decoded, from the start, or from a key frame before `from_s` (the file's clock)."""
        self._failed = self._count = 0
        if from_s is not None:
            self._container.seek(max(0, int(from_s * 1e6)))
        elif self._is_read:
            self._container.close()
            self._container = self._open()
        self._is_read = True
        for packet in self._packets():
            try:
                for frame in packet.decode():
                    self._count += 1
                    yield StoredFrame(self._count - 1, frame.time, partial(self._image, frame))
            except EOFError:
                continue
            except av.FFmpegError:
                self._fail()

    def fault(self) -> str:
        """What was left out when all frames had been read, as one line; "" if nothing was."""
        of = f" of about {max(self._expected, self._count)}" if self._expected else ""
        if self._declared_end_s is not None:
            allowed_s = max(2 / self.fps, min(SHORT_SHARE * self._declared_end_s, SHORT_S)) + 1e-3
            if self._declared_end_s - self._end_s > allowed_s:
                return f"{self.path}: breaks off at frame {self._count}{of}"
        if self._failed:
            return f"{self.path}: damaged at frame {self._first_failed}: {self._count}{of} frames could be read"
        return ""

    def close(self) -> None:
        self._container.close()

    def _open(self) -> av.container.InputContainer:
        try:
            with readable(self.path) as name:
                # Tags may be in any encoding.
                container = av.open(name, metadata_errors="replace")
            stream = container.streams.best("video")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SetupError(self._no_video()) from error
        # Without a codec context: FFmpeg knows the file's format, but not how its pictures are encoded.
        if not isinstance(stream, av.VideoStream) or stream.codec_context is None:
            container.close()
            raise SetupError(self._no_video())
        self._stream = stream
        # Threads that decode several frames at once lose the last ones, without an error, where one of them is damaged.
        # Pictures up to 1080p take one core 2 to 6 ms; larger ones would not play in time.
        stream.thread_type = "SLICE" if stream.width * stream.height <= LARGE_PIXELS else "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        return container

    def _no_video(self) -> str:
        try:
            size = self.path.stat().st_size
        except OSError as error:
            return f"{self.path}: cannot be read: {error.strerror}"
        return f"{self.path}: expected a video that FFmpeg can decode, got {size} bytes of something else"

    def _packets(self) -> Iterator[av.Packet]:
        """The video's packets. Those of its sound are read as well: they too say whether the file is whole."""
        errors = 0
        while errors < MAX_ERRORS:
            try:
                for packet in self._container.demux():
                    errors = 0
                    if packet.pts is not None and packet.time_base:
                        end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                        self._end_s = max(self._end_s, end)
                    if packet.stream.index == self._stream.index:
                        yield packet
                return
            except EOFError:
                return
            except av.FFmpegError:
                errors += 1
                # A read that fails twice at one place has only failed once.
                if errors == 1:
                    self._fail()

    def _fail(self) -> None:
        if not self._failed:
            self._first_failed = self._count
        self._failed += 1

    def _declared_end(self) -> float | None:
        """When the file says that it ends, seconds by its own clock; None if it does not."""
        container = self._container
        if container.duration is None or container.format.flags & GUESSED:
            return None
        return (container.duration + (container.start_time or 0)) / 1e6

    def _image(self, frame: av.VideoFrame) -> np.ndarray:
        try:
            plain = self._reformatter.reformat(frame, format="bgr24", interpolation=Interpolation.BICUBIC)
            # The frame's own memory, kept by the array: a copy costs as much as the conversion. Lines may be padded.
            rows = np.frombuffer(plain.planes[0], np.uint8).reshape(plain.height, -1)  # type: ignore[call-overload]
            image = np.ascontiguousarray(rows[:, : 3 * plain.width]).reshape(plain.height, plain.width, 3)
        except (av.FFmpegError, ValueError, MemoryError) as error:
            self._fail()
            raise SetupError(f"{self.path}: a frame at {frame.time} s cannot be turned into an image") from error
        turn = TURNS.get(round(frame.rotation) % 360)
        return image if turn is None else cv2.rotate(image, turn)
