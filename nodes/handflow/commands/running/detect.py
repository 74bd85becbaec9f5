"""`handflow detect`: pictures, folders and clips through the stages, in one process: every frame, no pacing.

Writes a JSON line per frame, a CSV line per hand, a video with the hands drawn on it.
"""

import argparse
import contextlib
from pathlib import Path

from handflow.outputs.result_files import LineWriter, ResultWriter, TableWriter, VideoWriter, writable
from handflow.pipeline import detect
from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH")
    add("--json", metavar="OUT", help="write a JSON line per frame; - is standard output (the default)")
    add("--video", metavar="OUT.mp4", help="write a video with the hands drawn on the frames")
    add("--csv", metavar="OUT", help="write a line per hand")
    add("--no-track", action="store_true", help="list every peak above the threshold, without identities")
    add("--profile", choices=("near", "mid", "far"), default="near")
    add("--precision", choices=("auto", "fp32", "int8"), default="auto", help="auto: fp32, the same on every machine")
    add("--min-score", type=float, metavar="S", help="let weaker peaks through")


def run(args: argparse.Namespace) -> int:
    model = HeatmapNode(profile=args.profile, precision=args.precision)
    with contextlib.ExitStack() as outputs:
        writers: list[ResultWriter] = []
        if args.json or not (args.csv or args.video):
            writers.append(LineWriter(outputs.enter_context(writable(args.json or "-"))))
        if args.csv:
            writers.append(TableWriter(outputs.enter_context(writable(args.csv))))
        if args.video:
            video = VideoWriter(Path(args.video))
            outputs.callback(video.close)
            writers.append(video)
        outputs.enter_context(started(model))
        for path in args.paths:
            for result in detect(path, model, track=not args.no_track, min_score=args.min_score):
                for writer in writers:
                    writer.write(result)
    return 0
