"""`handflow replay`: a graph in which recorded outputs stand in for their nodes, and the rest runs."""

import argparse
import contextlib
import select
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from handflow.commands._arguments import names, number
from handflow.commands._console import complain
from handflow.commands._graphs import graph_of
from handflow.commands._supervise import supervise
from handflow.errors import GraphError, RecordingError, RunError
from handflow.messages import Hands
from handflow.recording.metadata import models_of
from handflow.recording.playback_clock import FOLLOW, PlaybackClock, PlaybackControl, pressed_keys
from handflow.recording.reader import Recording
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.spec import EdgeSpec, NodeSpec
from handflow.runtime.graph.stage import hint
from handflow.runtime.interrupts import stop_this_process
from handflow.runtime.process.control_client import request
from handflow.runtime.transport.rundir import RunDir

POLL_S = 0.2
JOIN_S = 0.3  # they are daemons: one that waits for an answer is not waited for
SUPERVISOR_S = 1.0  # more than the replays have: the supervisor answers for those that do not
CHECKED_BYTES = 256 * 2**20  # up to so much is read whole before: damage is better known before than in the middle


@dataclass
class ReplayOptions:
    """How a recording is to be played."""

    file: Path
    graph: str | None = None
    only: Sequence[str] = ()  # outputs; none: all that are recorded
    rate: float = 1.0
    loop: bool = False
    begin_s: float = 0.0
    end_s: float = 0.0  # 0: to the end
    paused: bool = False
    exact: bool = False
    json: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("graph", nargs="?", metavar="GRAPH", help="default: ./pipeline.yaml, else the recorded graph")
    parser.add_argument("--exact", action="store_true", help="every frame through every node: the same hands each time")
    parser.add_argument(
        "--rate",
        type=number(0, 1000),
        metavar="R",
        help="1: as it was; 0: as fast as it goes, as --exact does",
    )
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--start", type=number(0, 1e9), default=0.0, metavar="T", help="seconds from the first frame")
    parser.add_argument("--end", type=number(0, 1e9), default=0.0, metavar="T", help="seconds from the first frame")
    parser.add_argument("--only", type=names, default=(), metavar="NODE,NODE", help="what is played; default: all")
    parser.add_argument("--pause", action="store_true", help="begins paused; space: go on, n: next frame, q: end")
    parser.add_argument("--json", metavar="OUT", help="a line per frame, as detect writes it; - is standard output")


def run(args: argparse.Namespace) -> int:
    rate = args.rate if args.rate is not None else 0.0 if args.exact else 1.0
    if args.pause and not rate:
        raise GraphError(["replay: --pause needs a --rate above 0"])
    if args.end and args.end <= args.start:
        raise GraphError([f"replay: --end {args.end:g} lies before --start {args.start:g}"])
    options = ReplayOptions(
        args.file, args.graph, args.only, rate, args.loop, args.start, args.end, args.pause, args.exact, args.json
    )
    return play(options)


def play(options: ReplayOptions) -> int:
    """Plays until the recording and all that hangs on it have ended; the exit status. GraphError, RecordingError."""
    recording = Recording(options.file)
    recording.require_ours()
    recording.check(CHECKED_BYTES)
    if fault := recording.fault():
        complain(fault)
    if jumps := recording.timeline.fault():
        complain(f"{recording.file}: {jumps}")
    graph = graph_for(recording, options)
    played = stand_in(graph, recording, options)
    left_out = prune(graph, played)
    if left_out:
        complain(f"left out, for nothing in the recording drives them: {', '.join(left_out)}")
    complain(*changed_models(graph, recording))
    lines = add_lines(graph, options) if options.json is not None else ""
    with clocked(graph, recording, options, played) as start_clock:
        supervise(graph, table_on_stdout=options.json != "-", opened=start_clock)(None)
    return int("stopped" in RunDir(graph.file, graph.portable, graph.on).stored(lines))


def graph_for(recording: Recording, options: ReplayOptions) -> Graph:
    """The graph that was given, ./pipeline.yaml, the recorded one, or the packaged one; it runs under the file's name.

    So it does not get in the way of the graph that was recorded, should that still run. RecordingError.
    """
    metadata = recording.metadata
    if options.graph is None and not Path("pipeline.yaml").exists() and metadata and metadata.graph:
        try:
            graph = Graph.from_plain(metadata.graph)
        except ValueError as error:
            raise RecordingError(f"{recording.file}: expected a graph in it, got another form: {error}") from error
        graph.remove([name for name, node in graph.nodes.items() if node.run == "record"])
    else:
        graph = graph_of(options.graph)
    graph.rename(recording.file.absolute())
    graph.put_on_one_machine()
    graph.exact = options.exact
    return graph


