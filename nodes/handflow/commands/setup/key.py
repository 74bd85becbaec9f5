"""`handflow key FILE`: the key with which a graph's machines talk to each other."""

import argparse
from pathlib import Path

from handflow.commands._console import say
from handflow.runtime import keys
from handflow.runtime.graph.yaml_edit import scalar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")


def run(args: argparse.Namespace) -> int:
    keys.make(Path(args.file))
    name = scalar(Path(args.file).name)
    say(f"{args.file}: write key: {name} beside 'machines:' in the graph, and copy both to each machine, safely (scp)")
    return 0
