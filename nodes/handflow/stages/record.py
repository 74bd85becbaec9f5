"""Any outputs -> a recording: every message, as it was sent, with the graph, its models and the nodes' own figures.

`in: {camera: camera, hands: tracker}` names what is recorded; each is read with `keep: all`. A 720p picture takes 3 ms
of one core. A disk that is full or slow ends the recording, and the pipeline does not notice.
"""

import json
import threading
import time
from pathlib import Path
from typing import Annotated, Literal

from handflow.errors import RunError, SetupError
from handflow.recording.background_writer import BackgroundWriter, RecordingPlan
from handflow.recording.metadata import PictureFormat, metadata_of
from handflow.recording.writer import STATUS, outputs_of
from handflow.runtime.node import Node, Range
from handflow.runtime.process.control_client import ask
from handflow.runtime.transport.rundir import RunDir
from handflow.runtime.transport.wire import Packed

STATUS_S = 1.0
ANSWER_S = 10.0  # a minute of pictures is 400 MB


class Record(Node):
    """Records what it listens to."""

    keep = "all"

    file: Annotated[str, "MCAP; an existing file is kept: the next is named -2, -3 and so on"] = "recording.mcap"
    pictures: Annotated[Literal["jpeg", "png"], "png: without loss, 30 times slower"] = "jpeg"
    quality: Annotated[int, Range(1, 100), "of JPEG"] = 90
    compression: Annotated[Literal["zstd", "lz4", "none"], "of all that is no picture"] = "zstd"
    split_s: Annotated[float, Range(0, 86400), "a new file after so long; 0: never"] = 0.0
    split_mb: Annotated[float, Range(0, 1e6), "a new file at this size; 0: never"] = 0.0
    snapshot_s: Annotated[
        float, Range(0, 600), "keeps the last so many seconds in memory, for `handflow record --trigger`; 0: writes all"
    ] = 0.0
    keep_free_mb: Annotated[float, Range(0, 1e6), "ends the recording when the disk has no more than this left"] = 200.0
    waiting_mb: Annotated[
        float, Range(1, 1e5), "of memory for what the encoder or the disk has not done; more ends the recording"
    ] = 256.0
    overwrite: Annotated[bool, "writes over an existing file"] = False

    def start(self) -> None:
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
        self.writer = BackgroundWriter(plan, self.log.warning)
        self.persistent["began"] = True
        self.snapshots: Snapshots | None = None
        if self.snapshot_s and self.graph:
            self.snapshots = Snapshots(RunDir(Path(self.graph["file"]), on=self.graph["on"]).path, self.log.name)
        self.done = threading.Event()
        self.teller = threading.Thread(target=self._tell, name="status", daemon=True)
        self.teller.start()

    def process(self, **outputs: Packed) -> None:
        for message in outputs.values():
            self.writer.put(message)
        self._look()

    def idle(self) -> None:
        self._look()

    def stop(self) -> None:
        self.done.set()
        if self.snapshots is not None:
            self.snapshots.close()
        self.writer.close()
        self.log.info("%d messages, %.1f MB in %s", self.writer.messages, self.writer.written / 1e6, self.writer.file)

    def _look(self) -> None:
        """Tells the table how it goes, and looks whether a snapshot is asked for."""
        writer = self.writer
        self.note = f"stopped: {writer.stopped}" if writer.stopped else f"{writer.written / 1e6:.1f} MB"
        if writer.stopped:
            self.persistent["stopped"] = writer.stopped
        if self.snapshots is not None and self.snapshots.asked():
            writer.trigger(self.snapshots.answer)

    def _tell(self) -> None:
        """Records the table of `top` once a second: work, age, skipped messages and processor time of every node."""
        while self.graph and not self.done.wait(STATUS_S):
            try:
                rows = ask(Path(self.graph["file"]), "top", on=self.graph["on"] or None)
            except RunError:  # nodes started one by one have no supervisor
                continue
            self.writer.put_text(STATUS, json.dumps(rows))


class Snapshots:
    """How `handflow record --trigger` asks a recorder for its last seconds: by files in the graph's run directory."""

    def __init__(self, folder: Path, node: str) -> None:
        self._asked, self._answer = folder / f"{node}.trigger", folder / f"{node}.snapshot"
        self._asked.unlink(missing_ok=True)
        self._answer.write_text("", "utf-8")
        self._busy = False

    def asked(self) -> bool:
        """Whether it is asked, and has not been told so before."""
        if self._busy or not self._asked.exists():
            return False
        self._busy = True
        return True

    def answer(self, file: Path) -> None:
        """The snapshot lies in `file`."""
        self._answer.write_text(str(file), "utf-8")
        self._busy = False
        self._asked.unlink(missing_ok=True)

    def close(self) -> None:
        self._asked.unlink(missing_ok=True)
        self._answer.unlink(missing_ok=True)


def take_snapshots(directory: RunDir) -> list[str]:
    """Asks all recorders of a running graph that keep the last seconds; the files that they wrote. RunError."""
    nodes = [answer.stem for answer in directory.path.glob("*.snapshot") if directory.lock(answer.stem) is None]
    if not nodes:
        raise RunError(
            "nobody records the last seconds of this graph; start one: handflow record --snapshot 30 -o FILE"
        )
    for node in nodes:
        (directory.path / f"{node}.trigger").touch()
    deadline = time.monotonic() + ANSWER_S
    while waiting := [node for node in nodes if (directory.path / f"{node}.trigger").exists()]:
        if time.monotonic() > deadline:
            raise RunError(f"{', '.join(waiting)} has written no snapshot for {ANSWER_S:g} s")
        time.sleep(0.02)
    return [(directory.path / f"{node}.snapshot").read_text("utf-8") for node in nodes]
