"""`handflow key FILE`: the key with which a graph's machines talk to each other."""

import argparse
from pathlib import Path

from handflow.runtime import keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")


def run(args: argparse.Namespace) -> int:
    keys.make(Path(args.file))
    name = Path(args.file).name
    print(
        f"{args.file}: write key: {name} beside 'machines:' in the graph, and copy both to each machine, safely (scp)"
    )
    return 0
