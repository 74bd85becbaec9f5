"""The recording file: MCAP, one channel an output, each message as it was on the wire with its arrays inside.

A message is one msgpack map as in wire.py; an array is [dtype, shape, bytes], a picture [dtype, shape, bytes, "jpeg" or
"png"]. Chunks end every 0.2 s and are forced to the disk: a kill or a power cut loses no more. What was recorded, of
which graph, with which models and where, stands in the metadata record `handflow`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import msgpack
import numpy as np
from mcap.writer import CompressionType, Writer

from handflow import __version__, messages
from handflow.capture.images import decode_stored
from handflow.errors import RecordingError, StageError
from handflow.messages import Frame, Hop, Message, layout_of
from handflow.runtime.graph.stage import declared, load
from handflow.runtime.transport import jpeg
from handflow.runtime.transport.wire import HEADER, VERSION, Packed

from .metadata import PictureFormat, RecordingMetadata

PROFILE = "handflow"
FLUSH_S = 0.2  # with what the encoder holds, a kill loses less than 0.5 s
CHUNK_BYTES = 4 * 2**20  # lossless pictures end a chunk before its time is over
STATUS = "@top"  # the channel of the nodes' own figures, a JSON list of rows a second; no node can have this name
Compression = Literal["zstd", "lz4", "none"]
COMPRESSIONS = {"zstd": CompressionType.ZSTD, "lz4": CompressionType.LZ4, "none": CompressionType.NONE}


class RecordedOutput(NamedTuple):
    """A node's output, as one channel of the file."""

    name: str  # the node's
    kind: str  # the message class's name
    run: str = ""  # the node's `run`, where classes that are not ours are found
    schema: str = ""  # JSON Schema of the message


def output_of(name: str, kind: type[Message], run: str = "") -> RecordedOutput:
    arrays, plain = layout_of(kind)
    fields: dict[str, Any] = {"v": {"const": VERSION}, "type": {"const": kind.__name__}, **{key: {} for key in plain}}
    for key, array in arrays.items():
        shape = ", ".join(map(str, array.shape))
        fields[key] = {"type": "array", "description": f"[dtype, shape, bytes], {array.dtype} ({shape})"}
    schema = {"title": kind.__name__, "type": "object", "properties": fields, "required": list(fields)}
    return RecordedOutput(name, kind.__name__, run, json.dumps(schema))


def outputs_of(graph: Mapping[str, Any], recorder: str) -> list[RecordedOutput]:
    """What the node `recorder` of a running graph listens to; what is of classes that cannot be loaded is left out."""
    nodes = graph.get("nodes", {})
    found = []
    for name in dict.fromkeys(edge["from"] for edge in nodes.get(recorder, {"in": {}})["in"].values()):
        entry = nodes[name]
        try:
            kind = declared(load(entry["run"], Path(graph["file"]).parent)).output
        except (StageError, ImportError):
            continue
        if kind is not None and kind is not Message:
            found.append(output_of(name, kind, entry["run"]))
    return [*found, RecordedOutput(STATUS, "")]


def kind_of(output: RecordedOutput) -> type[Message]:
    """The class of an output's messages: ours by name, another's from the node that gave it. RecordingError."""
    ours = getattr(messages, output.kind, None)
    if isinstance(ours, type) and issubclass(ours, Message):
        return ours
    try:
        kind = declared(load(output.run, Path())).output
    except StageError as error:
        raise RecordingError(f"{output.name}: messages of type {output.kind}: {error}") from error
    if kind is None or kind.__name__ != output.kind:
        gives = kind.__name__ if kind else "nothing"
        raise RecordingError(f"{output.name}: {output.run} gives {gives}; {output.kind} was recorded")
    return kind


def picture_of(message: Message) -> np.ndarray | None:
    """The picture that a message carries, if it is one."""
    if isinstance(message, Packed):
        image = message.fields.get("image") if message.type == Frame.__name__ else None
        return image if isinstance(image, np.ndarray) else None
    return message.image if isinstance(message, Frame) else None


def pack(message: Message, pictures: PictureFormat = PictureFormat()) -> bytes:  # noqa: B008 (immutable)
    """The message as the file holds it. RecordingError."""
    if isinstance(message, Packed):
        kind, fields = message.type, message.fields
    else:
        kind, fields = type(message).__name__, {name: getattr(message, name) for name in _own(type(message))}
    packed: dict[str, Any] = {"v": VERSION, "type": kind, **{name: getattr(message, name) for name in HEADER}}
    picture = picture_of(message)
    for name, value in fields.items():
        if not isinstance(value, np.ndarray):
            packed[name] = value
        elif value is picture and value.size:
            packed[name] = [value.dtype.str, value.shape, _stored(value, pictures), pictures.form]
        else:
            packed[name] = [value.dtype.str, value.shape, value.tobytes()]
    return msgpack.packb(packed)


