"""`handflow bench PART…`: what is asked for is measured, part after part, and reported as tables or as JSON."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from handflow.bench import (
    cameras,
    clips,
    engines,
    gesture_delays,
    gestures,
    network,
    peers,
    settled,
    stages,
    transport,
    viewers,
    whole,
)
from handflow.commands._arguments import number, positive
from handflow.commands._arguments import whole as whole_number
from handflow.stages.heatmap import HeatmapNode
from handflow.vision.model import model_path

PARTS = ("transport", "network", "stages", "graph", "viewers", "clip", "gestures", "cameras", "settled")
TITLES = {
    "transport": "from one process to the next (processor: all processes together, a picture)",
    "ratios": "ours against the better of dora and ezmsg (below 1: less; fps above 1: more)",
    "network": "the network alone, one thread, 1280x720 (of the first: best; median)",
    "stages": "each stage alone, 1280x720",
    "graph": "from the camera to a game, 1280x720",
    "engines": "from the camera to a game, 1280x720, near in int8: under our supervisor and under another engine",
    "viewers": "from the camera to a game while somebody looks, against nobody (processor: % of one core)",
    "clip": "a clip, every frame",
    "cameras": "demo cameras of 854x480 in one network, near",
    "gestures": "the stage gestures, hands that make them all the time",
    "gesture_delays": "gestures behind the tracker's filter, against unfiltered places",
    "settled": "an empty scene, from the camera to a game",
}
WIDTH = 120  # of tables in a file
Figures = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all of them")
    parser.add_argument("--source", default="demo", help="a clip (looped) or demo")
    parser.add_argument("--fps", type=positive, default=30.0)
    parser.add_argument("--seconds", type=positive, default=10.0, help="counted for each variant in each round")
    parser.add_argument("--rounds", type=whole_number(1), default=3, help="the variants take turns so often")
    parser.add_argument("--case", action="append", choices=list(transport.KINDS), help="of transport: only this one")
    parser.add_argument(
        "--model",
        nargs="+",
        default=["hands", "hands-int8"],
        help="of network: packaged ones by name, or model files, beside the first (default: %(default)s)",
    )
    parser.add_argument(
        "--variant", action="append", metavar="PROFILE-PRECISION", help="of graph: only this one: near-int8; or several"
    )
    parser.add_argument(
        "--effort",
        type=number(0.1, 10),
        default=HeatmapNode.effort,
        help="of graph: gaze's (default %(default)s)",
    )
    parser.add_argument(
        "--slow", type=positive, metavar="SECONDS", help="of graph, also: a reader at a third of the rate"
    )
    parser.add_argument(
        "--engine", choices=engines.ENGINES, help="of graph, in place of its variants: beside a run under this engine"
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help=f"beside dora, ezmsg, zenoh, imagezmq and MediaPipe, installed for it into {peers.CACHE} (about 1.5 GB)",
    )
    parser.add_argument(
        "--count", nargs="+", type=whole_number(1), default=[1, 2, 4, 8], metavar="N", help="of cameras: so many each"
    )
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Measures, and shows what has been measured so far."""
    if unknown := [part for part in args.parts if part not in PARTS]:
        print(f"expected parts of {', '.join(PARTS)}, got {unknown[0]!r}", file=sys.stderr)
        return 2
    parts = args.parts or list(PARTS)
    figures: dict[str, list[Figures]] = {}
    with _display(args.json) as (say, warn, show), tempfile.TemporaryDirectory() as folder:
        for name, rows in _measured(args, parts, Path(folder), say, warn):
            figures[name] = rows
            show(figures)
    if args.json:
        print(json.dumps({"machine": _machine(), **figures}))
    return 0


