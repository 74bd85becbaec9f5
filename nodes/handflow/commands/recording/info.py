"""`handflow info FILE`: what is in a recording: outputs, rates, gaps, and how it was made."""

import argparse
import sys
from pathlib import Path
from typing import Any

from handflow.recording.summary import summary
from handflow.runtime.names import dumps, one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    found = summary(args.file)
    if args.json:
        print(dumps(found))
        return 0
    from rich import box
    from rich.table import Table

    from handflow.commands._terminal import PlainConsole

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("output", "type"):
        table.add_column(column)
    for column in ("messages", "Hz", "MB", "age ms", "p99", "lost", "gaps"):
        table.add_column(column, justify="right")
    for each in found["outputs"]:
        longest = max(each["gaps"], key=lambda gap: gap["s"], default=None)
        gaps = f"{len(each['gaps'])}, longest {longest['s']:g} s at {longest['t']:g} s" if longest else ""
        ages = f"{each['age_ms']['p50']:.1f}", f"{each['age_ms']['p99']:.1f}"
        numbers = str(each["messages"]), f"{each['hz']:.1f}", f"{each['mb']:.1f}", *ages, str(each["lost"] or "")
        table.add_row(each["output"], each["type"], *numbers, gaps)
    console = PlainConsole(width=None if sys.stdout.isatty() else 200)
    say = lambda text: console.print(one_line(text), soft_wrap=True)  # noqa: E731
    say(f"{found['file']}: {found['duration_s']:g} s, {found['size_mb']:g} MB{_made(found)}")
    console.print(table)
    for name, node in found.get("graph", {}).get("nodes", {}).items():
        say(f"{name}: run {node['run']}, with {dumps(node['with'])}")
    for name, files in found.get("models", {}).items():
        say(f"{name}: models {', '.join(f'{file} {digest[:12]}' for file, digest in files.items())}")
    if found["fault"]:
        say(found["fault"])
    return 0


def _made(found: dict[str, Any]) -> str:
    if not found.get("started"):
        return ""
    machine = found["machine"]
    return (
        f"; {found['started']} on {machine['name']} ({machine['cores']} cores, {machine['system']}), "
        f"handflow {found['handflow']}, pictures {found['pictures']}"
    )
