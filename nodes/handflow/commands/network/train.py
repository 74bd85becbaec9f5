"""`handflow train DATA…`: labelled pictures in, a checkpoint out.

A stopped run goes on where it was when the command is given again.
"""

import argparse
from dataclasses import fields
from typing import get_args, get_type_hints

from handflow.training.settings import Settings
from handflow.training.train import train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", nargs="+", metavar="DATA", help="label files (JSON lines, COCO, CVAT) or folders (also YOLO)"
    )
    hints = get_type_hints(Settings, include_extras=True)
    for f in fields(Settings):
        kind, help_ = get_args(hints[f.name])
        text = f"{help_} (default {f.default})".replace("%", "%%")
        if kind is bool:
            parser.add_argument(f"--{f.name}", action=argparse.BooleanOptionalAction, default=f.default, help=text)
        elif choices := get_args(kind):
            parser.add_argument(f"--{f.name}", choices=choices, default=f.default, help=text)
        else:
            parser.add_argument(f"--{f.name}", type=kind, default=f.default, help=text)


def run(args: argparse.Namespace) -> int:
    train(args.data, Settings(**{f.name: getattr(args, f.name) for f in fields(Settings)}))
    return 0