def _own(kind: type[Message]) -> list[str]:
    """A class's fields, the header aside."""
    arrays, plain = layout_of(kind)
    return [*(name for name in plain if name not in HEADER), *arrays]


def unpack(data: bytes, kind: type[Message]) -> Message:
    """The message in `data`, its arrays read-only. RecordingError."""
    try:
        packed = msgpack.unpackb(data)
        if packed["type"] != kind.__name__ or packed["v"] != VERSION:
            found = f"{packed['type']} of wire {packed['v']}"
            raise RecordingError(f"{found} found, {kind.__name__} of wire {VERSION} expected")
        arrays, plain = layout_of(kind)
        message = kind.__new__(kind)
        values = vars(message)  # not by the class: it would check again what it checked before the recording
        for name in plain:
            values[name] = packed[name]
        for name in arrays:
            values[name] = _array(*packed[name])
        values["hops"] = [Hop(*hop) for hop in values["hops"]]
        return message
    except (ValueError, TypeError, KeyError, cv2.error, msgpack.UnpackException) as error:
        raise RecordingError(f"no {kind.__name__}: {' '.join(str(error).split())}") from error


def _stored(image: np.ndarray, pictures: PictureFormat) -> bytes:
    try:
        if pictures.form == "jpeg":
            return jpeg.encode(image, pictures.quality)
        good, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    except (ValueError, cv2.error):
        good = False
    if not good:
        raise RecordingError(f"a picture of shape {image.shape} cannot be stored as {pictures.form}")
    return data.tobytes()


def _array(dtype: str, shape: list[int], body: bytes, form: str = "") -> np.ndarray:
    if not form:
        return np.frombuffer(body, dtype).reshape(shape)
    array = decode_stored(body)
    if array is None or list(array.shape) != list(shape):
        raise ValueError(f"a {form} of {len(body)} bytes is not the picture of shape {tuple(shape)} that it should be")
    array.flags.writeable = False
    return array


class Recorder:
    """Writes one recording. Not thread-safe; whoever calls `add` now and then calls `tick` as well.

    OSError when the disk refuses; then `abandon` keeps what is whole. Every method is plain and waits for the disk:
    BackgroundWriter is what keeps a pipeline from waiting.
    """

    def __init__(
        self, file: Path, metadata: RecordingMetadata, outputs: list[RecordedOutput], compression: Compression = "zstd"
    ) -> None:
        self.file = file
        self.messages = 0
        self._disk = Disk(file)
        self._channels: dict[str, int] = {}
        self._mcap = Writer(self._disk, CHUNK_BYTES, COMPRESSIONS[compression])  # type: ignore[arg-type]
        self._mcap.start(PROFILE, f"handflow {__version__}")
        self._mcap.add_metadata(PROFILE, metadata.text())
        # All at once: they stand in the first chunk together, and a file that breaks off still tells them all.
        for output in outputs:
            self._define(output)
        self.flush()

    @property
    def size(self) -> int:
        return self._disk.count

    def add(self, output: str, data: bytes, log_ns: int, publish_ns: int, sequence: int) -> None:
        if output not in self._channels:
            kind = str(msgpack.unpackb(data)["type"])
            self._define(RecordedOutput(output, kind))
        self._mcap.add_message(self._channels[output], log_ns, data, publish_ns, sequence & 0xFFFFFFFF)
        self.messages += 1

    def _define(self, output: RecordedOutput) -> None:
        schema = 0
        if output.schema:
            schema = self._mcap.register_schema(f"handflow.{output.kind}", "jsonschema", output.schema.encode())
        encoding = "json" if output.name == STATUS else "msgpack"
        told = {"kind": output.kind, "run": output.run}
        self._channels[output.name] = self._mcap.register_channel(output.name, encoding, schema, told)

    def end_chunk(self) -> None:
        self._mcap.flush()

    def flush(self) -> None:
        """Ends the chunk and forces it to the disk."""
        self.end_chunk()
        self._disk.sync()

    def close(self) -> None:
        """Writes the index."""
        self._mcap.finish()
        self._disk.sync()
        self._disk.close()

    def abandon(self) -> None:
        """After the disk has refused: back to the last whole chunk, without an index."""
        self._disk.back()
        self._disk.close()


class Disk:
    """What mcap writes to: every byte goes to the system at once, so that nothing is left to fail at the end."""

    def __init__(self, file: Path) -> None:
        try:
            self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RecordingError(f"{file}: cannot be written: {error.strerror}") from error
        self.count = self._whole = 0

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while len(rest):
            done = os.write(self._fd, rest)
            self.count += done
            rest = rest[done:]
        return len(data)

    def tell(self) -> int:
        return self.count

    def flush(self) -> None:
        """Nothing is held back."""

    def sync(self) -> None:
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in (22, 95):  # a pipe or a network share that knows no fsync
                raise
        self._whole = self.count

    def back(self) -> None:
        try:
            os.ftruncate(self._fd, self._whole)
        except OSError:  # not a file
            return

    def close(self) -> None:
        os.close(self._fd)
