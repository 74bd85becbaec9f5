"""Traces of a running graph: the nodes keep one while somebody wants it, and cost nothing else."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from handflow.errors import OutputError, Refused
from handflow.runtime.call_trace import CallRecord
from handflow.runtime.process.running_graph import RunningGraph

from .trace_file import TraceFile

MAX_READERS = 4
# Who has not asked for so long is not there any more.
READER_S = 5.0
MAX_RECORDS = 100_000  # that wait for a reader


@dataclass
class TraceReader:
    """Somebody who fetches the records."""

    asked_at: float
    records: deque[tuple[str, CallRecord]] = field(default_factory=lambda: deque(maxlen=MAX_RECORDS))


class Traces:
    """Who wants a trace. `file`: one of the whole run."""

    def __init__(self, running: RunningGraph, file: TraceFile | None) -> None:
        self.running, self.file = running, file
        self.readers: dict[str, TraceReader] = {}
        running.tracing = file is not None
        if file is not None:
            file.tracks(list(running.children))

    def take(self, node: str, records: Sequence[CallRecord]) -> None:
        """What a node has told."""
        for reader in self.readers.values():
            reader.records.extend((node, record) for record in records)
        if self.file is None or node not in self.running.children:
            return
        try:
            for record in records:
                self.file.add(node, record)
        except OutputError as error:
            self.running.say(f"{error}; the trace ends here, the graph goes on")
            self.file = None
            self._update()

    def read(self, token: str) -> dict[str, Any]:
        """What has come since the same reader's last request. Refused."""
        now = self.running.clock.now()
        if token not in self.readers and len(self.readers) >= MAX_READERS:
            raise Refused(f"{MAX_READERS} others trace this graph; try again when they are done")
        reader = self.readers.setdefault(token, TraceReader(now))
        reader.asked_at = now
        self._update()
        records, reader.records = list(reader.records), deque(maxlen=MAX_RECORDS)
        return {"nodes": list(self.running.children), "records": records}

    def end(self, token: str) -> None:
        """A reader has all that it wants."""
        self.readers.pop(token, None)
        self._update()

    def expire(self, now: float) -> None:
        """Forgets readers that have gone."""
        for token, reader in list(self.readers.items()):
            if now - reader.asked_at > READER_S:
                self.end(token)

    def _update(self) -> None:
        wanted = self.file is not None or bool(self.readers)
        if wanted != self.running.tracing:
            self.running.tracing = wanted
            for each in self.running.participants():
                each.send({"trace": wanted})
