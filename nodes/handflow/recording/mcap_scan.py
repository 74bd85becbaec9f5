"""The bytes of an MCAP file, whole or not: walked record by record, each checked for what it says of its own length.

Where that fails, the walk goes on at the next whole chunk; in a file without chunks, at the next few messages in a row.
A chunk's content is checked (CRC) when it is read.
"""

import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import lz4.frame
import zstandard
from mcap.opcode import Opcode

from handflow.errors import DamagedChunk

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")  # opcode, length of what follows
CHUNK = struct.Struct("<QQQII")  # first and last log time, size and CRC of the records in it, length of the next word
FOOTER = struct.Struct("<QQI")  # where the summary and its offsets begin, CRC of all up to here
MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
MAYBE_MESSAGE = re.compile(rb"\x05.{5}\x00\x00\x00", re.DOTALL)
IN_A_ROW = 3  # records that must follow each other before bytes are believed to be messages
LOOSE_BYTES = 4 * 2**20  # messages without a chunk that are read together
MAYBE_CHUNK = re.compile(rb"\x06.{5}\x00\x00\x00", re.DOTALL)  # none is as long as 2^40 bytes
LONGEST = 2**30  # bytes that a chunk may come to: what says more is damage, and must not be believed


class Span(NamedTuple):
    """Bytes of the file that are nothing that was written."""

    start: int
    end: int


class McapRecord(NamedTuple):
    """One record of the file."""

    opcode: int
    start: int  # of the record
    end: int


def walk(data: mmap.mmap | bytes) -> Iterator[McapRecord | Span]:
    """The records of the data section, in order, and what lies between them that is none. Ends with DataEnd."""
    at, size = len(MAGIC), len(data)
    loose = False
    if data[:at] != MAGIC:
        at = 0
        yield Span(0, at := _next_chunk(data, 0))
    while at < size:
        end = _end(data, at)
        if not end:
            after = _next_messages(data, at + 1) if loose else _next_chunk(data, at + 1)
            yield Span(at, after)
            at = after
            continue
        loose = data[at] == Opcode.MESSAGE or (loose and data[at] != Opcode.CHUNK)
        yield McapRecord(data[at], at, end)
        if data[at] == Opcode.DATA_END:
            return
        at = end


def summary_of(data: mmap.mmap | bytes) -> Iterator[McapRecord]:
    """The records behind the data section of a file whose index is whole."""
    start, _, _ = FOOTER.unpack_from(data, len(data) - len(MAGIC) - FOOTER.size)
    start = start or len(data) - len(MAGIC) - HEAD.size - FOOTER.size
    while data[start] != Opcode.FOOTER:
        opcode, length = HEAD.unpack_from(data, start)
        yield McapRecord(opcode, start, start + HEAD.size + length)
        start += HEAD.size + length


def _next_chunk(data: mmap.mmap | bytes, start: int) -> int:
    """Where the next record that looks like a chunk begins; the end of the file if none does."""
    for match in MAYBE_CHUNK.finditer(data, start):
        if _end(data, match.start()):
            return match.start()
    return len(data)


def _next_messages(data: mmap.mmap | bytes, start: int) -> int:
    """Where the next messages of a file without chunks begin; the end of the file if none do."""
    for match in MAYBE_MESSAGE.finditer(data, start):
        at = match.start()
        for _ in range(IN_A_ROW):
            at = at and _end(data, at)
            if at and data[at] == Opcode.DATA_END:
                break
        if at:
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


class Chunk(NamedTuple):
    """Where a chunk lies in the file, in bytes, and the span of its messages."""

    start: int
    end: int
    first_ns: int  # log times
    last_ns: int


def chunk_of(data: mmap.mmap | bytes, found: McapRecord) -> Chunk:
    """The chunk whose record was found in `data`."""
    first, last, *_ = CHUNK.unpack_from(data, found.start + HEAD.size)
    return Chunk(found.start, found.end, first, last)


def with_loose(data: mmap.mmap | bytes, chunks: list[Chunk], found: McapRecord) -> None:
    """Adds a message that stands in no chunk: to the messages before it, or as the first of a chunk without a head."""
    _, _, log_ns, _ = MESSAGE.unpack_from(data, found.start + HEAD.size)
    last = chunks[-1] if chunks else None
    if last is None or last.end != found.start or last.end - last.start > LOOSE_BYTES or not _is_loose(data, last):
        chunks.append(Chunk(found.start, found.end, log_ns, log_ns))
    else:
        chunks[-1] = Chunk(last.start, found.end, min(last.first_ns, log_ns), max(last.last_ns, log_ns))


def _is_loose(data: mmap.mmap | bytes, chunk: Chunk) -> bool:
    return data[chunk.start] == Opcode.MESSAGE


def records_of(data: mmap.mmap | bytes, chunk: Chunk) -> Iterator[tuple[int, memoryview]]:
    """(opcode, content) of each record in the chunk. DamagedChunk."""
    plain = data[chunk.start : chunk.end] if _is_loose(data, chunk) else _unpacked(data, chunk)
    view, at = memoryview(plain), 0
    while at + HEAD.size <= len(view):
        opcode, length = HEAD.unpack_from(view, at)
        yield opcode, view[at + HEAD.size : at + HEAD.size + length]
        at += HEAD.size + length


def _unpacked(data: mmap.mmap | bytes, chunk: Chunk) -> bytes:
    """The records of a chunk as they were before they were compressed. DamagedChunk."""
    body = chunk.start + HEAD.size
    _, _, size, crc, word = CHUNK.unpack_from(data, body)
    form = data[body + CHUNK.size : body + CHUNK.size + word]
    packed = data[body + CHUNK.size + word + 8 : chunk.end]
    try:
        if size > LONGEST:
            raise ValueError(f"a chunk of {size} bytes")
        if form == b"zstd":
            # Some writers leave the size out of the frame.
            if zstandard.frame_content_size(packed) not in (size, -1):
                raise ValueError("another size")
            plain = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
        else:
            plain = lz4.frame.decompress(packed) if form == b"lz4" else packed
    except (ValueError, RuntimeError, MemoryError, zstandard.ZstdError) as error:
        raise DamagedChunk(f"damaged at byte {chunk.start}") from error
    if len(plain) != size or (crc and zlib.crc32(plain) != crc):
        raise DamagedChunk(f"damaged at byte {chunk.start}")
    return plain


def index_is_whole(data: mmap.mmap | bytes) -> bool:
    """Whether the summary behind the data section is what its checksum says."""
    footer = len(data) - len(MAGIC) - HEAD.size - FOOTER.size
    if footer < 0 or data[footer] != Opcode.FOOTER:
        return False
    start, _, crc = FOOTER.unpack_from(data, footer + HEAD.size)
    if not crc:
        # Not every tool writes one; nor a summary.
        return start <= footer
    return bool(0 < start <= footer and zlib.crc32(data[start : len(data) - len(MAGIC) - 4]) == crc)
