"""`handflow gestures teach NAME CLIP...`: a gesture of your own, from five clips or recordings that show it once each.

The hand that moves farthest in each is the example. The file is what the stage `gestures` reads as `own`.
`handflow gestures draw`: a small moving picture of each gesture that the stage knows.
"""

import argparse
import re
from pathlib import Path

import numpy as np

from handflow.errors import SetupError
from handflow.pipeline import detect
from handflow.runtime.files import result_file
from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode
from handflow.synthetic.gesture_pictures import picture
from handflow.synthetic.gestures import GESTURES
from handflow.vision.gestures.recogniser import NAMES, PLAYER
from handflow.vision.gestures.templates import NAME, OwnGesture, example_of, load_own, save_own

ENOUGH = 5  # examples


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="do_what", required=True, metavar="teach|draw")
    teaching = actions.add_parser("teach", help="a gesture of your own, from clips")
    add = teaching.add_argument
    add("name", metavar="NAME", help="of the gesture: small letters, digits and _")
    add("clips", nargs="+", metavar="CLIP", help="clips or recordings, the gesture once in each")
    add("-o", "--out", default="gestures.json", metavar="FILE", help="default: gestures.json")
    add("--profile", choices=("near", "mid", "far"), default="mid")
    drawing = actions.add_parser("draw", help="a moving picture (SVG) of each gesture")
    drawing.add_argument("-o", "--out", default="gestures", metavar="FOLDER", help="default: gestures")


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    return draw(Path(args.out)) if args.do_what == "draw" else teach(args)


def draw(folder: Path) -> int:
    """Writes a picture of each gesture."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in GESTURES:
        with result_file(folder / f"{name}.svg") as part:
            part.write_text(picture(name), "utf-8")
    print(f"{folder} has pictures of {', '.join(GESTURES)}")
    return 0


def teach(args: argparse.Namespace) -> int:
    """Learns a gesture from clips."""
    if not re.fullmatch(NAME, args.name) or args.name in (*NAMES, PLAYER):
        raise SetupError(f"NAME: expected small letters, digits and _, and no gesture of ours, got {args.name!r}")
    file = Path(args.out)
    known = load_own(file) if file.exists() else {}
    examples = []
    with started(HeatmapNode(profile=args.profile)) as model:
        for clip in args.clips:
            examples.append(example(clip, model))
            print(f"{clip}: {examples[-1][1]:.1f} s, {examples[-1][2]:.1f} hand sizes", flush=True)
    paths, seconds, lengths = zip(*examples, strict=True)
    known[args.name] = OwnGesture(
        paths=[[(x, y) for x, y in path.round(4).tolist()] for path in paths],
        seconds=list(seconds),
        lengths=list(lengths),
    )
    save_own(file, known)
    few = "" if len(examples) >= ENOUGH else f"; {ENOUGH} examples tell it more surely than {len(examples)}"
    print(f"{file} has {', '.join(known)}{few}. In the graph: gestures: {{run: gestures, in: tracker,")
    print(f"  with: {{own: {file}}}}}; in a running one: handflow set gestures.own={file}")
    return 0


def example(clip: str, model: HeatmapNode) -> tuple[np.ndarray, float, float]:
    """The example that a clip shows. SetupError."""
    by_id: dict[int, list[tuple[float, float, float, float]]] = {}
    for result in detect(clip, model):
        line = result.line
        aspect = line["height"] / line["width"]
        for hand in line["hands"]:
            by_id.setdefault(hand["id"], []).append((line["t"], hand["x"], hand["y"] * aspect, 2 * hand["radius"]))
    best, farthest = None, 0.0
    for samples in by_id.values():
        columns = np.array(samples)
        points = columns[:, 1:3] / np.median(columns[:, 3])
        way = float(np.hypot(*np.diff(points, axis=0).T).sum())
        if way > farthest and len(points) > 3:
            best, farthest = (columns[:, 0], points), way
    if best is None:
        raise SetupError(f"{clip}: expected a hand that makes the gesture, found none; is it seen by handflow detect?")
    try:
        return example_of(*best)
    except SetupError as error:
        raise SetupError(f"{clip}: {error}") from error
