"""The commands that make, play and mend recordings: what they are given, and what they print."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Verb = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def add_verbs(verb: Verb) -> None:
    """Tells the command line of the verbs below."""
    one = verb("record", record, "records the running graph; with a source, or when none runs, runs the graph itself")
    one.add_argument("graph", nargs="?", metavar="GRAPH")
    one.add_argument("-o", dest="out", metavar="FILE", type=Path, help="written over; needed but for --trigger")
    one.add_argument("--source", help="camera, file or folder: runs the graph with it, until it ends")
    one.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS")
    one.add_argument("--only", type=_names, default=(), metavar="NODE,NODE", help="whose outputs; default: all")
    one.add_argument("--split", type=_seconds, default=0.0, metavar="SECONDS", help="a new file after so long")
    one.add_argument("--split-mb", type=_seconds, default=0.0, metavar="MB", help="a new file at this size")
    one.add_argument(
        "--snapshot", type=_seconds, default=0.0, metavar="SECONDS", help="keeps so much in memory until --trigger"
    )
    one.add_argument("--trigger", action="store_true", help="has the last seconds written that --snapshot keeps")
    one.add_argument("--graph", dest="named", metavar="FILE", help="the same as GRAPH")
    one.add_argument("--on", metavar="MACHINE", help="which machine this is, in a graph of several")
    _picture_arguments(one)

    one = verb("replay", replay, "plays a recording: recorded outputs stand in for their nodes, the rest runs")
    one.add_argument("file", metavar="FILE", type=Path)
    one.add_argument("graph", nargs="?", metavar="GRAPH", help="default: ./pipeline.yaml, else the recorded graph")
    one.add_argument("--exact", action="store_true", help="every frame through every node: the same hands each time")
    one.add_argument("--rate", type=_rate, metavar="R", help="1: as it was; 0: as fast as it goes, as --exact does")
    one.add_argument("--loop", action="store_true")
    one.add_argument("--start", type=_position, default=0.0, metavar="T", help="seconds from the first frame")
    one.add_argument("--end", type=_position, default=0.0, metavar="T", help="seconds from the first frame")
    one.add_argument("--only", type=_names, default=(), metavar="NODE,NODE", help="what is played; default: all")
    one.add_argument("--pause", action="store_true", help="begins paused; space: go on, n: next frame, q: end")
    one.add_argument("--json", metavar="OUT", help="a line per frame, as detect writes it; - is standard output")

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


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} found, a number above 0 expected")
    return seconds


def _position(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} found, seconds from 0 expected")
    return seconds


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} found, a number from 0 to 1000 expected")
    return rate


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def record(args: argparse.Namespace) -> int:
    from .runtime.graph import GraphError
    from .tapping import record, trigger

    graph = args.named or args.graph
    if args.trigger:
        for file in trigger(graph, args.on):
            print(file)
        return 0
    if args.out is None:
        raise GraphError(["record: -o FILE is missing: where to?"])
    settings = {
        "file": str(args.out.absolute()), "pictures": args.pictures, "quality": args.quality, "overwrite": True,
        "split_s": args.split, "split_mb": args.split_mb, "snapshot_s": args.snapshot,
    }  # fmt: skip
    return record(graph, args.on, args.source, args.only, settings, args.for_s)


def replay(args: argparse.Namespace) -> int:
    from .replaying import Wish, replay
    from .runtime.graph import GraphError

    rate = args.rate if args.rate is not None else 0.0 if args.exact else 1.0
    if args.pause and not rate:
        raise GraphError(["replay: --pause needs a --rate above 0"])
    if args.end and args.end <= args.start:
        raise GraphError([f"replay: --end {args.end:g} lies before --start {args.start:g}"])
    wish = Wish(
        args.file, args.graph, args.only, rate, args.loop, args.start, args.end, args.pause, args.exact, args.json
    )
    return replay(wish)


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
    for column in ("messages", "Hz", "MB", "age ms", "p99", "lost", "gaps"):
        table.add_column(column, justify="right")
    for each in found["outputs"]:
        longest = max(each["gaps"], key=lambda gap: gap["s"], default=None)
        gaps = f"{len(each['gaps'])}, longest {longest['s']:g} s at {longest['t']:g} s" if longest else ""
        ages = f"{each['age_ms']['p50']:.1f}", f"{each['age_ms']['p99']:.1f}"
        numbers = str(each["messages"]), f"{each['hz']:.1f}", f"{each['mb']:.1f}", *ages, str(each["lost"] or "")
        table.add_row(each["output"], each["type"], *numbers, gaps)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
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
