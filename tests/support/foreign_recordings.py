"""Recordings that other programs wrote: pictures in the layouts they use, and ours written anew."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mcap.writer import Writer

from handflow.recording.reader import Recording

COUNT = 12
STEP_NS = 50_000_000
BEGIN_NS = 1_700_000_000_000_000_000


def jpeg(number: int, ending: str = ".jpg") -> bytes:
    """A picture whose brightness says its number."""
    return cv2.imencode(ending, np.full((48, 64, 3), 20 * number, np.uint8))[1].tobytes()


def foreign(
    path: Path,
    messages: list[tuple[int, bytes]],
    schema: str = "foxglove.CompressedImage",
    schema_encoding: str = "jsonschema",
    encoding: str = "json",
    definition: bytes = b"{}",
    **options: Any,
) -> Path:
    """What another tool recorded: messages with their log times."""
    with open(path, "wb") as opened:
        writer = Writer(opened, **options)
        writer.start("", "somebody's recorder 1.0")
        channel = writer.register_channel(
            "/camera", encoding, writer.register_schema(schema, schema_encoding, definition)
        )
        for number, (at_ns, data) in enumerate(messages):
            writer.add_message(channel, at_ns, data, at_ns, number)
        writer.finish()
    return path


def compressed(number: int, ending: str = ".jpg") -> bytes:
    picture = base64.b64encode(jpeg(number, ending)).decode()
    return json.dumps({"frame_id": "camera", "format": ending[1:], "data": picture}).encode()


def plain(image: np.ndarray, encoding: str, **more: Any) -> bytes:
    height, width = image.shape[:2]
    step = image.strides[0]
    values = {"width": width, "height": height, "encoding": encoding, "step": step, **more}
    return json.dumps(values | {"data": base64.b64encode(image.tobytes()).decode()}).encode()


MESSAGES = [(BEGIN_NS + number * STEP_NS, compressed(number)) for number in range(COUNT)]


def rewritten(path: Path, out: Path, times: Callable[[int], int], library: str, order: list[int] | None = None) -> Path:
    """One of our recordings as another program writes it anew: channels and messages, its own times, no metadata."""
    recording = Recording(path)
    entries = list(recording.entries())
    with open(out, "wb") as opened:
        writer = Writer(opened)
        writer.start("handflow", library)
        channels = {
            name: writer.register_channel(name, "msgpack", 0, {"kind": recording.output(name).kind})
            for name in recording.names()
        }
        for number in order or range(len(entries)):
            entry = entries[number]
            writer.add_message(channels[entry.output], times(entry.log_ns), entry.data, times(entry.publish_ns), number)
        writer.finish()
    return out
