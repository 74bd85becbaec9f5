"""Reads recordings, whole or not: cut off by a kill or a power cut, or damaged somewhere in the middle.

The file is walked record by record, and every record is checked for what it says of its own length. Where that fails,
the walk goes on at the next whole chunk. A chunk's bytes are checked (CRC) when they are read.
"""

import mmap
import os
import re
import struct
import zlib
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import lz4.frame
import msgpack
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Header, Metadata, Schema

from .messages import Message
from .recording import PROFILE, STATUS, Facts, Output, RecordingError, kind_of, unpack
from .runtime.wire import VERSION

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")  # opcode, length of what follows
CHUNK = struct.Struct("<QQQII")  # first and last log time, size and CRC of the records in it, length of the next word
MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
FOOTER = struct.Struct("<QQI")  # where the summary and its offsets begin, CRC of all up to here
MAYBE_CHUNK = re.compile(rb"\x06.{5}\x00\x00\x00", re.DOTALL)  # none is as long as 2^40 bytes
LONGEST = 2**30  # bytes that a chunk may come to: what says more is damage, and must not be believed


class Damaged(RecordingError):  # noqa: N818 (an event that recover expects)
    """A chunk whose bytes are not what was written."""


class Span(NamedTuple):
    """Bytes of the file that are nothing that was written."""

    start: int
    end: int


class Found(NamedTuple):
    """One record of the file."""

    opcode: int
    start: int  # of the record
    end: int


class Entry(NamedTuple):
    """One recorded message, as the file has it."""

    output: str
    log_ns: int  # when it was recorded
    publish_ns: int  # when its node sent it
    sequence: int  # the producer's own counter
    data: bytes


def walk(data: mmap.mmap | bytes) -> Iterator[Found | Span]:
    """The records of the data section, in order, and what lies between them that is none. Ends with DataEnd."""
    at, size = len(MAGIC), len(data)
    if data[:at] != MAGIC:
        at = 0
        yield Span(0, at := _next_chunk(data, 0))
    while at < size:
        end = _end(data, at)
        if not end:
            after = _next_chunk(data, at + 1)
            yield Span(at, after)
            at = after
            continue
        yield Found(data[at], at, end)
        if data[at] == Opcode.DATA_END:
            return
        at = end


def _next_chunk(data: mmap.mmap | bytes, start: int) -> int:
    """Where the next record that looks like a chunk begins; the end of the file if none does."""
    for match in MAYBE_CHUNK.finditer(data, start):
        if _end(data, match.start()):
            return match.start()
    return len(data)


def _end(data: mmap.mmap | bytes, at: int) -> int:
    """Where the record at `at` ends; 0 if its length is not what its content says, or if it is cut off."""
    if at + HEAD.size > len(data):
        return 0
    opcode, length = HEAD.unpack_from(data, at)
    body = at + HEAD.size
    end = body + length
    if end > len(data):
        return 0
    if opcode == Opcode.CHUNK:
        return end if length == _chunk_length(data, body, end) else 0
    if opcode == Opcode.MESSAGE_INDEX:
        return end if length >= 6 and length == 6 + int.from_bytes(data[body + 2 : body + 6], "little") else 0
    if opcode == Opcode.DATA_END:
        return end if length == 4 else 0
    if opcode not in (Opcode.HEADER, Opcode.METADATA, Opcode.CHANNEL, Opcode.SCHEMA, Opcode.MESSAGE, Opcode.ATTACHMENT):
        return 0  # what only stands behind the data, or nowhere
    # Their lengths lie in several places: what follows must look like a record as well.
    follows = end + HEAD.size <= len(data) and data[end] in range(1, 16)
    return end if follows and length < LONGEST else 0


def _chunk_length(data: mmap.mmap | bytes, body: int, end: int) -> int:
    """How long the chunk's own fields say that it is; 0: nonsense."""
    if body + CHUNK.size + 16 > end:
        return 0
    *_, word = CHUNK.unpack_from(data, body)
    if data[body + CHUNK.size : body + CHUNK.size + min(word, 8)] not in (b"", b"zstd", b"lz4"):
        return 0
    (records,) = struct.unpack_from("<Q", data, body + CHUNK.size + word)
    return CHUNK.size + word + 8 + records


class ChunkAt(NamedTuple):
    start: int
    end: int
    first_ns: int  # log times
    last_ns: int


def chunk_at(data: mmap.mmap | bytes, found: Found) -> ChunkAt:
    first, last, *_ = CHUNK.unpack_from(data, found.start + HEAD.size)
    return ChunkAt(found.start, found.end, first, last)


def records_of(data: mmap.mmap | bytes, chunk: ChunkAt) -> Iterator[tuple[int, memoryview]]:
    """(opcode, content) of each record in the chunk. Damaged."""
    body = chunk.start + HEAD.size
    _, _, size, crc, word = CHUNK.unpack_from(data, body)
    form = data[body + CHUNK.size : body + CHUNK.size + word]
    packed = data[body + CHUNK.size + word + 8 : chunk.end]
    try:
        if size > LONGEST:
            raise ValueError(f"a chunk of {size} bytes")
        if form == b"zstd":
            if zstandard.frame_content_size(packed) != size:
                raise ValueError("another size")
            plain = zstandard.decompress(packed)
        else:
            plain = lz4.frame.decompress(packed) if form == b"lz4" else packed
    except (ValueError, RuntimeError, MemoryError, zstandard.ZstdError) as error:
        raise Damaged(f"damaged at byte {chunk.start}") from error
    if len(plain) != size or (crc and zlib.crc32(plain) != crc):
        raise Damaged(f"damaged at byte {chunk.start}")
    view, at = memoryview(plain), 0
    while at + HEAD.size <= len(view):
        opcode, length = HEAD.unpack_from(view, at)
        yield opcode, view[at + HEAD.size : at + HEAD.size + length]
        at += HEAD.size + length


