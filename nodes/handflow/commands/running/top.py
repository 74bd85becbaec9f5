"""`handflow top`: the table of a running graph."""

import argparse
import time

from rich.live import Live

from handflow.commands._arguments import add_running, running_file
from handflow.commands._terminal import PlainConsole
from handflow.runtime.names import dumps
from handflow.runtime.process.control_client import ask
from handflow.runtime.process.status_table import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_running(parser)
    parser.add_argument("--once", action="store_true", help="prints it once and ends")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    def rows() -> list[dict]:
        return ask(running_file(args), "top", on=args.on)

    if args.json:
        print(dumps(rows()))
        return 0
    if args.once:
        PlainConsole().print(table(rows()))
        return 0
    console = PlainConsole()
    if not console.is_terminal:
        # Live would hold everything back to its end.
        while True:
            console.print(table(rows()))
            time.sleep(1)
    with Live(table(rows()), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(1)
            live.update(table(rows()), refresh=True)
