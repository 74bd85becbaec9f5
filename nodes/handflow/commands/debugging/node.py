"""`handflow node NAME`: one node of a graph alone, in the foreground: what `run` starts, or a debugger."""

import argparse
from pathlib import Path

from handflow.runtime.graph.graph import Graph
from handflow.runtime.process.process import run_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", metavar="NAME")
    add("--graph", metavar="GRAPH")
    add("--set", action="append", default=[], metavar="NODE.KEY=VALUE")
    add("--on", metavar="MACHINE", help="default: the one that the graph puts it on")
    # What the dataflow says that `deploy --to dora` writes.
    add("--dora", action="store_true", help=argparse.SUPPRESS)
    add("--exact", action="store_true", help=argparse.SUPPRESS)
    # What the supervisor says to the processes that it starts.
    add("--supervised", action="store_true", help=argparse.SUPPRESS)  # standard input is the supervisor
    add("--restarted", action="store_true", help=argparse.SUPPRESS)  # does not wait for its listeners
    add("--standby", action="store_true", help=argparse.SUPPRESS)  # takes over from one that works
    add("--spare", action="store_true", help=argparse.SUPPRESS)  # takes over from one on another machine


def run(args: argparse.Namespace) -> int:
    if args.supervised:
        graph = Graph.read_copy(Path(args.graph))
    else:
        from handflow.commands._graphs import apply_settings, graph_of  # YAML takes 50 ms of a process's start

        graph = graph_of(args.graph)
        apply_settings(graph, args.set)
        stands = graph.nodes[args.name].on if args.name in graph.nodes else next(iter(graph.machines), None)
        graph.place_on(args.on or stands or None)
    if args.dora:
        from handflow.runtime.dora.process import run_in_dataflow  # Arrow is in an extra

        graph.exact = args.exact
        return run_in_dataflow(graph, args.name)
    return run_process(graph, args.name, args.supervised, args.restarted, args.standby, args.spare)
