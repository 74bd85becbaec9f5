"""The command line: each verb imports what it needs inside its own function, so that `handflow --help` is quick."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

from . import __version__
from .launch import complain as _complain
from .launch import graph_of as _graph
from .launch import set_source as _source
from .launch import set_value as _set
from .launch import supervise

TRAINING = {
    "annotate": "a page to label the hands in clips and pictures of your own",
    "train": "trains the network on labelled pictures",
    "evaluate": "scores a model on labelled pictures and clips",
    "export": "writes a trained network as ONNX models",
}
OUTPUTS = {
    "monitor": "shows what OSC and TUIO arrives, and what is wrong with it",
    "simulate": "sends made-up hands, without a camera or a network",
}
PAGES = {"calibrate": "a page to draw a surface's corners and zones, and regions, on the picture"}
BENCH = {"bench": "measures the transport, the stages and the whole graph on this machine"}
MODULES = {name: f".training.{name}" for name in TRAINING} | {name: f".{name}" for name in OUTPUTS | PAGES}
MODULES["bench"] = ".bench.command"
HERE = "where the graph runs as several machines on this one"
SYSTEM_LIBRARIES = ("libGL", "libgthread", "libglib")  # what opencv-python's wheel does not bring


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status: 0 done or stopped, 2 a usage or graph error, 1 any other failure."""
    args = _parsed(sys.argv[1:] if arguments is None else arguments)
    from .runtime.graph import GraphError
    from .runtime.node import SetupError
    from .runtime.supervisor import RunError

    try:
        return args.do(args)
    except GraphError as error:
        _complain(*error.lines)
        return 2
    except (SetupError, RunError, PermissionError) as error:
        _complain(*[str(error)] if str(error) else [])
        return 1
    except ImportError as error:
        _complain(_missing(error))
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # the reader of our output has gone: `handflow top | head -3`
        sys.stderr.close()
        return 0


def run(args: argparse.Namespace) -> int:
    graph = _graph(args.graph)
    for setting in args.set:
        _set(graph, setting)
    if args.source is not None:
        _source(graph, args.source)
    graph.place_on(args.on)
    graph.exact = args.exact
    supervise(graph)(args.for_s)
    return 0


def check(args: argparse.Namespace) -> int:
    from .runtime.graph import resolve
    from .runtime.schema import schema

    if args.schema:
        print(json.dumps(schema(), indent=2))
        return 0
    graph = _graph(args.graph)
    stages = resolve(graph)
    if args.json:
        print(json.dumps({"graph": str(graph.file), "nodes": list(stages), "errors": []}))
    else:
        print(f"{graph.file}: {len(stages)} nodes, nothing wrong")
        for machine in graph.machines.values():
            taken = [f"{port} {n}" for n, port in graph.ports().items() if stages[n].on == machine.name]
            print(f"{machine.name} listens on {machine.host}: {', '.join([f'{machine.port} its supervisor', *taken])}")
    return 0


def graph(args: argparse.Namespace) -> int:
    from .runtime import drawing
    from .runtime.graph import resolve

    stages = resolve(_graph(args.graph))
    if args.svg:
        Path(args.svg).write_text(drawing.svg(stages), "utf-8")
    else:
        print(drawing.dot(stages) if args.dot else drawing.mermaid(stages))
    return 0


def node(args: argparse.Namespace) -> int:
    from .runtime.graph import copied
    from .runtime.process import run_process

    loaded = copied(Path(args.graph)) if args.supervised else _graph(args.graph)
    for setting in args.set:
        _set(loaded, setting)
    if not args.supervised:
        stands = loaded.entries[args.name].on if args.name in loaded.entries else next(iter(loaded.machines), None)
        loaded.place_on(args.on or stands or None)
    return run_process(loaded, args.name, args.supervised, args.restarted, args.standby)


def key(args: argparse.Namespace) -> int:
    from .runtime import keys

    keys.make(Path(args.file))
    name = Path(args.file).name
    print(
        f"{args.file}: write key: {name} beside 'machines:' in the graph, and copy both to each machine, safely (scp)"
    )
    return 0


def top(args: argparse.Namespace) -> int:
    from .runtime.control import ask

    def rows() -> list[dict]:
        return ask(args.graph and Path(args.graph), "top", on=args.on)

    if args.json:
        print(json.dumps(rows()))
        return 0
    from rich.console import Console

    from .runtime.table import table

    if args.once:
        Console(highlight=False).print(table(rows()))
        return 0
    import time

    from rich.live import Live

    with Live(table(rows()), auto_refresh=False) as live:
        while True:
            time.sleep(1)
            live.update(table(rows()), refresh=True)


def _running(verb: str) -> Callable[[argparse.Namespace], int]:
    """A command on a running graph."""

    def do(args: argparse.Namespace) -> int:
        from . import running

        return getattr(running, verb)(args)

    return do


