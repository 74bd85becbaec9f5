"""What `handflow evaluate` takes, and which of it goes together."""

import argparse

from handflow.commands._arguments import add_strict, number, whole
from handflow.errors import SetupError
from handflow.stages.heatmap import HeatmapNode
from handflow.training.conditions import CONDITIONS


def check(args: argparse.Namespace) -> None:
    """Raises SetupError for arguments that contradict each other."""
    if not args.labels and not args.demo:
        raise SetupError("nothing to evaluate on: name label files or folders of them, or --demo HANDS")
    for asked in ("detections", "json_lines", "draw"):
        if getattr(args, asked) and not args.labels:
            raise SetupError(f"--{asked.replace('_', '-')} is about labelled pictures: name label files or folders")
    if args.maps and args.profile[0] == "gaze":
        raise SetupError("--maps draws what models see of the whole: name near, mid or far as the first --profile")
    if args.json_lines and len(args.model) * len(args.profile) > 1:
        raise SetupError("--json-lines takes the detections of one model at one profile")
    if args.maps and (args.detections or not args.report):
        raise SetupError("--maps draws what models see into the folder of --report; --detections have no maps")
    if args.as_seen_by and (args.detections or args.json_lines or args.demo):
        raise SetupError(
            "--as-seen-by shows models labelled pictures; it takes no --detections, --json-lines or --demo"
        )
    if args.palm and (not args.labels or args.detections or args.as_seen_by or args.json_lines):
        raise SetupError("--palm is scored beside models on labelled pictures as they are; name label files or folders")
    if args.size and args.detections:
        raise SetupError("--size is about what models see; it takes no --detections")
    if args.as_seen_by and not args.labels:
        raise SetupError("--as-seen-by is about labelled pictures: name label files or folders")


def joined(text: str) -> tuple[str, list[str]]:
    """NAME=SOURCE,SOURCE of `--join`."""
    name, _, sources = text.partition("=")
    if not name or not all(sources.split(",")):
        raise argparse.ArgumentTypeError(f"expected NAME=SOURCE,SOURCE, got {text}")
    return name, sources.split(",")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "labels",
        nargs="*",
        metavar="LABELS",
        help="label files (JSON lines, COCO, CVAT) or folders of them (also YOLO)",
    )
    add("--profile", nargs="+", choices=["near", "mid", "far", "gaze"], default=["near"], help="several: side by side")
    effort = "of gaze: work a frame, in looks at the whole at near (default 1)"
    add("--effort", type=number(0.1, 10), default=HeatmapNode.effort, metavar="E", help=effort)
    add(
        "--model",
        nargs="+",
        default=["hands"],
        help="a packaged model by name, or the path of an ONNX file; or several",
    )
    add("--precision", choices=["fp32", "int8"], default="fp32", help="(default fp32)")
    add("--subpixel", choices=["log", "offset", "mean"], default="log", help="how a peak is refined")
    add("--held-out", action="store_true", help="only groups of pictures that the model's own training held back")
    add(
        "--as-seen-by",
        nargs="+",
        choices=[*CONDITIONS, "all"],
        default=[],
        metavar="CONDITION",
        help=f"show the pictures as another camera or light would, labels and all: {', '.join(CONDITIONS)}; all: each",
    )
    add(
        "--join",
        nargs="+",
        type=joined,
        default=[],
        metavar="NAME=SOURCE,SOURCE",
        help="count sources as one besides, in a row of that name: crowds=coco_nc,coco_cc",
    )
    add(
        "--size",
        nargs=2,
        type=number(0, 1),
        metavar=("LOW", "HIGH"),
        help="count only hands so large, of the picture's width; others are regions to ignore",
    )
    add("--thresholds", action="store_true", help="also tell where the thresholds should lie, and the curves")
    add("--detections", metavar="FILE", help="score these JSON lines, of `detect` or of another program, and no model")
    add(
        "--palm",
        metavar="FILE",
        help="also score MediaPipe's palm detector, of the file that `teach` takes, on whole pictures and on tiles",
    )
    add("--json-lines", metavar="OUT", help="also write what was found, in `detect`'s format")
    add(
        "--demo",
        type=whole(1, 20),
        metavar="HANDS",
        help="also follow so many hands through the demo, whose truth is known",
    )
    add("--seconds", type=number(0.1, 3600), default=20.0, help="of the demo (default 20)")
    add(
        "--prior-gain",
        type=number(0, 4),
        default=0.0,
        metavar="G",
        help="of the heatmap stage, where hands are followed",
    )
    _add_reports(parser)
    _add_clip_arguments(parser)
    add_strict(parser)
    add("--json", action="store_true", help="print the figures as JSON")


def _add_reports(parser: argparse.ArgumentParser) -> None:
    """What is drawn beside the figures."""
    add = parser.add_argument
    add(
        "--report",
        metavar="FOLDER",
        help="also write curves, contact sheets of the worst pictures, AP over time, as PNG",
    )
    add("--worst", type=whole(1, 300), default=30, metavar="N", help="pictures on the contact sheet (default 30)")
    add("--maps", metavar="PICTURE", help="also draw into the report what each model's two maps show of a picture")
    add("--draw", metavar="FOLDER", help="also write each picture with what was found in it")


def _add_clip_arguments(parser: argparse.ArgumentParser) -> None:
    """Of labelled clips alone."""
    add = parser.add_argument
    add(
        "--evidence",
        action="store_true",
        help="of labelled clips only: what the tracker finds with evidence and without; with --size, palms of a size",
    )
    add(
        "--calibrate",
        action="store_true",
        help="of labelled clips only: how much a look speaks for a hand; `export --evidence` writes it into a file",
    )
