"""Pictures in recordings of other tools: Foxglove's and ROS's messages, as JPEG and the like or as plain pixels."""

import base64
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from handflow.capture.images import decode_image, eight_bits
from handflow.errors import RecordingError
from handflow.runtime.names import text_of

from .channels import RecordedOutput

# What turns the bytes of a message into its picture (height, width, 3) uint8, BGR. RecordingError, ValueError.
PictureDecoder = Callable[[bytes], np.ndarray]
# Encoding of a channel's messages -> the module that decodes them, and what brings it.
LIBRARIES = {
    "protobuf": ("mcap_protobuf.decoder", "handflow[video]"),
    "cdr": ("mcap_ros2.decoder", "handflow[video]"),
    "ros1": ("mcap_ros1.decoder", "mcap-ros1-support"),
}
# The last word of a schema's name, of Foxglove and of ROS 1 and 2.
COMPRESSED, PLAIN = ("CompressedImage",), ("RawImage", "Image")
# Encoding of plain pixels -> type of a value, values of a pixel, OpenCV's conversion to BGR.
# https://docs.foxglove.dev/docs/sdk/schemas/raw-image, sensor_msgs/image_encodings.hpp
PIXELS: dict[str, tuple[str, int, int | None]] = {
    "bgr8": ("u1", 3, None),
    "8UC3": ("u1", 3, None),
    "rgb8": ("u1", 3, cv2.COLOR_RGB2BGR),
    "bgra8": ("u1", 4, cv2.COLOR_BGRA2BGR),
    "8UC4": ("u1", 4, cv2.COLOR_BGRA2BGR),
    "rgba8": ("u1", 4, cv2.COLOR_RGBA2BGR),
    "mono8": ("u1", 1, cv2.COLOR_GRAY2BGR),
    "8UC1": ("u1", 1, cv2.COLOR_GRAY2BGR),
    "mono16": ("u2", 1, cv2.COLOR_GRAY2BGR),
    "16UC1": ("u2", 1, cv2.COLOR_GRAY2BGR),
    "bgr16": ("u2", 3, None),
    "rgb16": ("u2", 3, cv2.COLOR_RGB2BGR),
    "uyvy": ("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422": ("u1", 2, cv2.COLOR_YUV2BGR_UYVY),
    "yuyv": ("u1", 2, cv2.COLOR_YUV2BGR_YUYV),
    "yuv422_yuy2": ("u1", 2, cv2.COLOR_YUV2BGR_YUYV),
    # OpenCV names the second row's pixels, others the first's.
    "bayer_rggb8": ("u1", 1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": ("u1", 1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": ("u1", 1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": ("u1", 1, cv2.COLOR_BayerGB2BGR),
}


def picture_decoder(output: RecordedOutput, file: Path) -> PictureDecoder | None:
    """What decodes the pictures of a channel; None if it has none. RecordingError says what is to be installed."""
    word = output.kind.replace("/", ".").split(".")[-1]
    if word not in (*COMPRESSED, *PLAIN):
        return None
    read = _reader(output, file)
    picture = _compressed if word in COMPRESSED else _plain
    return lambda data: picture(read(data))


def _reader(output: RecordedOutput, file: Path) -> Callable[[bytes], Any]:
    """What turns a message into an object with its fields."""
    if output.encoding == "json":
        return _from_json
    if output.encoding not in LIBRARIES:
        known = ", ".join(["json", *LIBRARIES])
        raise RecordingError(f"{file}: {output.name}: expected {output.kind} as {known}, got {output.encoding!r}")
    module, package = LIBRARIES[output.encoding]
    try:
        factory = importlib.import_module(module).DecoderFactory()
    except ImportError:
        what = f"{file}: {output.name}: {output.kind} as {output.encoding}"
        raise RecordingError(f"{what} needs a library to be read: pip install '{package}'") from None
    try:
        decode = factory.decoder_for(output.encoding, output.definition)
    except Exception as error:
        # Whatever a library says of a schema that it cannot make out.
        raise RecordingError(f"{file}: {output.name}: its schema {output.kind} cannot be read: {error}") from error
    if decode is None:
        raise RecordingError(
            f"{file}: {output.name}: its schema {output.kind} is none for messages as {output.encoding}"
        )
    return _careful(decode)


def _careful(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return decode(data)
        except Exception as error:
            # Each library raises its own where a message is not what its schema says.
            raise RecordingError(text_of(error)) from error

    return read


def _from_json(data: bytes) -> Any:
    values = json.loads(data)
    return SimpleNamespace(**{**values, "data": base64.b64decode(values["data"])})


def _compressed(message: Any) -> np.ndarray:
    image = decode_image(bytes(message.data))
    if image is None:
        raise RecordingError(
            f"expected a picture as {message.format!r}, got {len(message.data)} bytes of something else"
        )
    return image


def _plain(message: Any) -> np.ndarray:
    if message.encoding not in PIXELS:
        raise RecordingError(f"expected pixels as {', '.join(PIXELS)}, got {message.encoding!r}")
    kind, values, conversion = PIXELS[message.encoding]
    order = ">" if getattr(message, "is_bigendian", False) else "<"
    height, width = int(message.height), int(message.width)
    row = width * values * np.dtype(kind).itemsize
    data = np.frombuffer(bytes(message.data), np.uint8)
    step = int(message.step) or row
    if step < row or data.size < height * step or not data.size:
        raise RecordingError(f"expected {width}x{height} pixels as {message.encoding}, got {data.size} bytes")
    rows = np.ascontiguousarray(data[: height * step].reshape(height, step)[:, :row])
    pixels = rows.view(order + kind).reshape(height, width, values)
    if kind == "u2":
        pixels = eight_bits(pixels.astype(np.uint16))
    return np.ascontiguousarray(pixels) if conversion is None else cv2.cvtColor(pixels, conversion)
