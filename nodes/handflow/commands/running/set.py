"""`handflow set NODE.KEY=VALUE`: changes a setting of a running graph."""

import argparse

from handflow.commands._arguments import add_running, running_file
from handflow.errors import GraphError
from handflow.runtime.graph.parse import value
from handflow.runtime.process.control_client import CHANGE_S, ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("setting", metavar="NODE.KEY=VALUE", help="VALUE is YAML")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    target, equals, text = args.setting.partition("=")
    node, dot, key = target.partition(".")
    if not (equals and dot and node and key):
        raise GraphError([f"set {args.setting}: NODE.KEY=VALUE expected"])
    ask(running_file(args), "set", CHANGE_S, args.on, node=node, key=key, value=value(text))
    return 0
