"""The table of a running graph: live in a terminal, or a line a second."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from .supervisor import Row


def table(rows: Sequence[Row]) -> Table:
    """A row per node. Ages and work are medians; `p99` stands beside the age because that is what players feel."""
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    out.add_column("stage")
    for column in ("fps in", "fps out", "work ms", "age ms", "p99", "skipped", "CPU %", "restarts"):
        out.add_column(column, justify="right")
    out.add_column("")
    for row in rows:
        state = [] if row["state"] == "running" else [row["state"]]
        lost = [f"{row[key]} {key}" for key in ("lost", "refused") if row[key]]
        out.add_row(
            row["node"],
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
    return out


def line(rows: Sequence[Row]) -> str:
    """The same in one line, for logs."""
    parts = []
    for row in rows:
        fps = max(row["fps_in"], row["fps_out"])
        state = "" if row["state"] == "running" else f" {row['state']}"
        note = f" ({row['note']})" if row["note"] else ""
        parts.append(f"{row['node']}{state} {fps:.1f} fps {row['work_ms']['p50']:.1f} ms{note}")
    return " | ".join(parts)