class Recording:
    """A file that was recorded. RecordingError if it is none; what is wrong with one is told by `fault` and `cut`."""

    def __init__(self, file: Path) -> None:
        self.file = Path(file)
        self.data = _mapped(self.file)
        self.chunks: list[ChunkAt] = []
        self.damage: list[Span] = []
        self.cut: int | None = None  # where the file breaks off, if it does
        self.index = True  # whether what stands behind the messages is whole; only other programs need it
        self.facts: Facts | None = None  # None: damaged
        self.outputs: dict[str, Output] = {}
        self._channels: dict[int, Output] = {}
        self._schemas: dict[int, str] = {}
        self._library = ""
        self._walk()
        self._refuse()

    def entries(self, outputs: Collection[str] | None = None, since_ns: int = 0) -> Iterator[Entry]:
        """Every message in the order of the file, from the first chunk that reaches `since_ns`. RecordingError."""
        if self.damage:
            raise RecordingError(self.fault())
        for chunk in self.chunks:
            if chunk.last_ns >= since_ns:
                try:
                    yield from self.entries_of(chunk, outputs)
                except Damaged:
                    raise RecordingError(self.fault(chunk.start)) from None

    def entries_of(self, chunk: ChunkAt, outputs: Collection[str] | None = None) -> Iterator[Entry]:
        """The messages of one chunk. Damaged."""
        for opcode, content in records_of(self.data, chunk):
            if opcode != Opcode.MESSAGE:
                self._define(opcode, content)
                continue
            channel, sequence, log_ns, publish_ns = MESSAGE.unpack_from(content)
            output = self._channels.get(channel) or self._named(channel, content[MESSAGE.size :])
            if outputs is None or output.name in outputs:
                yield Entry(output.name, log_ns, publish_ns, sequence, bytes(content[MESSAGE.size :]))

    def messages(self, output: str) -> Iterator[Message]:
        """Every message of one output. RecordingError."""
        kind = kind_of(self.output(output))
        for entry in self.entries([output]):
            yield unpack(entry.data, kind)

    def output(self, name: str) -> Output:
        if name not in self.outputs:
            raise RecordingError(f"{self.file}: no output {name!r}; it has {', '.join(self.names()) or 'none'}")
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
                self.chunks.append(chunk_at(self.data, found))
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
            self.index = _index_is_whole(self.data)
        for chunk in self.chunks:  # the outputs are told in the first that is whole
            try:
                for opcode, record in records_of(self.data, chunk):
                    self._define(opcode, record)
            except Damaged:
                continue
            break

    def _refuse(self) -> None:
        """RecordingError if the file is not ours, or of another version."""
        if self.data[: len(MAGIC)] != MAGIC and not self.chunks:
            raise RecordingError(f"{self.file}: not a recording; an MCAP file made by `handflow record` expected")
        if self.facts is not None and self.facts.wire != VERSION:
            raise RecordingError(
                f"{self.file}: recorded by handflow {self.facts.handflow}, whose messages are of version "
                f"{self.facts.wire}; {VERSION} expected: play it with that version"
            )
        if self.facts is None and self._library and not self._library.startswith(PROFILE):
            raise RecordingError(f"{self.file}: an MCAP file of {self._library!r}, not a recording of handflow")
        if self.facts is None and not self.chunks:
            raise RecordingError(f"{self.file}: breaks off before the first message ({len(self.data)} bytes)")

    def _note(self, content: bytes) -> bool:
        """Takes in a metadata record; whether it is as it was written."""
        try:
            record = Metadata.read(_stream(content))
            if record.name == PROFILE:
                self.facts = Facts.read(record.metadata)
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
                self._add(channel.id, Output(channel.topic, kind, run, self._schemas.get(channel.schema_id, "")))
        except (ValueError, McapError):
            return

    def _named(self, channel: int, data: memoryview) -> Output:
        """A channel whose definition is lost: the message itself says what it is, and who sent it."""
        try:
            packed = msgpack.unpackb(data)
            output = Output(packed["hops"][-1][0], packed["type"])
        except (ValueError, KeyError, IndexError, TypeError, msgpack.UnpackException):
            output = Output(STATUS, "")
        return self._add(channel, output)

    def _add(self, channel: int, output: Output) -> Output:
        self.outputs[output.name] = self._channels[channel] = output
        return output


def _stream(content: bytes | memoryview) -> ReadDataStream:
    return ReadDataStream(BytesIO(content))


def _library(content: bytes) -> str:
    try:
        return Header.read(_stream(content)).library
    except (ValueError, McapError):
        return ""


def _index_is_whole(data: mmap.mmap | bytes) -> bool:
    """Whether the summary behind the data section is what its checksum says."""
    footer = len(data) - len(MAGIC) - HEAD.size - FOOTER.size
    if footer < 0 or data[footer] != Opcode.FOOTER:
        return False
    start, _, crc = FOOTER.unpack_from(data, footer + HEAD.size)
    return bool(0 < start <= footer and zlib.crc32(data[start : len(data) - len(MAGIC) - 4]) == crc)


def _mapped(file: Path) -> mmap.mmap | bytes:
    try:
        with open(file, "rb") as opened:
            if not os.fstat(opened.fileno()).st_size:
                raise RecordingError(f"{file}: empty; a recording expected")
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise RecordingError(f"{file}: cannot be read: {error.strerror}") from error
