"""`handflow save FILE`: the running graph's settings in a graph file, comments kept."""

import argparse
from pathlib import Path

from handflow.commands._arguments import add_running, running_file
from handflow.commands._console import complain
from handflow.runtime.graph.edits import edits
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.yaml_edit import save
from handflow.runtime.process.control_client import ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    changes = ask(running_file(args), "changes", on=args.on)
    source, target = Path(changes["file"]), Path(args.file).absolute()
    before = read(source)
    after = before.copy()
    for name, node in changes["nodes"].items():
        if name in after.nodes:  # not a node that the file has not, such as a recorder
            after.nodes[name].run, after.nodes[name].settings = node["run"], node["with"]
    found = edits(before, after, target.parent)
    save(target, found, source=source)
    what = ", ".join(f"{path[1]}.{path[-1]}" for path in found) or "nothing has been changed"
    complain(f"{args.file}: {what}")
    return 0
