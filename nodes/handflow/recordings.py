"""The commands that make, play and mend recordings: what they are given, and what they print."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Verb = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def add_verbs(verb: Verb) -> None:
    """Tells the command line of the verbs below."""
    one = verb("info", info, "says what is in a recording: outputs, rates, gaps, and how it was made")
    one.add_argument("file", metavar="FILE", type=Path)
    one.add_argument("--json", action="store_true")

    one = verb("recover", recover, "makes a whole recording of one that was cut off or damaged")
    one.add_argument("file", metavar="FILE", type=Path)
    one.add_argument("-o", dest="out", metavar="FILE", type=Path, required=True)

    one = verb("diff", diff, "compares the hands of two recordings of the same input; exit 1 past a tolerance")
    one.add_argument("a", metavar="A", type=Path, help="a recording, or JSON lines of detect or replay")
    one.add_argument("b", metavar="B", type=Path)
    one.add_argument("--output", metavar="NODE", help="whose hands, where there are several")
    for name, default, help_ in (
        ("time", 0.02, "seconds between paired frames"),
        ("frames", 0.02, "share of the frames that only one has"),
        ("hands", 0.0, "share of the hands that only one has"),
        ("place", 0.005, "of the picture's width"),
        ("value", 0.05, "of radius (widths), score and open"),
        ("identity", 0, "hands that go on under another identity"),
    ):
        one.add_argument(f"--{name}", type=float, default=default, metavar="MAX", help=f"{help_}; default {default}")
    one.add_argument("--json", action="store_true")

    one = verb("convert", convert, "recording -> .mp4, .csv, .mcap for Foxglove and Rerun; video -> recording")
    one.add_argument("file", metavar="FILE", type=Path)
    one.add_argument("-o", dest="out", metavar="FILE", type=Path, required=True)
    one.add_argument("--output", metavar="NODE", help="which output, where there are several; a video's name: camera")
    one.add_argument("--draw", action="store_true", help="the hands on the pictures of an .mp4")
    _picture_arguments(one)


def _picture_arguments(one: argparse.ArgumentParser) -> None:
    one.add_argument("--pictures", choices=("jpeg", "png"), default="jpeg", help="png: without loss, 30 times slower")
    one.add_argument("--quality", type=int, default=90, metavar="1..100", help="of JPEG")


def info(args: argparse.Namespace) -> int:
    from .summary import summary

    found = summary(args.file)
    if args.json:
        print(json.dumps(found))
        return 0
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("output", "type"):
        table.add_column(column)
    for column in ("messages", "Hz", "MB", "lost", "gaps"):
        table.add_column(column, justify="right")
    for each in found["outputs"]:
        longest = max(each["gaps"], key=lambda gap: gap["s"], default=None)
        gaps = f"{len(each['gaps'])}, longest {longest['s']:g} s at {longest['t']:g} s" if longest else ""
        numbers = str(each["messages"]), f"{each['hz']:.1f}", f"{each['mb']:.1f}", str(each["lost"] or "")
        table.add_row(each["output"], each["type"], *numbers, gaps)
    console = Console(highlight=False)
    say = lambda text: console.print(text, markup=False, soft_wrap=True)  # noqa: E731
    say(f"{found['file']}: {found['duration_s']:g} s, {found['size_mb']:g} MB{_made(found)}")
    console.print(table)
    for name, node in found.get("graph", {}).get("nodes", {}).items():
        say(f"{name}: run {node['run']}, with {json.dumps(node['with'])}")
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


def recover(args: argparse.Namespace) -> int:
    from .recover import recover

    done = recover(args.file, args.out)
    print(f"{args.out}: {done.chunks} chunks with {done.messages} messages")
    for line in done.lost:
        print(f"left out: {line}")
    return 0


def diff(args: argparse.Namespace) -> int:
    from .difference import Allowed, compare, load

    allowed = Allowed(args.time, args.frames, args.hands, args.place, args.value, args.identity)
    lines = compare(load(args.a, args.output), load(args.b, args.output), allowed)
    if args.json:
        print(json.dumps([line._asdict() | {"past": line.past} for line in lines]))
    else:
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table("what", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("found", justify="right")
        table.add_column("allowed", justify="right")
        table.add_column("")
        for line in lines:
            table.add_row(line.what, f"{line.found:.4g}", f"{line.allowed:g}", "past" if line.past else "")
        Console(highlight=False).print(table)
    return int(any(line.past for line in lines))


def convert(args: argparse.Namespace) -> int:
    from .convert import convert
    from .recording import Pictures

    count = convert(args.file, args.out, args.output, args.draw, Pictures(args.pictures, args.quality))
    what = "hands" if args.out.suffix.lower() == ".csv" else "pictures"
    print(f"{args.out}: {count} {what}")
    return 0
