"""`handflow save FILE`: the running graph's settings in a graph file, comments kept."""

import argparse
from pathlib import Path

from handflow.commands._arguments import add_running, running_file
from handflow.commands._console import complain
from handflow.runtime.process.control_client import ask
from handflow.runtime.process.saving import save_changes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    written = save_changes(ask(running_file(args), "changes", on=args.on), Path(args.file))
    complain(f"{args.file}: {', '.join(written) or 'nothing has been changed'}")
    return 0
