"""A recording -> an animated WebP or GIF, small enough for a README or a chat: a few frames a second, scaled down."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from handflow.capture.media import writable

# A page of 800 columns shows no more, and a WebP of ten seconds stays near 1 MB.
MAX_WIDTH_PX = 480
MAX_FPS = 12
# Format -> the encoder's name, the pixels it takes, its options; both repeat for ever.
ENCODERS = {
    ".webp": ("libwebp_anim", "yuv420p", {"quality": "82", "compression_level": "6"}, {"loop": "0"}),
    ".gif": ("gif", "rgb8", {}, {"loop": "0"}),
}
TICKS = 1000  # a second


def write_animation(frames: Iterable[tuple[int, np.ndarray]], out: Path, ending: str) -> int:
    """Writes frames (captured_ns, BGR image) as an animation; how many were kept of them. OSError."""
    import av
    from av.video.stream import VideoStream

    encoder, pixels, options, repeat = ENCODERS[ending]
    count, next_ns, first_ns = 0, 0, None
    with writable(out) as name, av.open(name, "w", format=ending[1:], options=repeat) as container:
        stream: VideoStream | None = None
        for captured_ns, image in frames:
            first_ns = captured_ns if first_ns is None else first_ns
            if captured_ns < next_ns:
                continue
            next_ns = captured_ns + round(1e9 / MAX_FPS * 0.95)
            image = scaled(image)
            if stream is None:
                stream = container.add_stream(encoder, rate=MAX_FPS, options=options)  # type: ignore[assignment]
                assert stream is not None
                stream.height, stream.width, stream.pix_fmt = *image.shape[:2], pixels
                stream.codec_context.time_base = Fraction(1, TICKS)
            if image.shape[:2] != (stream.height, stream.width):
                image = cv2.resize(image, (stream.width, stream.height), interpolation=cv2.INTER_AREA)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image, np.uint8), format="bgr24")
            picture.pts, picture.time_base = (captured_ns - first_ns) * TICKS // 10**9, Fraction(1, TICKS)
            container.mux(stream.encode(picture))
            count += 1
        if stream is not None:
            container.mux(stream.encode())
    return count


def scaled(image: np.ndarray) -> npt.NDArray[np.uint8]:
    """The image at most MAX_WIDTH_PX wide, with an even number of rows and columns as the encoders want it."""
    width = min(image.shape[1], MAX_WIDTH_PX)
    height = round(image.shape[0] * width / image.shape[1])
    return np.asarray(cv2.resize(image, (width & ~1, height & ~1), interpolation=cv2.INTER_AREA), np.uint8)
