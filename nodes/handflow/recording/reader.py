"""Reads recordings, whole or not: cut off by a kill or a power cut, or damaged somewhere in the middle."""

import mmap
import os
import struct
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import msgpack
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Header, Metadata, Schema

from handflow.errors import DamagedChunk, RecordingError
from handflow.messages import Message
from handflow.runtime.transport.wire import VERSION

from .channels import STATUS, RecordedOutput, kind_of
from .mcap_scan import HEAD, MAGIC, Chunk, Span, chunk_of, index_is_whole, records_of, summary_of, walk
from .message_format import unpack
from .metadata import RecordingMetadata
from .writer import PROFILE

MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time


class RecordedMessage(NamedTuple):
    """One recorded message, as the file has it."""

    output: str
    log_ns: int  # when it was recorded
    publish_ns: int  # when its node sent it
    sequence: int  # the producer's own counter
    data: bytes


class Recording:
    """A file that was recorded. RecordingError if it is none; `fault` and `cut` say what is wrong with one."""

    def __init__(self, file: Path) -> None:
        self.file = Path(file)
        self.data = _mapped(self.file)
        self.chunks: list[Chunk] = []
        self.damage: list[Span] = []
        self.cut: int | None = None  # where the file breaks off, if it does
        self.index = True  # whether what stands behind the messages is whole; only other programs need it
        self.metadata: RecordingMetadata | None = None  # None: damaged
        self.outputs: dict[str, RecordedOutput] = {}
        self._channels: dict[int, RecordedOutput] = {}
        self._schemas: dict[int, str] = {}
        self._library = ""
        self._walk()
        self._refuse()

    def entries(self, outputs: Collection[str] | None = None, since_ns: int = 0) -> Iterator[RecordedMessage]:
        """Every message in the order of the file, from the first chunk that reaches `since_ns`. RecordingError."""
        if self.damage:
            raise RecordingError(self.fault())
        for chunk in self.chunks:
            if chunk.last_ns >= since_ns:
                try:
                    yield from self.entries_of(chunk, outputs)
                except DamagedChunk:
                    raise RecordingError(self.fault(chunk.start)) from None

    def entries_of(self, chunk: Chunk, outputs: Collection[str] | None = None) -> Iterator[RecordedMessage]:
        """The messages of one chunk. DamagedChunk."""
        for opcode, content in records_of(self.data, chunk):
            if opcode != Opcode.MESSAGE:
                self._define(opcode, content)
                continue
            channel, sequence, log_ns, publish_ns = MESSAGE.unpack_from(content)
            output = self._channels.get(channel) or self._named(channel, content[MESSAGE.size :])
            if outputs is None or output.name in outputs:
                yield RecordedMessage(output.name, log_ns, publish_ns, sequence, bytes(content[MESSAGE.size :]))

    def messages(self, output: str) -> Iterator[Message]:
        """Every message of one output. RecordingError."""
        kind = kind_of(self.output(output))
        for entry in self.entries([output]):
            yield unpack(entry.data, kind)

    @cached_property
    def start_ns(self) -> int:
        """When the first frame was captured."""
        return min((captured for captured in self._captured(self.chunks[:1])), default=0)

    @cached_property
    def span_ns(self) -> int:
        """From the first frame to one step after the last."""
        times = sorted(set(self._captured(self.chunks[-2:])))
        step = times[-1] - times[-2] if len(times) > 1 else 0
        return max(times[-1] + step - self.start_ns, 0) if times else 0

    def frame_after(self, ns: int) -> int | None:
        """When the first frame after `ns` was captured."""
        for chunk in self.chunks:
            if chunk.last_ns > ns:
                later = [captured for captured in self._captured([chunk]) if captured > ns]
                if later:
                    return min(later)
        return None

    def _captured(self, chunks: Sequence[Chunk]) -> Iterator[int]:
        for chunk in chunks:
            for entry in self.entries_of(chunk):
                if entry.output != STATUS:
                    yield captured_ns(entry.data)

    def output(self, name: str) -> RecordedOutput:
        if name not in self.outputs:
            raise RecordingError(f"{self.file}: expected an output {name!r}, got {', '.join(self.names()) or 'none'}")
        return self.outputs[name]

    def names(self, kind: type[Message] | None = None) -> list[str]:
        """The nodes whose outputs are in the file: all, or those that give messages of this class."""
        return [o.name for o in self.outputs.values() if o.name != STATUS and (not kind or o.kind == kind.__name__)]

    def fault(self, at: int | None = None) -> str:
        """What is wrong with the file, as one line; "" if nothing is."""
        if at is None and self.damage:
            at = self.damage[0].start
        if at is not None:
            return f"{self.file}: damaged at byte {at} of {len(self.data)}; {self._remedy()}"
        if self.cut is not None:
            return f"{self.file}: breaks off at byte {self.cut}: read up to there; {self._remedy()}"
        return "" if self.index else f"{self.file}: its index is damaged, its messages are whole; {self._remedy()}"

    def check(self, limit: int) -> None:
        """Reads every chunk of a file of at most `limit` bytes. RecordingError if one is damaged."""
        if self.damage:
            raise RecordingError(self.fault())
        if len(self.data) <= limit:
            for _ in self.entries():
                pass

    def _remedy(self) -> str:
        return f"handflow recover {self.file} -o OTHER.mcap keeps all that is whole"

    def _walk(self) -> None:
        ended = False
        for found in walk(self.data):
            if isinstance(found, Span):
                self.damage.append(found)
                continue
            if found.opcode == Opcode.CHUNK:
                self.chunks.append(chunk_of(self.data, found))
                continue
            content = self.data[found.start + HEAD.size : found.end]
            if found.opcode == Opcode.METADATA and not self._note(content):
                self.damage.append(Span(found.start, found.end))
            if found.opcode == Opcode.HEADER:
                self._library = _library(content)
            ended |= found.opcode == Opcode.DATA_END
            self._define(found.opcode, content)
        if not ended or self.data[-len(MAGIC) :] != MAGIC:
            at_end = self.damage and self.damage[-1].end == len(self.data)
            self.cut = self.damage.pop().start if at_end else len(self.data)
        else:
            self.index = index_is_whole(self.data)
            for record in summary_of(self.data) if self.index else ():
                self._define(record.opcode, self.data[record.start + HEAD.size : record.end])
        for chunk in self.chunks:  # the first that is whole has the definitions of all outputs
            try:
                for opcode, definition in records_of(self.data, chunk):
                    self._define(opcode, definition)
            except DamagedChunk:
                continue
            break

    def _refuse(self) -> None:
        """RecordingError if the file is not ours, or of another version."""
        if self.data[: len(MAGIC)] != MAGIC and not self.chunks:
            raise RecordingError(f"{self.file}: expected an MCAP file of `handflow record`, got something else")
        if self.metadata is not None and self.metadata.wire != VERSION:
            raise RecordingError(
                f"{self.file}: expected messages of version {VERSION}, got {self.metadata.wire}; "
                f"use handflow {self.metadata.handflow}, which recorded it"
            )
        if self.metadata is None and self._library and not self._library.startswith(PROFILE):
            raise RecordingError(f"{self.file}: expected a recording of handflow, got one of {self._library!r}")
        if not self.chunks and (self.metadata is None or self.cut is not None):
            raise RecordingError(f"{self.file}: breaks off before the first message ({len(self.data)} bytes)")

    def _note(self, content: bytes) -> bool:
        """Takes in a metadata record; whether it is as it was written."""
        try:
            record = Metadata.read(_stream(content))
            if record.name == PROFILE:
                self.metadata = RecordingMetadata.read(record.metadata)
        except (ValueError, KeyError, TypeError, McapError):
            return False
        return True

    def _define(self, opcode: int, content: bytes | memoryview) -> None:
        """A schema or channel, wherever it stands."""
        try:
            if opcode == Opcode.SCHEMA:
                schema = Schema.read(_stream(content))
                self._schemas[schema.id] = schema.data.decode()
            elif opcode == Opcode.CHANNEL:
                channel = Channel.read(_stream(content))
                kind, run = (channel.metadata.get(key, "") for key in ("kind", "run"))
                self._add(
                    channel.id, RecordedOutput(channel.topic, kind, run, self._schemas.get(channel.schema_id, ""))
                )
        except (ValueError, McapError):
            return

    def _named(self, channel: int, data: memoryview) -> RecordedOutput:
        """A channel whose definition is lost: the message itself says what it is, and who sent it."""
        try:
            packed = msgpack.unpackb(data)
            output = RecordedOutput(packed["hops"][-1][0], packed["type"])
        except (ValueError, KeyError, IndexError, TypeError, msgpack.UnpackException):
            output = RecordedOutput(STATUS, "")
        return self._add(channel, output)

    def _add(self, channel: int, output: RecordedOutput) -> RecordedOutput:
        self.outputs[output.name] = self._channels[channel] = output
        return output


def captured_ns(data: bytes) -> int:
    """When the frame that a message stems from was captured."""
    return int(msgpack.unpackb(data)["captured_ns"])


def _stream(content: bytes | memoryview) -> ReadDataStream:
    return ReadDataStream(BytesIO(content))


def _library(content: bytes) -> str:
    try:
        return Header.read(_stream(content)).library
    except (ValueError, McapError):
        return ""


def _mapped(file: Path) -> mmap.mmap | bytes:
    try:
        with open(file, "rb") as opened:
            if not os.fstat(opened.fileno()).st_size:
                raise RecordingError(f"{file}: expected a recording, got an empty file")
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise RecordingError(f"{file}: cannot be read: {error.strerror}") from error
