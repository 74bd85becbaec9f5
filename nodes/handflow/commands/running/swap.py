"""`handflow swap NODE`: replaces a running stage by another, started before the change-over."""

import argparse
from pathlib import Path

from handflow.commands._arguments import add_running, running_file
from handflow.commands._settings import setting
from handflow.runtime.process.control_client import CHANGE_S, ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", metavar="NODE")
    parser.add_argument("--run", metavar="R", help="another stage: a name of ours, a .py file, package.module")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="VALUE is YAML")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    settings = dict(setting(text, "--set") for text in args.set)
    run = args.run
    if run and run.endswith(".py") and Path(run).is_file():  # else beside the graph
        run = str(Path(run).absolute())
    ask(running_file(args), "swap", CHANGE_S, args.on, node=args.node, run=run, settings=settings)
    return 0