def _measured(
    args: argparse.Namespace, parts: list[str], folder: Path, say: Callable[[str], None], warn: Callable[[str], None]
) -> Iterator[tuple[str, list[Figures]]]:
    """After each turn the name of a table, and its rows so far."""
    commands: dict[str, list[str]] = {}
    wanted = ["ezmsg", "dora", "zenoh", "imagezmq"] * ("transport" in parts) + ["mediapipe"] * ("clip" in parts)
    for peer in wanted if args.peers else ():
        try:
            commands[peer] = peers.command(peer, say)
        except peers.PeerError as error:
            warn(f"{error}; it is left out")
    if "transport" in parts:
        cases = args.case or list(transport.KINDS)
        rows: list[Figures] = []
        for rows in transport.measure(cases, commands, args.rounds, args.seconds, args.fps, say, warn):
            yield "transport", rows
        yield "ratios", transport.ratios(rows)
    if "gestures" in parts:
        for rows in gestures.measure(args.rounds, say):
            yield "gestures", rows
        for rows in gesture_delays.measure(say):
            yield "gesture_delays", rows
    if "network" in parts:
        for rows in network.measure({name: model_path(name) for name in args.model}, args.rounds, say):
            yield "network", rows
    with_clip = {"stages", "clip"} | ({"graph", "viewers"} if args.source != "demo" else set())
    clip = whole.clip(args.source, args.fps, folder) if set(parts) & with_clip else Path()
    source = args.source if args.source == "demo" else str(clip)
    if "stages" in parts:
        for rows in stages.measure(clip, args.rounds, say):
            yield "stages", rows
    if "graph" in parts and args.engine:
        for rows in engines.measure(args.engine, source, args.fps, args.seconds, args.rounds, say):
            yield "engines", rows
    elif "graph" in parts:
        for rows in whole.measure(source, args.fps, args.seconds, args.rounds, args.variant or [], args.effort, say):
            yield "graph", rows
        if args.slow:
            say("whole graph: a slow reader")
            yield "slow_reader", [whole.slow_reader(source, args.fps, args.slow)]
    if "viewers" in parts:
        for rows in viewers.measure(source, args.fps, args.seconds, args.rounds, say):
            yield "viewers", rows
    if "settled" in parts:
        for rows in settled.measure(args.fps, args.seconds, args.rounds, folder, say):
            yield "settled", rows
    if "clip" in parts:
        for rows in clips.measure(clip, commands, args.rounds, say, warn):
            yield "clip", rows
    if "cameras" in parts:
        for rows in cameras.measure(args.count, args.fps, args.seconds, args.rounds, say):
            yield "cameras", rows


Say = Callable[[str], None]
Show = Callable[[dict[str, list[Figures]]], None]


@contextmanager
def _display(as_json: bool) -> Iterator[tuple[Say, Say, Show]]:
    """What says which turn is under way, what warns, and what shows the tables as they grow.

    On a terminal they grow in their place; else each row is a line whenever it changes, and they stand at the end. With
    `as_json` the lines go to stderr.
    """
    console = Console(highlight=False, stderr=as_json, width=None if sys.stdout.isatty() else WIDTH)
    if not console.is_terminal:
        yield from _lines(console, as_json)
        return
    shown: dict[str, list[Figures]] = {}
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:

        def draw(turn: str) -> None:
            live.update(Group(*_tables(shown), turn), refresh=True)

        def show(figures: dict[str, list[Figures]]) -> None:
            shown.update(figures)
            draw("")

        yield draw, console.print, show
        draw("")


def _lines(console: Console, as_json: bool) -> Iterator[tuple[Say, Say, Show]]:
    """The same without a terminal."""
    shown: dict[str, list[Figures]] = {}

    def show(figures: dict[str, list[Figures]]) -> None:
        for name, rows in figures.items():
            for row in rows:
                if row not in shown.get(name, []):
                    told = (f"{key.replace('_', ' ')} {_cell(value)}" for key, value in row.items())
                    print(f"{name}: {', '.join(told)}", file=console.file, flush=True)
        shown.update(figures)

    yield lambda turn: None, lambda line: print(line, file=sys.stderr, flush=True), show
    for table in [] if as_json else _tables(shown):
        console.print(table)


def _tables(figures: dict[str, list[Figures]]) -> list[Table]:
    tables = []
    for name, rows in figures.items():
        if not rows:
            continue
        table = Table(box=box.SIMPLE_HEAD, title=TITLES.get(name, name.replace("_", " ")), title_justify="left")
        columns = list(dict.fromkeys(column for row in rows for column in row))
        for column in columns:
            words = column in ("case", "candidate", "engine", "model", "profile")
            table.add_column(column.replace("_", " "), justify="left" if words else "right")
        for row in rows:
            table.add_row(*(_cell(row.get(column)) for column in columns))
        tables.append(table)
    return tables


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(_cell, value))
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _machine() -> Figures:
    return {"system": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
