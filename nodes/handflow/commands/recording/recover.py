"""`handflow recover FILE -o FILE`: a whole recording of one that was cut off or damaged."""

import argparse
from pathlib import Path

from handflow.commands._console import say
from handflow.recording.recovery import recover


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("-o", dest="out", metavar="FILE", type=Path, required=True)


def run(args: argparse.Namespace) -> int:
    done = recover(args.file, args.out)
    say(f"{args.out}: {done.chunks} chunks with {done.messages} messages")
    for line in done.lost:
        say(f"left out: {line}")
    return 0
