"""Reads recordings, whole or not: cut off by a kill or a power cut, or damaged somewhere in the middle."""

import mmap
import os
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgpack
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Header, Metadata

from handflow.errors import DamagedChunk, RecordingError
from handflow.messages import Message
from handflow.runtime.transport.wire import VERSION

from .channels import STATUS, RecordedOutput, kind_of
from .definitions import Definitions, stream
from .mcap_scan import (
    HEAD,
    MAGIC,
    MESSAGE,
    Chunk,
    Span,
    chunk_of,
    index_is_whole,
    records_of,
    summary_of,
    walk,
    with_loose,
)
from .message_format import unpack
from .metadata import RecordingMetadata
from .timeline import JUMP_NS, Timeline, jumps_in
from .writer import PROFILE


class RecordedMessage(NamedTuple):
    """One recorded message, as the file has it."""

    output: str
    log_ns: int  # when it was recorded
    publish_ns: int  # when its node sent it
    sequence: int  # the producer's own counter
    data: bytes


MAX_NS = 2**63 - 1  # of a clock, in our messages


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
        self._library = ""
        self._definitions = Definitions()
        self.outputs = self._definitions.outputs
        self._walk()
        self._refuse()

    def entries(self, outputs: Collection[str] | None = None, since_ns: int = 0) -> Iterator[RecordedMessage]:
        """Every message, from the first chunk that reaches `since_ns`, in the order of the file. RecordingError.

        What another tool wrote is in the order of its times.
        """
        if self.damage:
            raise RecordingError(self.fault())
        if not self._is_ordered:
            yield from self._sorted(outputs)
            return
        for chunk in self.chunks:
            if chunk.last_ns >= since_ns:
                yield from self._whole(chunk, outputs)

    def _sorted(self, outputs: Collection[str] | None) -> Iterator[RecordedMessage]:
        places = [
            (entry.log_ns, chunk, number)
            for chunk in range(len(self.chunks))
            for number, entry in enumerate(self._whole(self.chunks[chunk], outputs))
        ]
        read, entries = -1, list[RecordedMessage]()
        for _, chunk, number in sorted(places, key=lambda place: place[0]):
            if chunk != read:
                read, entries = chunk, list(self._whole(self.chunks[chunk], outputs))
            yield entries[number]

    def _whole(self, chunk: Chunk, outputs: Collection[str] | None = None) -> Iterator[RecordedMessage]:
        try:
            yield from self.entries_of(chunk, outputs)
        except DamagedChunk:
            raise RecordingError(self.fault(chunk.start)) from None

    def entries_of(self, chunk: Chunk, outputs: Collection[str] | None = None) -> Iterator[RecordedMessage]:
        """The messages of one chunk. DamagedChunk."""
        for opcode, content in records_of(self.data, chunk):
            if opcode != Opcode.MESSAGE:
                self._definitions.add(opcode, content)
                continue
            channel, sequence, *times_ns = MESSAGE.unpack_from(content)
            # What no clock says stands for no time.
            log_ns, publish_ns = (0 if at_ns > MAX_NS else at_ns for at_ns in times_ns)
            output = self._definitions.output_of(channel, content[MESSAGE.size :])
            if outputs is None or output.name in outputs:
                data = bytes(content[MESSAGE.size :])
                yield RecordedMessage(output.name, log_ns, publish_ns or log_ns or _captured_ns(data), sequence, data)

    def messages(self, output: str) -> Iterator[Message]:
        """Every message of one output. RecordingError."""
        kind = kind_of(self.output(output))
        for entry in self.entries([output]):
            yield unpack(entry.data, kind)

    @cached_property
    def start_ns(self) -> int:
        """When the first frame was captured."""
        return min(self._captured(self.chunks[:1] if self._is_ordered else self.chunks), default=0)

    @cached_property
    def span_ns(self) -> int:
        """From the first frame to one step after the last."""
        times = sorted(set(self._captured(self.chunks[-2:] if self._is_ordered else self.chunks)))
        step = times[-1] - times[-2] if len(times) > 1 else 0
        return max(times[-1] + step - self.start_ns, 0) if times else 0

    def frame_after(self, ns: int) -> int | None:
        """When the first frame after `ns` was captured."""
        if not self._is_ordered:
            return min((captured for captured in self._captured(self.chunks) if captured > ns), default=None)
        for chunk in self.chunks:
            if chunk.last_ns > ns:
                later = [captured for captured in self._captured([chunk]) if captured > ns]
                if later:
                    return min(later)
        return None

    @cached_property
    def timeline(self) -> Timeline:
        """The recording's times, less the jumps in them."""
        times: list[int] = []
        for chunk in self.chunks:
            if self._is_ordered and chunk.last_ns - chunk.first_ns <= JUMP_NS:
                times += [chunk.first_ns, chunk.last_ns]
            else:
                times += [entry.log_ns for entry in self._whole(chunk)]
        return Timeline(jumps_in(sorted(times)))

    def time_of(self, entry: RecordedMessage) -> int:
        """When the frame that a message stems from was captured; of another tool's, when it was recorded."""
        return entry.log_ns or entry.publish_ns if self.output(entry.output).foreign else _captured_ns(entry.data)

    def is_ordered(self, output: str) -> bool:
        """Whether a later chunk has no earlier message of the output, by `time_of`."""
        return self._is_ordered or (self.output(output).foreign and self._times == sorted(self._times))

    @cached_property
    def _is_ordered(self) -> bool:
        """Whether the chunks follow each other in time, by the clock of the frames, as `handflow record` has them."""
        if not self._library.startswith(PROFILE):
            return False
        try:
            first_ns = min(self._captured(self.chunks[:1]), default=0)
        except RecordingError:
            # Whoever reads the first chunk is told.
            first_ns = 0
        return not self._times or (self._times == sorted(self._times) and self._times[1] >= first_ns)

    @property
    def _times(self) -> list[int]:
        """When each chunk begins and ends."""
        return [time for chunk in self.chunks for time in (chunk.first_ns, chunk.last_ns)]

    def _captured(self, chunks: Sequence[Chunk]) -> Iterator[int]:
        for chunk in chunks:
            for entry in self._whole(chunk):
                if entry.output != STATUS:
                    yield self.time_of(entry)

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

    def require_ours(self) -> None:
        """RecordingError if nothing in it is of handflow."""
        if not self.is_ours:
            by = repr(self._library) if self._library else "another tool"
            raise RecordingError(f"{self.file}: expected a recording of handflow, got one of {by}")

    @property
    def is_ours(self) -> bool:
        """Whether any of its outputs is of handflow, or it has none."""
        return not self.names() or not all(self.outputs[name].foreign for name in self.names())

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
            if found.opcode == Opcode.MESSAGE:
                with_loose(self.data, self.chunks, found)
                continue
            content = self.data[found.start + HEAD.size : found.end]
            if found.opcode == Opcode.METADATA and not self._note(content):
                self.damage.append(Span(found.start, found.end))
            if found.opcode == Opcode.HEADER:
                self._library = _library(content)
            ended |= found.opcode == Opcode.DATA_END
            self._definitions.add(found.opcode, content)
        if not ended or self.data[-len(MAGIC) :] != MAGIC:
            at_end = self.damage and self.damage[-1].end == len(self.data)
            self.cut = self.damage.pop().start if at_end else len(self.data)
        else:
            self.index = index_is_whole(self.data)
            for record in summary_of(self.data) if self.index else ():
                self._definitions.add(record.opcode, self.data[record.start + HEAD.size : record.end])
        # The first chunk that is whole defines all outputs; other tools define each where it is first used, and in the
        # index. A message without a definition says itself what it is.
        known = self.index and self.cut is None and self.outputs and not self._definitions.nameless
        for chunk in [] if known else self.chunks:
            try:
                for _ in self.entries_of(chunk):
                    pass
            except DamagedChunk:
                continue
            if self._library.startswith(PROFILE):
                break

    def _refuse(self) -> None:
        """RecordingError if the file is none, holds nothing, or is one of ours of another version."""
        if self.data[: len(MAGIC)] != MAGIC and not self.chunks:
            raise RecordingError(f"{self.file}: expected an MCAP file, as of `handflow record`, got something else")
        if self.metadata is not None and self.metadata.wire != VERSION:
            raise RecordingError(
                f"{self.file}: expected messages of version {VERSION}, got {self.metadata.wire}; "
                f"use handflow {self.metadata.handflow}, which recorded it"
            )
        if not self.chunks and self.cut is not None:
            raise RecordingError(f"{self.file}: breaks off before the first message ({len(self.data)} bytes)")
        if not self.chunks and self.metadata is None:
            by = f", made by {self._library!r}" if self._library else ""
            raise RecordingError(f"{self.file}: expected messages, got a recording without any{by}")

    def _note(self, content: bytes) -> bool:
        """Takes in a metadata record; whether it is as it was written."""
        try:
            record = Metadata.read(stream(content))
            if record.name == PROFILE:
                self.metadata = RecordingMetadata.read(record.metadata)
        except (ValueError, KeyError, TypeError, McapError):
            return False
        return True


def _captured_ns(data: bytes) -> int:
    """When the frame that a message of ours stems from was captured; 0 if it is none of ours."""
    try:
        return int(msgpack.unpackb(data)["captured_ns"])
    except (ValueError, KeyError, TypeError, msgpack.UnpackException):
        return 0


def _library(content: bytes) -> str:
    try:
        return Header.read(stream(content)).library
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
