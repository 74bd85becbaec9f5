"""Records of calls -> a file in the Trace Event Format, which ui.perfetto.dev opens: a track per node, arrows between.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from handflow.runtime.call_trace import CallRecord, InputRecord
from handflow.runtime.files import result_text

# Sent messages that some node may still turn out to have read, and those read that nobody has turned out to have sent:
# the nodes' records come once a second each.
MAX_HELD = 20_000
# What other nodes did before the first record that came is told within this time after it.
BEFORE_NS = 5_000_000_000
GRAPH_PID = 1  # all nodes are tracks of one group

Place = tuple[int, int]  # a track, and the time in it


@contextmanager
def trace_file(file: Path, graph: Path) -> Iterator["TraceFile"]:
    """A trace that is in `file` once the block has ended well. OutputError."""
    with result_text(file) as out:
        trace = TraceFile(out, graph.name)
        yield trace
        trace.finish()


class TraceFile:
    """Writes records as they come; those of one node in their order, which keeps its track free of overlaps."""

    def __init__(self, out: TextIO, name: str) -> None:
        self._out = out
        self._tracks: dict[str, int] = {}
        self._ended_ns: dict[int, int] = {}  # where a track has come to
        self._zero_ns: int | None = None
        self._sent: dict[InputRecord, Place] = {}
        self._read: dict[InputRecord, list[Place]] = {}
        self._arrows = 0
        out.write('{"displayTimeUnit": "ms", "traceEvents": [\n')
        out.write(json.dumps({"ph": "M", "pid": GRAPH_PID, "name": "process_name", "args": {"name": name}}))

    def tracks(self, nodes: Sequence[str]) -> None:
        """The nodes in the order in which they are shown; others follow."""
        for node in nodes:
            if node not in self._tracks:
                number = self._tracks[node] = len(self._tracks) + 1
                self._meta("thread_name", number, name=node)
                self._meta("thread_sort_index", number, sort_index=number)

    def add(self, node: str, record: CallRecord) -> None:
        """One call of a node. OutputError."""
        self.tracks([node])
        track = self._tracks[node]
        if self._zero_ns is None:
            self._zero_ns = record.began_ns - BEFORE_NS
        before_ns = self._ended_ns.get(track)
        # The picture of a slow source was taken while the one before was still under way.
        began_ns = max(record.began_ns, before_ns or self._zero_ns)
        ended_ns = max(record.ended_ns, began_ns)
        if before_ns is not None and began_ns > before_ns:
            self._slice("waiting", track, before_ns, began_ns)
        for what, count in (("skipped", record.skipped), ("lost", record.lost)):
            if count > 0:
                args = {"messages": count}
                self._event("i", f"{what} {count}", track, began_ns, s="t", cat="skipped", args=args)
        self._slice("work", track, began_ns, ended_ns, args={"frame": record.seq, "stream": str(record.stream)})
        for each in record.inputs:
            self._arrow_to(each, (track, began_ns))
        last_ns = ended_ns
        for sent in record.sends:
            start_ns = max(sent.began_ns, began_ns if record.inputs else ended_ns)
            stop_ns = max(min(sent.ended_ns, ended_ns) if record.inputs else sent.ended_ns, start_ns)
            self._slice("sending", track, start_ns, stop_ns)
            self._arrow_from(InputRecord(node, record.stream, record.seq, sent.sent), (track, start_ns))
            last_ns = max(last_ns, stop_ns)
        self._ended_ns[track] = last_ns

    def finish(self) -> None:
        """Arrows whose other end never came are not drawn."""
        self._out.write("\n]}\n")

    def _arrow_from(self, message: InputRecord, place: Place) -> None:
        for reader in self._read.pop(message, ()):
            self._arrow(place, reader)
        self._sent[message] = place
        _limit(self._sent)

    def _arrow_to(self, message: InputRecord, place: Place) -> None:
        if message in self._sent:
            self._arrow(self._sent[message], place)
        else:
            self._read.setdefault(message, []).append(place)
            _limit(self._read)

    def _arrow(self, start: Place, end: Place) -> None:
        if end[1] >= start[1]:
            self._arrows += 1
            self._event("s", "frame", *start, id=self._arrows, cat="frame")
            self._event("f", "frame", *end, id=self._arrows, cat="frame", bp="e")

    def _slice(self, name: str, track: int, began_ns: int, ended_ns: int, **more: Any) -> None:
        self._event("X", name, track, began_ns, dur=(ended_ns - began_ns) / 1000, cat="call", **more)

    def _event(self, phase: str, name: str, track: int, at_ns: int, **more: Any) -> None:
        ts = (at_ns - (self._zero_ns or 0)) / 1000
        self._write({"ph": phase, "name": name, "pid": GRAPH_PID, "tid": track, "ts": ts, **more})

    def _meta(self, what: str, track: int, **args: Any) -> None:
        self._write({"ph": "M", "pid": GRAPH_PID, "tid": track, "name": what, "args": args})

    def _write(self, event: dict[str, Any]) -> None:
        self._out.write(",\n" + json.dumps(event))


def _limit(held: dict[InputRecord, Any]) -> None:
    while len(held) > MAX_HELD:
        del held[next(iter(held))]
