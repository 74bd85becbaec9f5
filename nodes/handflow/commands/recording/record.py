"""`handflow record`: a recorder beside a running graph, which reads its outputs, or in a graph that it runs itself."""

import argparse
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from handflow.commands._arguments import add_pictures, names, positive
from handflow.commands._console import complain, say
from handflow.commands._graphs import apply_source, graph_of
from handflow.commands._supervise import supervise
from handflow.errors import GraphError, RunError
from handflow.runtime.awake_clock import Countdown
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.spec import EdgeSpec, NodeSpec
from handflow.runtime.graph.stage import hint
from handflow.runtime.interrupts import stop_this_process
from handflow.runtime.process.control_client import only_running, request, runs
from handflow.runtime.process.process import run_process
from handflow.runtime.transport.rundir import RunDir
from handflow.stages.record import SNAPSHOT

POLL_S = 0.2
SILENT_S = 10.0  # without anything to record, until that is said
SNAPSHOT_S = 10.0  # within which it must be written: a minute of pictures is 400 MB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("graph", nargs="?", metavar="GRAPH")
    parser.add_argument("-o", dest="out", metavar="FILE", type=Path, help="written over; needed but for --trigger")
    parser.add_argument("--source", help="camera, file or folder: runs the graph with it, until it ends")
    parser.add_argument("--for", dest="for_s", type=positive, metavar="SECONDS", help="from the first message on")
    parser.add_argument("--only", type=names, default=(), metavar="NODE,NODE", help="whose outputs; default: all")
    parser.add_argument("--split", type=positive, default=0.0, metavar="SECONDS", help="a new file after so long")
    parser.add_argument("--split-mb", type=positive, default=0.0, metavar="MB", help="a new file at this size")
    parser.add_argument(
        "--snapshot",
        type=positive,
        default=0.0,
        metavar="SECONDS",
        help="keeps so much in memory until --trigger",
    )
    parser.add_argument("--trigger", action="store_true", help="has the last seconds written that --snapshot keeps")
    parser.add_argument("--graph", dest="named", metavar="FILE", help="the same as GRAPH")
    parser.add_argument("--on", metavar="MACHINE", help="which machine this is, in a graph of several")
    add_pictures(parser)


def run(args: argparse.Namespace) -> int:
    graph = args.named or args.graph
    if args.trigger:
        for file in trigger(graph, args.on):
            say(file)
        return 0
    if args.out is None:
        raise GraphError(["record: -o FILE is missing: where to?"])
    settings = {
        "file": str(args.out.absolute()), "pictures": args.pictures, "quality": args.quality, "overwrite": True,
        "split_s": args.split, "split_mb": args.split_mb, "snapshot_s": args.snapshot,
    }  # fmt: skip
    return record_graph(graph, args.on, args.source, args.only, settings, args.for_s)


def record_graph(
    graph_file: str | None,
    on: str | None,
    source: str | None,
    only: Sequence[str],
    settings: dict[str, Any],
    for_s: float | None,
) -> int:
    """Records until the graph ends, the time is over or a signal comes; the exit status. GraphError, RunError."""
    directory = None if source is not None else running_graph(graph_file, on)
    if directory is None:
        graph = graph_of(graph_file)
        graph.place_on(on)
    else:
        graph = Graph.read_copy(directory.graph)
    if source is not None:
        apply_source(graph, source)
    name = add_recorder(graph, chosen_outputs(graph, only), settings)
    directory = directory or RunDir(graph.file, graph.portable, graph.on)
    done = threading.Event()
    watching = threading.Thread(target=_watch, args=(directory, name, for_s, done), daemon=True)
    try:
        if graph.clock_offset_ns is None:
            supervise(graph, opened=watching.start)(None)
        else:
            directory.forget(name)  # of a recorder before this one
            watching.start()
            if run_process(graph, name):
                return 1
    finally:
        done.set()
    return int("stopped" in directory.stored(name))


def trigger(graph_file: str | None, on: str | None) -> list[str]:
    """Has the last seconds of a running graph written; the files. RunError."""
    directory = only_running(Path(graph_file) if graph_file else None, on)
    answers = request(directory, "command", 2 * SNAPSHOT_S, name=SNAPSHOT, within_s=SNAPSHOT_S)
    if not answers:
        raise RunError(
            "no recorder keeps the last seconds of this graph; start one with: handflow record --snapshot 30 -o FILE"
        )
    if errors := [answer["error"] for answer in answers.values() if "error" in answer]:
        raise RunError(f"no snapshot: {'; '.join(errors)}")
    return [answer["answer"] for answer in answers.values()]


def running_graph(graph_file: str | None, on: str | None) -> RunDir | None:
    """The run of that graph, or the only run; None if there is none. RunError if it could be any of several."""
    file = Path(graph_file) if graph_file is not None else None
    return only_running(file, on) if runs(file, on) else None


def chosen_outputs(graph: Graph, only: Sequence[str]) -> list[str]:
    """The nodes whose outputs are recorded: those named, else all that give messages. GraphError."""
    outputs = graph.outputs()
    for name in only:
        if name not in outputs:
            near = hint(name, outputs)
            raise GraphError([f"--only {name}: no node that gives messages{near}; there are {', '.join(outputs)}"])
    return list(only) or outputs


def add_recorder(graph: Graph, names: Collection[str], settings: dict[str, Any]) -> str:
    """Adds a recorder of these outputs to the graph; its name."""
    name = graph.free_name("record")
    graph.add(name, NodeSpec("record", {each: EdgeSpec(each, "all") for each in names}, settings, graph.on))
    return name


def _watch(directory: RunDir, name: str, for_s: float | None, done: threading.Event) -> None:
    """Ends this process when the graph or its time has ended, or when the recording has been stopped.

    The time counts from the first message that is recorded: a network may take seconds to load.
    """
    left: Countdown | None = None  # from the first message on
    silence: Countdown | None = Countdown(SILENT_S) if for_s is not None else None
    while not done.wait(min(POLL_S, left.left()) if left else POLL_S):
        noted = directory.stored(name)
        if for_s is not None and left is None and "first_s" in noted:
            left, silence = Countdown(for_s - (time.monotonic() - noted["first_s"])), None
        if silence and silence.over():
            complain("nothing has come yet that could be recorded; waiting for it")
            silence = None
        if not directory.running() or (left and left.over()) or "stopped" in noted:
            stop_this_process()
            return
