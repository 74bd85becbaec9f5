"""`handflow convert`: recording -> .mp4, .webp, .gif, .csv, .mcap for Foxglove and Rerun; video -> recording."""

import argparse
from pathlib import Path

from handflow.commands._arguments import add_pictures
from handflow.commands._console import LeftOut, say
from handflow.recording.conversion import convert
from handflow.recording.metadata import PictureFormat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("-o", dest="out", metavar="FILE", type=Path, required=True)
    parser.add_argument(
        "--output", metavar="NODE", help="which output, where there are several; a video's name: camera"
    )
    parser.add_argument("--draw", action="store_true", help="draws the hands on the frames of a video or animation")
    add_pictures(parser)


def run(args: argparse.Namespace) -> int:
    left_out = LeftOut()
    form = PictureFormat(args.pictures, args.quality)
    count = convert(args.file, args.out, args.output, args.draw, form, left_out.report)
    what = "hands" if args.out.suffix.lower() == ".csv" else "pictures"
    say(f"{args.out}: {count} {what}")
    return left_out.status
