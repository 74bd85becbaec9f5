"""Messages -> recordings, in threads of its own: whoever records never waits for the encoder or the disk.

Pictures are copied and encoded by two threads, a third writes in order and forces everything to the disk every 0.2 s.
What cannot be written in time waits in memory; when that comes to too much, or the disk is full, the recording ends
with one line and the pipeline goes on. In snapshot mode the last seconds are kept in memory until they are asked for.
"""

import contextlib
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from handflow.errors import RecordingError
from handflow.messages import Message, now_ns
from handflow.runtime.awake_clock import Countdown
from handflow.runtime.files import cannot_write
from handflow.runtime.names import fitting
from handflow.runtime.transport.wire import copied

from .channels import RecordedOutput
from .message_format import pack, picture_of
from .metadata import PictureFormat, RecordingMetadata
from .writer import FLUSH_S, Compression, Recorder

NICE = 5
ENCODERS = 2  # a picture in PNG takes two frames' time
CLOSE_S = 1.5  # the supervisor kills after 2 s


class PendingMessage(NamedTuple):
    """A message on its way to the file."""

    output: str
    log_ns: int
    publish_ns: int
    sequence: int
    data: Future[bytes]


@dataclass
class RecordingPlan:
    """What is to be recorded, and how."""

    file: Path
    metadata: RecordingMetadata
    # Those that are known; of others their messages say what they are.
    outputs: list[RecordedOutput] = field(default_factory=list)
    pictures: PictureFormat = PictureFormat()
    compression: Compression = "zstd"
    split_s: float = 0.0  # 0: never
    split_mb: float = 0.0
    snapshot_s: float = 0.0  # 0: everything is written
    keep_free_mb: float = 200.0  # of the disk, for the system and for the index
    waiting_mb: float = 256.0  # of memory: 3 s of 720p that the encoders, or 40 s that the disk, may be behind
    overwrite: bool = True


