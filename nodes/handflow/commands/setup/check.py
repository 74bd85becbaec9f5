"""`handflow check`: says everything that is wrong with a graph, without a camera."""

import argparse
import json

from handflow.commands._arguments import add_graph
from handflow.commands._console import say
from handflow.commands._graphs import graph_of
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.schema import schema
from handflow.runtime.names import dumps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_graph(parser)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--schema", action="store_true", help="prints the JSON Schema of graphs, for editors")


def run(args: argparse.Namespace) -> int:
    if args.schema:
        print(json.dumps(schema(), indent=2))
        return 0
    graph = graph_of(args.graph)
    stages = resolve(graph)
    if args.json:
        print(dumps({"graph": str(graph.file), "nodes": list(stages), "errors": []}))
        return 0
    say(f"{graph.file}: {len(stages)} nodes, nothing wrong")
    for machine in graph.machines.values():
        taken = [f"{port} {name}" for (name, on), port in graph.ports().items() if on == machine.name]
        print(f"{machine.name} listens on {machine.host}: {', '.join([f'{machine.port} its supervisor', *taken])}")
    return 0
