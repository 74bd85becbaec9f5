"""`handflow info`: what is in a recording: its outputs, their rates and gaps, and what it says of its making."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handflow.errors import DamagedChunk
from handflow.runtime.address import masked_in
from handflow.runtime.profile import spread_ms

from .channels import STATUS
from .reader import RecordedMessage, Recording

GAP = 2.5  # times the usual step from one message to the next
GAP_S = 0.05


class Row(NamedTuple):
    """What is counted of one message."""

    sent_ns: int
    counter: int  # its node's own
    size: int  # bytes
    age_ns: int  # from the picture's capture to its sending


def summary(file: Path) -> dict[str, Any]:
    """What `info --json` prints. RecordingError."""
    recording = Recording(file)
    entries: dict[str, list[Row]] = {name: [] for name in recording.names()}
    damaged = 0
    for chunk in recording.chunks:
        try:
            for entry in recording.entries_of(chunk):
                if entry.output != STATUS:
                    entries.setdefault(entry.output, []).append(_row(recording, entry))
        except DamagedChunk:
            damaged += 1
    times = [row.sent_ns for rows in entries.values() for row in rows]
    start = min(times, default=0)
    metadata = recording.metadata
    return {
        "file": str(file),
        "size_mb": round(len(recording.data) / 1e6, 3),
        "duration_s": round((max(times, default=0) - start) / 1e9, 3),
        "fault": recording.fault(),
        "damaged": damaged + len(recording.damage),
        "outputs": [
            {"output": name, "type": recording.outputs[name].kind, **_figures(rows, start)}
            for name, rows in entries.items()
        ],
        **(masked_in(metadata._asdict()) if metadata else {}),
    }


def _row(recording: Recording, entry: RecordedMessage) -> Row:
    age_ns = entry.publish_ns - recording.time_of(entry)
    return Row(entry.publish_ns, entry.sequence, len(entry.data), age_ns)


def _figures(rows: list[Row], start_ns: int) -> dict[str, Any]:
    """Of one output: how many messages, how often, how many are missing, and where none came for longer than usual."""
    times = np.array([row.sent_ns for row in rows], np.int64)
    steps = np.diff(times) / 1e9
    counters = np.diff(np.array([row.counter for row in rows], np.int64))
    usual = float(np.median(steps)) if len(steps) else 0.0
    wide = np.flatnonzero(steps > max(GAP * usual, GAP_S))
    seconds = float(times[-1] - times[0]) / 1e9 if len(times) > 1 else 0.0
    return {
        "messages": len(rows),
        "hz": round((len(rows) - 1) / seconds, 2) if seconds else 0.0,
        "mb": round(sum(row.size for row in rows) / 1e6, 3),
        "age_ms": spread_ms([row.age_ns for row in rows]),
        "lost": int(np.maximum(counters - 1, 0).sum()),  # a node that was started again counts from 1
        "gaps": [{"t": round(float(times[i] - start_ns) / 1e9, 3), "s": round(float(steps[i]), 3)} for i in wide],
    }