class BackgroundWriter:
    """Records what it is given. `say` gets one line when a recording ends early, and one for every further file."""

    def __init__(self, plan: RecordingPlan, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.stopped = ""  # why, if it has
        self.written = 0  # bytes
        self.messages = 0
        self._say = say
        self._waiting = 0  # bytes
        self._entries: deque[PendingMessage] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._triggers: list[Callable[[Path], None]] = []
        self._files = 0
        self.file = plan.file  # the newest
        self._recorder = None if plan.snapshot_s else self._next()
        self._encoders = ThreadPoolExecutor(ENCODERS, "encoder", give_way)
        self._thread = threading.Thread(target=self._run, name="background writer", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Takes a message; its arrays may change as soon as this returns."""
        if self.stopped:
            return
        hop = message.hops[-1]
        picture = picture_of(message)
        if picture is not None:
            size = picture.nbytes
            data = self._encoders.submit(self._encode, copied(message), size)
        else:
            data = Future()
            data.set_result(pack(message, self.plan.pictures))
            size = len(data.result())
        self._take(PendingMessage(hop.node, now_ns(), hop.sent_ns, message.sent, data), size)

    def put_text(self, output: str, text: str) -> None:
        """Takes a text of a channel that is no node's."""
        data: Future[bytes] = Future()
        data.set_result(text.encode())
        at = now_ns()
        self._take(PendingMessage(output, at, at, 0, data), len(text))

    def trigger(self, done: Callable[[Path], None]) -> None:
        """Asks for the last seconds to be written; `done` gets the file."""
        with self._changed:
            self._triggers.append(done)
            self._changed.notify()

    def close(self) -> None:
        """Writes what is still waiting, and the index."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        wait = Countdown(CLOSE_S)
        while self._thread.is_alive() and not wait.over():
            self._thread.join(0.1)
        if self._thread.is_alive():
            self._stop(f"the disk has not taken the rest for {CLOSE_S:g} s: the last part of it is missing")
        self._encoders.shutdown(wait=False, cancel_futures=True)

    def _take(self, entry: PendingMessage, size: int) -> None:
        with self._changed:
            self._waiting += size
            self._entries.append(entry)
            self._changed.notify()
            slow = self._waiting > self.plan.waiting_mb * 1e6
        if slow:
            encoded = self._entries and self._entries[0].data.done()
            who = "disk takes" if encoded else "processor encodes"
            self._stop(f"the {who} less than comes: {self.plan.waiting_mb:g} MB were waiting")

    def _encode(self, message: Message, size: int) -> bytes:
        data = pack(message, self.plan.pictures)
        with self._changed:
            self._waiting += len(data) - size
        return data

    def _run(self) -> None:
        give_way()
        try:
            if self.plan.snapshot_s:
                self._hold()
            else:
                self._write()
        except (OSError, RecordingError) as error:
            self._fail(error)

    def _write(self) -> None:
        """Writes all that comes, until it is closed or stopped."""
        assert self._recorder is not None
        recorder, began, full = self._recorder, time.monotonic(), False
        due = began + FLUSH_S
        while (entry := self._entry(due)) is not None or not self._ended():
            now = time.monotonic()
            if entry is not None:
                # Not before there is something for it: the last file is never an empty one.
                if full:
                    recorder.close()
                    self._recorder = None
                    self._recorder = recorder = self._next()
                    began, full = now, False
                self._add(recorder, entry)
            if now < due:
                continue
            due = now + FLUSH_S
            recorder.flush()
            self._free()
            plan = self.plan
            if self.stopped:
                break
            too_long = plan.split_s and now - began >= plan.split_s
            full = bool(too_long or (plan.split_mb and recorder.size >= plan.split_mb * 1e6))
        recorder.close()
        self._recorder = None

    def _hold(self) -> None:
        """Keeps the last seconds, and writes them when asked."""
        held: deque[tuple[PendingMessage, int]] = deque()
        while (entry := self._entry(time.monotonic() + FLUSH_S)) is not None or not self._ended():
            if entry is not None:
                held.append((entry, len(entry.data.result())))
                with self._changed:
                    self._waiting -= held[-1][1]
            oldest_ns = now_ns() - round(self.plan.snapshot_s * 1e9)
            while held and held[0][0].log_ns < oldest_ns:
                held.popleft()
            while self._triggers:
                self._free()
                if self.stopped:
                    return
                done = self._triggers.pop(0)
                recorder = self._recorder = self._next()
                for each, _ in held:
                    recorder.add(each.output, each.data.result(), each.log_ns, each.publish_ns, each.sequence)
                recorder.close()
                self._recorder = None
                self.written += recorder.size
                done(recorder.file)

    def _entry(self, until: float) -> PendingMessage | None:
        """The next message; None if none has come by then, or a snapshot is asked for."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._entries or self._closing or self._triggers or self.stopped, until - time.monotonic()
            )
            return self._entries.popleft() if self._entries and not self.stopped else None

    def _ended(self) -> bool:
        return self._closing or bool(self.stopped)

    def _add(self, recorder: Recorder, entry: PendingMessage) -> None:
        data = entry.data.result()
        recorder.add(entry.output, data, entry.log_ns, entry.publish_ns, entry.sequence)
        self.messages += 1
        self.written += len(data)
        with self._changed:
            self._waiting -= len(data)

    def _next(self) -> Recorder:
        """The next file: as named, then -2, -3 before its ending; a stage's own never overwrites one."""
        plan, before = self.plan, self.file
        while True:
            self._files += 1
            self.file = numbered(plan.file, self._files)
            if plan.overwrite or not self.file.exists():
                break
        if self._files > 1:
            self._say(f"records into {self.file}")
        try:
            return Recorder(self.file, plan.metadata, plan.outputs, plan.compression)
        except OSError as error:
            file, self.file = self.file, before
            raise RecordingError(cannot_write(file, error)) from error

    def _free(self) -> None:
        folder = self.plan.file.parent
        free_mb = shutil.disk_usage(folder).free / 1e6
        if free_mb < self.plan.keep_free_mb:
            self._stop(f"the disk has {free_mb:.0f} MB left; keep_free_mb is {self.plan.keep_free_mb:g}")

    def _fail(self, error: Exception) -> None:
        if self._recorder is not None:
            self._recorder.abandon()
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        self._stop(why)

    def _stop(self, why: str) -> None:
        """Ends the recording for good; what is in the file stays."""
        with self._changed:
            if self.stopped:
                return
            self.stopped = why
            self._entries.clear()
            self._changed.notify()
        self._say(f"recording stopped: {why}; {self.file} has what came before")


def give_way() -> None:
    """The pipeline goes first: what is recorded may wait. On Linux each thread has a priority of its own."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def numbered(file: Path, number: int) -> Path:
    """The name of a recording's file of that number: the first has none in it."""
    return file if number == 1 else file.with_name(fitting(file.stem, f"-{number}{file.suffix}"))
