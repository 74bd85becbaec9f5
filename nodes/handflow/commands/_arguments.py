"""What arguments of the command line may be, and those that several verbs share. Errors: argparse.ArgumentTypeError."""

import argparse
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ON_HELP = "where the graph runs as several machines on this one"


class NameParser(argparse.ArgumentParser):
    """Takes files whose names begin with a dash for what they are, where no option is called so."""

    def _parse_optional(self, arg_string: str) -> Any:
        option = arg_string.partition("=")[0]
        if option not in self._option_string_actions and os.path.lexists(arg_string):
            return None  # not an option
        return super()._parse_optional(arg_string)

    def error(self, message: str) -> NoReturn:
        lacks = re.search(r"unrecognized arguments: -|expected (one|at least one) argument", message)
        super().error(f"{message}; a name that begins with a dash is written ./-name" if lacks else message)


def number(low: float = -math.inf, high: float = math.inf, above: float = -math.inf) -> Callable[[str], float]:
    """A number from `low` to `high` that is greater than `above`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (low <= value <= high and value > above and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"expected {_expected('a number', low, high, above)}, got {text!r}")
        return value

    return read


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def read(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else low - 1
        if value < low or (high is not None and value > high):
            limit = math.inf if high is None else high
            raise argparse.ArgumentTypeError(f"expected {_expected('a whole number', low, limit)}, got {text!r}")
        return value

    return read


def _expected(what: str, low: float, high: float, above: float = -math.inf) -> str:
    parts = [what]
    if above > -math.inf:
        parts.append(f"above {above:g}")
    if low > -math.inf:
        parts.append(f"from {low:g}")
    if high < math.inf:
        parts.append(f"to {high:g}")
    return " ".join(parts)


positive = number(above=0)
port = whole(0, 65535)


def names(text: str) -> list[str]:
    """NODE,NODE."""
    return [name.strip() for name in text.split(",") if name.strip()]


def add_graph(parser: argparse.ArgumentParser, help_: str = "default: ./pipeline.yaml, else the packaged one") -> None:
    """GRAPH: the graph's file."""
    parser.add_argument("graph", nargs="?", metavar="GRAPH", help=help_)


def add_running(parser: argparse.ArgumentParser) -> None:
    """`--graph` and `--on`: which running graph a command is for."""
    parser.add_argument("--graph", metavar="FILE", help="default: the only one that runs")
    parser.add_argument("--on", metavar="MACHINE", help=ON_HELP)


def running_file(args: argparse.Namespace) -> Path | None:
    """What `add_running` asked for."""
    return Path(args.graph) if args.graph else None


def add_strict(parser: argparse.ArgumentParser) -> None:
    """`--strict`: of every command that reads labels."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse labels of which a box or picture cannot be used",
    )


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """How frames are stored in a recording."""
    parser.add_argument("--pictures", choices=("jpeg", "png"), default="jpeg", help="png: lossless, 30 times slower")
    parser.add_argument("--quality", type=whole(1, 100), default=90, metavar="1..100", help="of JPEG (default 90)")
