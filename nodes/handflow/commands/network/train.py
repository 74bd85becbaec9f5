"""`handflow train DATA…`: labelled pictures in, a checkpoint out. `handflow train RECIPE.yaml`: a whole training.

A stopped run goes on where it was when the command is given again. A recipe names its data, its stages, and what is
exported and scored in the end (format: training/recipe/recipe.py); `hands.yaml` is one for weights like ours.
"""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

from handflow.commands._arguments import add_strict
from handflow.errors import SetupError
from handflow.training.checkpoint import alone_in
from handflow.training.labels.data import read_labels
from handflow.training.recipe.parse import is_recipe, read_recipe
from handflow.training.recipe.run import run_recipe
from handflow.training.settings import OF_THE_MACHINE, Settings
from handflow.training.train import train


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="label files (JSON lines, COCO, CVAT) or folders (also YOLO); or a recipe, FILE.yaml",
    )
    parser.add_argument("--root", default="", metavar="FOLDER", help="where a recipe's files are (default: beside it)")
    add_strict(parser)
    hints = get_type_hints(Settings, include_extras=True)
    for f in fields(Settings):
        kind, help_ = get_args(hints[f.name])
        text = f"{help_} (default {f.default})".replace("%", "%%")
        # What is not given is not there: a recipe takes only what belongs to the machine.
        if kind is bool:
            parser.add_argument(
                f"--{f.name}", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        elif choices := get_args(kind):
            parser.add_argument(f"--{f.name}", choices=choices, default=argparse.SUPPRESS, help=text)
        else:
            parser.add_argument(f"--{f.name}", type=kind, default=argparse.SUPPRESS, help=text)


def run(args: argparse.Namespace) -> int:
    given = {f.name: getattr(args, f.name) for f in fields(Settings) if hasattr(args, f.name)}
    out = Path(given.get("out", Settings.out))
    if is_recipe(args.data):
        if stray := sorted(given.keys() - {*OF_THE_MACHINE, "bf16"}):
            raise SetupError(f"--{stray[0]}: expected in the recipe, of all stages or of one; {args.data[0]} sets it")
        recipe = read_recipe(args.data[0], args.root)
        if args.strict:
            read_labels([path for each in recipe.data for path in each.labels], strict=True)
        with alone_in(out):
            run_recipe(recipe, given)
    elif args.root:
        raise SetupError("--root is of a recipe; name FILE.yaml")
    else:
        with alone_in(out):
            train(read_labels(args.data, args.strict), Settings(**given))
    return 0
