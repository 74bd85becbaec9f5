"""Any outputs -> a recording: every message, as it was sent, with the graph, its models and the nodes' own figures.

`in: {camera: camera, hands: tracker}` names what is recorded; each is read with `keep: all`. A 720p picture takes 3 ms
of one core. A disk that is full or slow ends the recording, and the pipeline does not notice.
"""

import json
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Annotated, Literal

from handflow import Node, Packed, Range, SetupError
from handflow.errors import RunError
from handflow.recording.background_writer import BackgroundWriter, RecordingPlan
from handflow.recording.channels import STATUS, outputs_of
from handflow.recording.metadata import PictureFormat, metadata_of
from handflow.runtime.process.control_client import ask

STATUS_S = 1.0
SNAPSHOT = "snapshot"  # the command that has the last seconds written


class Record(Node):
    """Records what it listens to."""

    keep = "all"

    file: Annotated[str, "MCAP; an existing file is kept: the next is named -2, -3 and so on"] = "recording.mcap"
    pictures: Annotated[Literal["jpeg", "png"], "png: without loss, 30 times slower"] = "jpeg"
    quality: Annotated[int, Range(1, 100), "of JPEG"] = 90
    compression: Annotated[Literal["zstd", "lz4", "none"], "of all that is no picture"] = "zstd"
    split_s: Annotated[float, Range(0, 86400), "a new file after so long; 0: never"] = 0.0
    split_mb: Annotated[float, Range(0, 1e6), "a new file at this size; 0: never"] = 0.0
    recording: Annotated[bool, "false: reads and writes nothing, until it is set; each time begins a new file"] = True
    snapshot_s: Annotated[
        float, Range(0, 600), "keeps the last so many seconds in memory, for `handflow record --trigger`; 0: writes all"
    ] = 0.0
    keep_free_mb: Annotated[float, Range(0, 1e6), "ends the recording when the disk has no more than this left"] = 200.0
    waiting_mb: Annotated[
        float, Range(1, 1e5), "of memory for what the encoder or the disk has not done; more ends the recording"
    ] = 256.0
    overwrite: Annotated[bool, "writes over an existing file"] = False

    def start(self) -> None:
        self.writer = self._opened() if self.recording else None
        self.commands = {SNAPSHOT: self.snapshot} if self.snapshot_s else {}
        self.snapshots: list[Future[str]] = []  # asked for, and not written yet
        self.done = threading.Event()
        self._report()
        if self.writer is not None:
            args = (self.writer, self.done)
            threading.Thread(target=self._record_status, args=args, name="status", daemon=True).start()

    def _opened(self) -> BackgroundWriter:
        file = Path(self.file).absolute()
        if not file.parent.is_dir():
            raise SetupError(f"file {self.file}: there is no folder {file.parent}")
        pictures = PictureFormat(self.pictures, self.quality)
        again = bool(self.persistent.get("began"))  # after a crash of this process what it had written is kept
        plan = RecordingPlan(
            file=file,
            metadata=metadata_of(self.graph, pictures),
            outputs=outputs_of(self.graph, self.log.name),
            pictures=pictures,
            compression=self.compression,
            split_s=self.split_s,
            split_mb=self.split_mb,
            snapshot_s=self.snapshot_s,
            keep_free_mb=self.keep_free_mb,
            waiting_mb=self.waiting_mb,
            overwrite=self.overwrite and not again,
        )
        self.persistent["began"] = True
        return BackgroundWriter(plan, self.log.warning)

    def process(self, **outputs: Packed) -> None:
        if self.writer is None:
            return
        # `handflow record --for` counts from here.
        self.persistent.setdefault("first_s", time.monotonic())
        for message in outputs.values():
            self.writer.put(message)
        self._report()

    def idle(self) -> None:
        self._report()

    def snapshot(self, _: object) -> Future[str]:
        """Has the last seconds written; the file, once it is."""
        if self.writer is None:
            raise SetupError("nothing is recorded just now: set `recording` to true")
        written: Future[str] = Future()
        self.snapshots = [each for each in self.snapshots if not each.done()] + [written]
        self.writer.trigger(lambda file: written.set_result(str(file)))
        self._report()
        return written

    def stop(self) -> None:
        self.done.set()
        if self.writer is None:
            return
        self.writer.close()
        self._report()
        self.log.info("%d messages, %.1f MB in %s", self.writer.messages, self.writer.written / 1e6, self.writer.file)

    def _report(self) -> None:
        """Shows how it goes; a recording that has stopped writes no snapshot any more."""
        writer = self.writer
        if writer is None:
            self.note = self.fault = ""
            return
        self.note = f"stopped: {writer.stopped}" if writer.stopped else f"{writer.written / 1e6:.1f} MB"
        self.fault = f"recording stopped: {writer.stopped}" if writer.stopped else ""
        if writer.stopped:
            self.persistent["stopped"] = writer.stopped
            while self.snapshots:
                written = self.snapshots.pop()
                if not written.done():
                    written.set_exception(SetupError(f"the recording has stopped: {writer.stopped}"))

    def _record_status(self, writer: BackgroundWriter, done: threading.Event) -> None:
        """Records the table of `top` once a second: work, age, skipped messages and processor time of every node."""
        while self.graph and not done.wait(STATUS_S):
            try:
                rows = ask(Path(self.graph["file"]), "top", on=self.graph["on"] or None)
            except RunError:  # nodes started one by one have no supervisor
                continue
            writer.put_text(STATUS, json.dumps(rows))
