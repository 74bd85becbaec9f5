"""The table of a running graph: as `top --json` has it, live in a terminal, or a line a second."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
from rich import box
from rich.table import Table

from handflow.runtime.address import masked

from .child import Child

Row = dict[str, Any]  # one line of `top`

NO_SPREAD = {"p50": 0.0, "p99": 0.0}
EMPTY_ROW: Row = {
    "node": "",
    "pid": None,
    "state": "starting",
    "fps_in": 0.0,
    "fps_out": 0.0,
    "work_ms": NO_SPREAD,
    "age_ms": NO_SPREAD,
    "skipped": 0,
    "lost": 0,
    "refused": 0,
    "restarts": 0,
    "swaps": 0,
    "next": "",  # how far the process is that is to take over
    "note": "",
    "fault": "",
    "cpu_percent": 0.0,
    "rss_mb": 0.0,
}


def row(child: Child, successor: str) -> Row:
    """What is known of a node; `successor`: the state of the process that is to take over from it."""
    status: Mapping[str, Any] = child.status or {}
    cpu = rss = 0.0
    if child.process and child.usage:
        with contextlib.suppress(psutil.Error, OSError):
            cpu, rss = child.usage.cpu_percent(), child.usage.memory_info().rss / 2**20
    state = "ended" if child.ended else status.get("state", "starting") if child.process else "restarting"
    return {
        **EMPTY_ROW,
        **{key: status[key] for key in EMPTY_ROW.keys() & status.keys()},
        "note": masked(status.get("note", "")),
        "fault": masked(status.get("fault", "")),
        "node": child.stage.name,
        "pid": child.process.pid if child.process else None,
        "state": state,
        "restarts": child.restarts,
        "swaps": child.swaps,
        "next": successor,
        "cpu_percent": round(cpu, 1),
        "rss_mb": round(rss, 1),
    }


def table(rows: Sequence[Row]) -> Table:
    """A row per node. Ages and work are medians; `p99` stands beside the age because that is what players feel."""
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    out.add_column("stage")
    several = any(row.get("on") for row in rows)
    if several:
        out.add_column("on")
    for column in ("fps in", "fps out", "work ms", "age ms", "p99", "skipped", "CPU %", "restarts"):
        out.add_column(column, justify="right")
    out.add_column("")
    for row in rows:
        state = [] if row["state"] == "running" else [row["state"]]
        state += [f"next one {row['next']}"] if row["next"] else []
        state += [f"swapped {row['swaps']} times" if row["swaps"] > 1 else "swapped once"] if row["swaps"] else []
        lost = [f"{row[key]} {key}" for key in ("lost", "refused") if row[key]]
        out.add_row(
            row["node"],
            *[row.get("on", "")] * several,
            f"{row['fps_in']:.1f}" if row["fps_in"] else "",
            f"{row['fps_out']:.1f}" if row["fps_out"] else "",
            f"{row['work_ms']['p50']:.1f}",
            f"{row['age_ms']['p50']:.1f}",
            f"{row['age_ms']['p99']:.1f}",
            str(row["skipped"]),
            f"{row['cpu_percent']:.0f}",
            str(row["restarts"]),
            ", ".join([*state, *lost, row["note"]] if row["note"] else [*state, *lost]),
        )
    out.caption = machines(rows)
    return out


def machines(rows: Sequence[Row]) -> str | None:
    """How far the clocks of the graph's other machines are from this one's; None: it has one."""
    found = {row["on"]: row for row in rows if row.get("on")}
    if not found:
        return None
    parts = []
    for name, row in found.items():
        if row["state"] == "unreachable":
            parts.append(f"{name}: does not answer")
        elif row["clock_ms"] is None:
            parts.append(f"{name}: clock not known yet")
        elif row["clock_ms"] or row["clock_error_ms"]:
            parts.append(f"{name}: clock {row['clock_ms']:+.3f} ms, to {row['clock_error_ms']:.3f} ms")
        else:
            parts.append(f"{name}: here")
    return "; ".join(parts)


def line(rows: Sequence[Row]) -> str:
    """The same in one line, for logs."""
    parts = []
    for row in rows:
        fps = max(row["fps_in"], row["fps_out"])
        state = "" if row["state"] == "running" else f" {row['state']}"
        note = f" ({row['note']})" if row["note"] else ""
        parts.append(f"{row['node']}{state} {fps:.1f} fps {row['work_ms']['p50']:.1f} ms{note}")
    return " | ".join(parts)
