"""`handflow diff A B`: the hands of two recordings of the same input, compared; exit 1 past a tolerance."""

import argparse
import json
from pathlib import Path

from handflow.commands._arguments import number
from handflow.recording.difference import Allowed, compare, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", type=Path, help="a recording, or JSON lines of detect or replay")
    parser.add_argument("b", metavar="B", type=Path)
    parser.add_argument("--output", metavar="NODE", help="whose hands, where there are several")
    for name, default, help_ in (
        ("time", 0.02, "seconds between paired frames"),
        ("frames", 0.02, "share of the frames that only one has"),
        ("hands", 0.0, "share of the hands that only one has"),
        ("place", 0.005, "of the picture's width"),
        ("value", 0.05, "of radius (widths), score and open"),
        ("identity", 0, "hands that go on under another identity"),
    ):
        parser.add_argument(
            f"--{name}", type=number(0), default=default, metavar="MAX", help=f"{help_}; default {default}"
        )
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    allowed = Allowed(args.time, args.frames, args.hands, args.place, args.value, args.identity)
    lines = compare(load(args.a, args.output), load(args.b, args.output), allowed)
    if args.json:
        print(json.dumps([line._asdict() | {"past": line.past} for line in lines]))
    else:
        from rich import box
        from rich.table import Table

        from handflow.commands._terminal import PlainConsole

        table = Table("what", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("found", justify="right")
        table.add_column("allowed", justify="right")
        table.add_column("")
        for line in lines:
            table.add_row(line.what, f"{line.found:.4g}", f"{line.allowed:g}", "past" if line.past else "")
        PlainConsole().print(table)
    return int(any(line.past for line in lines))
