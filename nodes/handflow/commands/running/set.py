"""`handflow set NODE.KEY=VALUE`: changes a setting of a running graph."""

import argparse

from handflow.commands._arguments import add_running, running_file
from handflow.commands._settings import node_setting
from handflow.runtime.process.control_client import CHANGE_S, ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("setting", metavar="NODE.KEY=VALUE", help="VALUE is YAML")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    setting = node_setting(args.setting, "set")
    ask(running_file(args), "set", CHANGE_S, args.on, **setting._asdict())
    return 0
