"""`handflow detect`: pictures, folders, clips and recordings through the stages: every frame, no pacing, one process.

Writes a JSON line per frame, a CSV line per hand, a video with the hands drawn on it. What cannot be read is told and
left out, with exit status 1 at the end.
"""

import argparse
import contextlib
from collections.abc import Iterator

from handflow.commands._console import LeftOut
from handflow.errors import SetupError
from handflow.outputs.result_files import FrameResult, LineWriter, ResultWriter, TableWriter, text_output, video
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
    add("--profile", choices=("near", "mid", "far", "gaze"), default="near")
    add("--precision", choices=("auto", "fp32", "int8"), default="auto", help="auto: fp32, the same on every machine")
    add(
        "--min-score",
        type=float,
        metavar="S",
        help="let weaker peaks through; in clips each frame is then for itself, without evidence over time",
    )


def run(args: argparse.Namespace) -> int:
    left_out = LeftOut()
    model = HeatmapNode(profile=args.profile, precision=args.precision)
    with contextlib.ExitStack() as outputs:
        writers: list[ResultWriter] = []
        if args.json or not (args.csv or args.video):
            writers.append(LineWriter(outputs.enter_context(text_output(args.json or "-"))))
        if args.csv:
            writers.append(TableWriter(outputs.enter_context(text_output(args.csv))))
        if args.video:
            writers.append(outputs.enter_context(video(args.video)))
        outputs.enter_context(started(model))
        found = False
        try:
            for path in args.paths:
                for result in _results(path, model, args, left_out):
                    for writer in writers:
                        writer.write(result)
                    found = True
        except KeyboardInterrupt:  # what there was until then is kept
            if not found:
                raise
        if left_out.status and not found:
            raise SetupError("")  # it has been told why; no file is replaced by one of nothing
    return left_out.status


def _results(path: str, model: HeatmapNode, args: argparse.Namespace, left_out: LeftOut) -> Iterator[FrameResult]:
    """What is found in `path`; one that cannot be read keeps nobody from the others."""
    try:
        yield from detect(path, model, not args.no_track, args.min_score, left_out.report)
    except SetupError as error:
        left_out.report(str(error))
