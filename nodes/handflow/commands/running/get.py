"""`handflow get [NODE[.KEY]]`: a line for each setting, which `set` reads again; a single one as its bare value."""

import argparse
from typing import Any

from handflow.commands._arguments import add_running, running_file
from handflow.runtime.graph.yaml_edit import flow
from handflow.runtime.names import dumps
from handflow.runtime.process.control_client import ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", metavar="NODE[.KEY]", help="default: all")
    add_running(parser)
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    node, _, key = (args.which or "").partition(".")
    found: dict[str, dict[str, Any]] = ask(running_file(args), "get", on=args.on, node=node or None, key=key or None)
    if args.json:
        print(dumps(found))
    elif key:
        print(flow(found[node][key]))
    else:
        for name, settings in found.items():
            for each, given in settings.items():
                print(f"{name}.{each}={flow(given)}")
    return 0