def detect(args: argparse.Namespace) -> int:
    from .detect import detect_paths

    return detect_paths(args)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """The arguments, and what to do with them in `do`."""
    if not arguments or arguments[0] not in MODULES:
        return _parser().parse_args(arguments)
    # Its own module knows the verb's arguments; it may load torch, which the other verbs must not wait for.
    try:
        module = importlib.import_module(MODULES[arguments[0]], __package__)
    except ImportError as error:
        sys.exit(_missing(error))
    parser = argparse.ArgumentParser(f"handflow {arguments[0]}", description=module.__doc__)
    module.add_arguments(parser)
    parser.set_defaults(do=module.run)
    return parser.parse_args(arguments[1:])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("handflow", description=sys.modules[__package__].__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, do: Callable[[argparse.Namespace], int], help_: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=help_, description=help_)
        made.set_defaults(do=do)
        return made

    one = verb("run", run, "starts every process of a graph and watches over them")
    one.add_argument("graph", nargs="?", metavar="GRAPH", help="default: ./pipeline.yaml, else the packaged one")
    one.add_argument("--source", help="camera, file or folder: `source` of the one node that has it")
    one.add_argument("--set", action="append", default=[], metavar="NODE.KEY=VALUE", help="beats the file; YAML")
    one.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="stops after so long")
    one.add_argument("--exact", action="store_true", help="every message counts: the same results each time")
    one.add_argument("--on", metavar="MACHINE", help="which of the graph's machines this is")

    one = verb("check", check, "says everything that is wrong with a graph, without a camera")
    one.add_argument("graph", nargs="?", metavar="GRAPH")
    one.add_argument("--json", action="store_true")
    one.add_argument("--schema", action="store_true", help="prints the JSON Schema of graphs, for editors")

    one = verb("graph", graph, "prints a graph as Mermaid text")
    one.add_argument("graph", nargs="?", metavar="GRAPH")
    form = one.add_mutually_exclusive_group()
    form.add_argument("--dot", action="store_true", help="as Graphviz text")
    form.add_argument("--svg", metavar="FILE", help="as a picture")

    one = verb("node", node, "runs one node of a graph alone, in the foreground")
    one.add_argument("name", metavar="NAME")
    one.add_argument("--graph", metavar="GRAPH")
    one.add_argument("--set", action="append", default=[], metavar="NODE.KEY=VALUE")
    one.add_argument("--on", metavar="MACHINE", help="default: the one that the graph puts it on")
    one.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)  # standard input is the supervisor
    one.add_argument("--restarted", action="store_true", help=argparse.SUPPRESS)  # does not wait for its listeners
    one.add_argument("--standby", action="store_true", help=argparse.SUPPRESS)  # takes over from one that works

    one = verb("key", key, "makes the key with which a graph's machines talk to each other")
    one.add_argument("file", metavar="FILE")

    one = verb("top", top, "shows the table of a running graph")
    one.add_argument("--graph", metavar="FILE", help="default: the only one that runs")
    one.add_argument("--on", metavar="MACHINE", help=HERE)
    one.add_argument("--once", action="store_true")
    one.add_argument("--json", action="store_true")

    one = verb("set", _running("set_"), "changes a setting of a running graph")
    one.add_argument("setting", metavar="NODE.KEY=VALUE", help="VALUE is YAML")
    one.add_argument("--graph", metavar="FILE", help="default: the only one that runs")
    one.add_argument("--on", metavar="MACHINE", help=HERE)

    one = verb("get", _running("get"), "shows the settings of a running graph")
    one.add_argument("which", nargs="?", metavar="NODE[.KEY]", help="default: all")
    one.add_argument("--graph", metavar="FILE", help="default: the only one that runs")
    one.add_argument("--on", metavar="MACHINE", help=HERE)
    one.add_argument("--json", action="store_true")

    one = verb("swap", _running("swap"), "replaces a running stage by another, started before the change-over")
    one.add_argument("node", metavar="NODE")
    one.add_argument("--run", metavar="R", help="another stage: a name of ours, a .py file, package.module")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="VALUE is YAML")
    one.add_argument("--graph", metavar="FILE", help="default: the only one that runs")
    one.add_argument("--on", metavar="MACHINE", help=HERE)

    one = verb("save", _running("save"), "writes the running graph's settings into a graph file, comments kept")
    one.add_argument("file", metavar="FILE")
    one.add_argument("--graph", metavar="FILE", help="default: the only one that runs")
    one.add_argument("--on", metavar="MACHINE", help=HERE)

    one = verb("detect", detect, "finds hands in pictures, folders and clips: every frame, no pacing")
    one.add_argument("paths", nargs="+", metavar="PATH")
    one.add_argument("--json", metavar="OUT", help="a line per frame; - is standard output (the default)")
    one.add_argument("--video", metavar="OUT.mp4", help="the hands drawn on the frames")
    one.add_argument("--csv", metavar="OUT", help="a line per hand")
    one.add_argument("--no-track", action="store_true", help="every peak above the threshold; no identities")
    one.add_argument("--profile", choices=("near", "mid", "far"), default="near")
    one.add_argument(
        "--precision", choices=("auto", "fp32", "int8"), default="auto", help="auto: fp32, the same on every machine"
    )
    one.add_argument("--min-score", type=float, metavar="S", help="lets weaker peaks through")

    from .recordings import add_verbs

    add_verbs(verb)
    for name, help_ in (BENCH | TRAINING | OUTPUTS | PAGES).items():
        verbs.add_parser(name, help=help_)
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} found, seconds above 0 expected")
    return seconds


def _missing(error: ImportError) -> str:
    """An import that failed, as what to install."""
    if any(library in str(error) for library in SYSTEM_LIBRARIES):
        return f"opencv-python needs libraries of the system: apt-get install libgl1 libglib2.0-0 ({error})"
    if (error.name or "").split(".")[0] in ("torch", "onnx", "matplotlib"):
        return f"{error.name} is missing, which training needs: pip install 'handflow[train]'"
    if (error.name or "").split(".")[0] in ("av", "mcap_protobuf", "foxglove_schemas_protobuf", "google"):
        return f"{error.name} is missing, which converting needs: pip install 'handflow[video]'"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