def stand_in(graph: Graph, recording: Recording, options: ReplayOptions) -> list[str]:
    """Puts the recording in the place of the nodes whose outputs it has; their names. RecordingError."""
    recorded = recording.names()
    for name in options.only:
        if name not in recorded:
            near, has = hint(name, recorded), ", ".join(recorded)
            raise RecordingError(f"{recording.file}: no output {name!r}{near}; it has {has}")
        if name not in graph.nodes:
            raise GraphError([f"--only {name}: the graph has no such node; it has {', '.join(graph.nodes)}"])
    both = [name for name in recorded if name in graph.nodes]
    if not both:
        raise RecordingError(
            f"{recording.file}: has the outputs {', '.join(recorded) or 'none'}; "
            f"none of them is a node of the graph, which has {', '.join(graph.nodes)}"
        )
    chosen = [name for name in both if not options.only or name in options.only]
    for name in chosen:
        settings = {
            "file": str(recording.file.absolute()), "output": name, "rate": options.rate, "loop": options.loop,
            "begin": options.begin_s, "end": options.end_s, "shared_clock": True,
        }  # fmt: skip
        graph.replace(name, NodeSpec("replay", {}, settings))
    return chosen


def prune(graph: Graph, played: Collection[str]) -> list[str]:
    """Takes out of the graph what nothing in the recording drives: its camera, and what only that feeds."""
    driven = graph.driven_by(played)
    unused = [name for name in graph.nodes if name not in driven]
    graph.remove(unused)
    return unused


def changed_models(graph: Graph, recording: Recording) -> list[str]:
    """A line for each node whose model is not the one that it was recorded with."""
    then = recording.metadata.models if recording.metadata else {}
    lines = []
    for name, files in models_of(graph.plain()).items():
        for file, digest in files.items():
            recorded = then.get(name, {}).get(file)
            if name in then and recorded != digest:
                was = f"{file} {recorded[:12]}" if recorded else ", ".join(then[name])
                lines.append(
                    f"{name}: the model {file} is {digest[:12]}, recorded with {was}: its hands may differ from those"
                )
    return lines


def add_lines(graph: Graph, options: ReplayOptions) -> str:
    """A node that writes the hands as JSON lines; its name. GraphError if none gives hands."""
    outputs = graph.outputs(Hands)
    if not outputs:
        raise GraphError([f"--json: no node of the graph gives hands; it has {', '.join(graph.nodes)}"])
    # What the tracker gives, as `detect` has it, and not what a surface behind it makes of that.
    tracker = "tracker" if "tracker" in outputs else outputs[0]
    settings = {"file": options.json, "name": str(options.file)}
    lines = NodeSpec("json_lines", {"hands": EdgeSpec(tracker, "all")}, settings)
    name = graph.free_name("json-lines")
    graph.add(name, lines, position=f"--json {options.json}")
    return name


@contextlib.contextmanager
def clocked(
    graph: Graph, recording: Recording, options: ReplayOptions, played: Sequence[str]
) -> Iterator[Callable[[], None]]:
    """What lets the replays begin together once the graph runs, and then follows the keys of a terminal."""

    def send(clock: PlaybackClock, wait_s: float) -> None:
        command = {"name": FOLLOW, "value": clock.plain(), "nodes": played, "retain": True, "within_s": wait_s}
        with contextlib.suppress(RunError):  # the graph has ended
            request(RunDir(graph.file, graph.portable, graph.on), "command", wait_s + SUPERVISOR_S, **command)

    def next_frame(position_s: float) -> float | None:
        timeline = recording.timeline
        found = recording.frame_after(timeline.recorded(recording.start_ns + round(position_s * 1e9)))
        return None if found is None else (timeline.continuous(found) - recording.start_ns) / 1e9

    control = PlaybackControl(send, next_frame, complain, options.rate, options.begin_s, options.paused)
    ended = threading.Event()
    with pressed_keys() if options.paused or _at_terminal() else contextlib.nullcontext() as read:
        threads = [threading.Thread(target=control.run, args=(read, stop_this_process, ended), daemon=True)]
        # Windows tells of it only when something is written.
        if options.json == "-" and hasattr(select, "poll"):
            threads.append(threading.Thread(target=_end_with_reader, args=(ended,), daemon=True))

        def start() -> None:
            if options.paused:
                complain(PlaybackControl.KEYS)
            for thread in threads:
                thread.start()

        try:
            yield start
        finally:
            ended.set()
            for thread in threads:
                if thread.is_alive():
                    thread.join(JOIN_S)


def _end_with_reader(ended: threading.Event) -> None:
    """Ends the replay when nobody reads its lines any more: `| head`."""
    poller = select.poll()
    poller.register(sys.stdout.fileno(), 0)  # errors are reported unasked
    while not ended.wait(POLL_S):
        if poller.poll(0):
            stop_this_process()
            return


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
