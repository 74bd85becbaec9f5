"""The recording file: MCAP, one channel an output, each message as it was on the wire with its arrays inside.

A message is one msgpack map as in wire.py; an array is [dtype, shape, bytes], a picture [dtype, shape, bytes, "jpeg" or
"png"]. Chunks end every 0.2 s and are forced to the disk: a kill or a power cut loses no more. What was recorded, of
which graph, with which models and where, stands in the metadata record `handflow`.
"""

import hashlib
import json
import os
import platform
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import msgpack
import numpy as np
from mcap.writer import CompressionType, Writer

from . import __version__, messages
from .messages import Frame, Hop, Message, layout_of
from .runtime.address import masked
from .runtime.node import SetupError
from .runtime.stage import StageError, declared, load
from .runtime.wire import VERSION

PROFILE = "handflow"
FLUSH_S = 0.2  # with what the encoder holds, a kill loses less than 0.5 s
CHUNK_BYTES = 4 * 2**20  # lossless pictures end a chunk before its time is over
STATUS = "@top"  # the channel of the nodes' own figures, a JSON list of rows a second; no node can have this name
Compression = Literal["zstd", "lz4", "none"]
COMPRESSIONS = {"zstd": CompressionType.ZSTD, "lz4": CompressionType.LZ4, "none": CompressionType.NONE}


class RecordingError(SetupError):
    """A file that cannot be read as, or written as, a recording: one line."""


class Pictures(NamedTuple):
    """How pictures are stored."""

    form: Literal["jpeg", "png"] = "jpeg"
    quality: int = 90  # of JPEG: 104 kB for a picture of the demo at 720p, 1.9 ms


class Output(NamedTuple):
    """A node's output, as one channel of the file."""

    name: str  # the node's
    kind: str  # the message class's name
    run: str = ""  # the node's `run`, where classes that are not ours are found
    schema: str = ""  # JSON Schema of the message


def output_of(name: str, kind: type[Message], run: str = "") -> Output:
    arrays, plain = layout_of(kind)
    fields: dict[str, Any] = {"v": {"const": VERSION}, "type": {"const": kind.__name__}, **{key: {} for key in plain}}
    for key, array in arrays.items():
        shape = ", ".join(map(str, array.shape))
        fields[key] = {"type": "array", "description": f"[dtype, shape, bytes], {array.dtype} ({shape})"}
    schema = {"title": kind.__name__, "type": "object", "properties": fields, "required": list(fields)}
    return Output(name, kind.__name__, run, json.dumps(schema))


def kind_of(output: Output) -> type[Message]:
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


def pack(message: Message, pictures: Pictures = Pictures()) -> bytes:  # noqa: B008 (immutable)
    """The message as the file holds it."""
    arrays, plain = layout_of(type(message))
    packed: dict[str, Any] = {"v": VERSION, "type": type(message).__name__}
    packed |= {name: getattr(message, name) for name in plain}
    for name in arrays:
        array = getattr(message, name)
        if isinstance(message, Frame) and array.dtype == np.uint8 and array.size:
            packed[name] = [array.dtype.str, array.shape, _picture(array, pictures), pictures.form]
        else:
            packed[name] = [array.dtype.str, array.shape, array.tobytes()]
    return msgpack.packb(packed)


def unpack(data: bytes, kind: type[Message]) -> Message:
    """The message in `data`, its arrays read-only. RecordingError."""
    try:
        packed = msgpack.unpackb(data)
        if packed["type"] != kind.__name__ or packed["v"] != VERSION:
            found = f"{packed['type']} of wire {packed['v']}"
            raise RecordingError(f"{found} found, {kind.__name__} of wire {VERSION} expected")
        arrays, plain = layout_of(kind)
        values: dict[str, Any] = {name: packed[name] for name in plain}
        values |= {name: _array(*packed[name]) for name in arrays}
        values["hops"] = [Hop(*hop) for hop in values["hops"]]
        return kind(**values)
    except (ValueError, TypeError, KeyError, cv2.error, msgpack.UnpackException) as error:
        raise RecordingError(f"no {kind.__name__}: {' '.join(str(error).split())}") from error


def _picture(array: np.ndarray, pictures: Pictures) -> bytes:
    if pictures.form == "jpeg":
        good, data = cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, pictures.quality])
    else:
        good, data = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not good:
        raise RecordingError(f"a picture of shape {array.shape} cannot be stored as {pictures.form}")
    return data.tobytes()


