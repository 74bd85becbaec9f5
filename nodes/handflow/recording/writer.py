"""The recording file: MCAP, a channel for each output (channels.py), each message as in message_format.py.

Chunks end every 0.2 s and are forced to the disk: a kill or a power cut loses no more. What was recorded, of which
graph, with which models and where, stands in the metadata record `handflow` (metadata.py).
"""

from pathlib import Path
from typing import Literal

import msgpack
from mcap.writer import CompressionType, Writer

from handflow import __version__
from handflow.runtime.names import written

from .channels import STATUS, RecordedOutput
from .disk import Disk
from .metadata import RecordingMetadata

PROFILE = "handflow"
FLUSH_S = 0.2  # with what the encoder holds, a kill loses less than 0.5 s
CHUNK_BYTES = 4 * 2**20  # lossless pictures end a chunk before its time is over
Compression = Literal["zstd", "lz4", "none"]
COMPRESSIONS = {"zstd": CompressionType.ZSTD, "lz4": CompressionType.LZ4, "none": CompressionType.NONE}


class Recorder:
    """Writes one recording. Not thread-safe; whoever calls `add` now and then calls `flush` as well.

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
        try:
            self._begin(metadata, outputs)
        except OSError:
            self.abandon()
            raise

    def _begin(self, metadata: RecordingMetadata, outputs: list[RecordedOutput]) -> None:
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
        metadata = {"kind": output.kind, "run": written(output.run)}
        self._channels[output.name] = self._mcap.register_channel(output.name, encoding, schema, metadata)

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
