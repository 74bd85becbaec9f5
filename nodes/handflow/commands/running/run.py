"""`handflow run`: starts every process of a graph and watches over them."""

import argparse
import contextlib
from pathlib import Path

from handflow.commands._arguments import add_graph, positive
from handflow.commands._graphs import apply_settings, apply_source, graph_file
from handflow.commands._log_file import LogFile
from handflow.commands._supervise import supervise
from handflow.errors import GraphError
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read
from handflow.runtime.process.tracing.trace_file import trace_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_graph(parser)
    add("--source", help="camera, file or folder: `source` of the one node that has it")
    add("--set", action="append", default=[], metavar="NODE.KEY=VALUE", help="overrides the file; VALUE is YAML")
    add("--for", dest="for_s", type=positive, metavar="SECONDS", help="stops after this time")
    add("--log", type=Path, metavar="FILE", help="what is said, into a file too: 10 MB, and five of before")
    add("--trace", type=Path, metavar="FILE", help="what each stage did when, for ui.perfetto.dev; about 40 MB an hour")
    add("--exact", action="store_true", help="every message counts: the same results each time")
    add("--watch", action="store_true", help="follows the file: what is changed in it is applied while the graph runs")
    add("--on", metavar="MACHINE", help="which of the graph's machines this is")


def run(args: argparse.Namespace) -> int:
    if args.watch and args.exact:
        raise GraphError(["--watch: an exact run is not changed; leave out --exact, or --watch"])
    file = graph_file(args.graph)

    def graph() -> Graph:
        found = read(file)
        apply_settings(found, args.set)
        if args.source is not None:
            apply_source(found, args.source)
        found.place_on(args.on)
        found.exact = args.exact
        return found

    with contextlib.ExitStack() as ends:
        log = ends.enter_context(contextlib.closing(LogFile(args.log))).say if args.log else lambda line: None
        checked = graph()
        trace = ends.enter_context(trace_file(args.trace, checked.file)) if args.trace else None
        supervise(checked, log=log, reread=graph if args.watch else None, trace=trace)(args.for_s)
    return 0
