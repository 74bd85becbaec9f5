"""`handflow graph`: a graph as Mermaid, Graphviz or SVG."""

import argparse
from pathlib import Path

from handflow.commands._arguments import add_graph
from handflow.commands._graphs import graph_of
from handflow.runtime.files import result_file
from handflow.runtime.graph import diagram
from handflow.runtime.graph.resolve import resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_graph(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--dot", action="store_true", help="as Graphviz text")
    form.add_argument("--svg", metavar="FILE", help="as a picture")


def run(args: argparse.Namespace) -> int:
    stages = resolve(graph_of(args.graph))
    if args.svg:
        with result_file(Path(args.svg)) as file:
            file.write_text(diagram.svg(stages), "utf-8")
    else:
        print(diagram.dot(stages) if args.dot else diagram.mermaid(stages))
    return 0