def _array(dtype: str, shape: list[int], body: bytes, form: str = "") -> np.ndarray:
    if not form:
        return np.frombuffer(body, dtype).reshape(shape)
    array = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if array is None or list(array.shape) != list(shape):
        raise ValueError(f"a {form} of {len(body)} bytes is not the picture of shape {tuple(shape)} that it should be")
    array.flags.writeable = False
    return array


class Facts(NamedTuple):
    """What a recording says of itself."""

    handflow: str = __version__
    wire: int = VERSION
    started: str = ""  # UTC
    graph: dict[str, Any] = {}  # as its processes read it: file, nodes with run, in, with
    models: dict[str, dict[str, str]] = {}  # node -> file name -> SHA-256
    pictures: str = ""
    machine: dict[str, Any] = {}

    def text(self) -> dict[str, str]:
        """As the metadata record has it, with a checksum: MCAP has none for it."""
        values = {key: json.dumps(value) for key, value in self._asdict().items()}
        return values | {"crc": str(_crc(values))}

    @staticmethod
    def read(values: Mapping[str, str]) -> "Facts":
        """ValueError if it is not what was written."""
        if values.get("crc") != str(_crc(values)):
            raise ValueError("its metadata is damaged")
        return Facts(**{key: json.loads(values[key]) for key in Facts._fields if key in values})


def _crc(values: Mapping[str, str]) -> int:
    return zlib.crc32("\n".join(f"{key}={values[key]}" for key in sorted(values) if key != "crc").encode())


def facts_of(graph: Mapping[str, Any], pictures: Pictures) -> Facts:
    """`graph`: as a running graph's processes read it, or {} where there is none."""
    form = f"{pictures.form} {pictures.quality}" if pictures.form == "jpeg" else pictures.form
    machine = {
        "name": platform.node(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    started = datetime.now(UTC).isoformat(timespec="seconds")
    shown = json.loads(
        masked(json.dumps(graph))
    )  # recordings are given to others: a camera's password must not be in them
    return Facts(started=started, graph=shown, models=models_of(graph), pictures=form, machine=machine)


def models_of(graph: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The model files that a graph's nodes open, with their SHA-256; a file that is not there is left out."""
    from .heatmap import model_path  # not before there is a graph: a converted clip has none

    found: dict[str, dict[str, str]] = {}
    for name, entry in graph.get("nodes", {}).items():
        try:
            node = load(entry["run"], Path(graph["file"]).parent)
            model = entry["with"].get("model", getattr(node, "model", None))
            precision = entry["with"].get("precision", getattr(node, "precision", None))
            if not isinstance(model, str):
                continue
            for each in ("fp32", "int8") if precision == "auto" else (precision or "fp32",):
                file = model_path(model, each)
                found.setdefault(name, {})[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        except (StageError, SetupError, OSError):
            continue
    return found


class Recorder:
    """Writes one recording. Not thread-safe; whoever calls `add` now and then calls `tick` as well.

    OSError when the disk refuses; then `abandon` keeps what is whole. Every method is plain and waits for the disk:
    tape.py is what keeps a pipeline from waiting.
    """

    def __init__(self, file: Path, facts: Facts, outputs: list[Output], compression: Compression = "zstd") -> None:
        self.file = file
        self.messages = 0
        self._disk = _Disk(file)
        self._channels: dict[str, int] = {}
        self._mcap = Writer(self._disk, CHUNK_BYTES, COMPRESSIONS[compression])  # type: ignore[arg-type]
        self._mcap.start(PROFILE, f"handflow {__version__}")
        self._mcap.add_metadata(PROFILE, facts.text())
        # All at once: they stand in the first chunk together, and a file that breaks off still tells them all.
        for output in outputs:
            schema = 0
            if output.schema:
                schema = self._mcap.register_schema(f"handflow.{output.kind}", "jsonschema", output.schema.encode())
            encoding = "json" if output.name == STATUS else "msgpack"
            told = {"kind": output.kind, "run": output.run}
            self._channels[output.name] = self._mcap.register_channel(output.name, encoding, schema, told)
        self.flush()

    @property
    def size(self) -> int:
        return self._disk.count

    def add(self, output: str, data: bytes, log_ns: int, publish_ns: int, sequence: int) -> None:
        self._mcap.add_message(self._channels[output], log_ns, data, publish_ns, sequence & 0xFFFFFFFF)
        self.messages += 1

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


class _Disk:
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
