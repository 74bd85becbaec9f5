"""`handflow export SOURCE`: a trained network as model files for the heatmap stage."""

import argparse
from pathlib import Path

from handflow.commands._arguments import add_strict, number
from handflow.commands._console import say
from handflow.errors import SetupError
from handflow.training.export import VOTES, Measured, export, remeasure, requantise
from handflow.training.network import MULTIPLE, PARTS
from handflow.training.two_scales import export_two_scales
from handflow.vision.model import PROFILES, model_path, open_model


def run(args: argparse.Namespace) -> int:
    source, out = Path(args.source), Path(args.out)
    measured_on = Measured(args.labels, args.evidence, args.strict)
    if source.suffix == ".onnx":
        if args.average is not None:
            raise SetupError(f"{source}: --average takes a checkpoint's weights and another model's; got a model file")
        if args.bias:
            raise SetupError(f"{source}: --bias is added to a checkpoint's map of any hand; got a model file")
        if args.votes is not None:
            raise SetupError(f"{source}: --votes are of a checkpoint's parts of people; got a model file")
        if args.sizes and not args.two_scales:
            raise SetupError(f"{source}: --sizes is for a file that looks at two scales: --two-scales")
        if args.two_scales:
            made = export_two_scales(source, out, args.name, dict(args.sizes), measured_on)
        elif args.calibration:
            made = requantise(source, out, args.calibration, measured_on)
        elif args.evidence:
            made = remeasure(source, out, measured_on)
        else:
            raise SetupError(
                f"{source}: quantising a model file needs labelled pictures: --calibration DATA (--evidence CLIPS "
                "alone measures it and leaves it as it is)"
            )
    elif args.calibration:
        raise SetupError(f"{source}: a checkpoint has pictures to calibrate with; --calibration is for .onnx files")
    elif args.two_scales or args.sizes:
        raise SetupError(f"{source}: --two-scales and --sizes are for model files; export the checkpoint first")
    else:
        other = None if args.average is None else model_path(args.average)
        votes = VOTES if args.votes is None else dict(args.votes)
        made = export(source, out, args.name, measured_on, other, args.share, args.bias, votes)
    for path in made:
        strays = open_model(path).metadata.get("strays")
        from_what = "" if strays is None else f", strays by {strays} from what it was made of"
        say(f"{path}: {path.stat().st_size / 1e6:.2f} MB{from_what}")
    return 0


def vote(text: str) -> tuple[str, float]:
    """PART=WEIGHT of `--votes`."""
    name, _, weight = text.partition("=")
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"expected {'|'.join(PARTS)}=WEIGHT, got {text}")
    return name, number(-9, 9)(weight)


def profile_size(text: str) -> tuple[str, tuple[int, int]]:
    """PROFILE=WIDTHxHEIGHT of `--sizes`, for two scales."""
    name, _, size = text.partition("=")
    width, _, height = size.partition("x")
    if name not in PROFILES or not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected {'|'.join(PROFILES)}=WIDTHxHEIGHT, got {text}")
    if not (int(width) and int(height)) or int(width) % MULTIPLE or int(height) % MULTIPLE:
        raise argparse.ArgumentTypeError(f"expected a size in multiples of {MULTIPLE}, got {text}")
    return name, (int(width), int(height))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="checkpoint.pt of `handflow train`; or an fp32 .onnx file, to make its int8 form; or any .onnx file to "
        "measure",
    )
    parser.add_argument("-o", "--out", default="models", help="folder for the files (default models)")
    parser.add_argument("--name", default="hands", help="name of the model that is made (default hands)")
    parser.add_argument(
        "--calibration", nargs="+", metavar="DATA", help="labelled pictures that an .onnx file is quantised with"
    )
    parser.add_argument(
        "--average",
        metavar="MODEL",
        help="take the mean of the checkpoint's weights and those of this packaged model, file or checkpoint: less of "
        "what that knew is forgotten",
    )
    parser.add_argument(
        "--share", type=number(0, 1), default=0.65, metavar="S", help="of the checkpoint in that mean (default 0.65)"
    )
    parser.add_argument(
        "--bias",
        type=number(-9, 9),
        default=0.0,
        metavar="B",
        help="add this to the map of any hand, before it is made 0..1: more finds more hands and more that is none "
        "(default 0)",
    )
    shipped = " ".join(f"{part}={weight:g}" for part, weight in VOTES.items())
    parser.add_argument(
        "--votes",
        nargs="+",
        type=vote,
        metavar="PART=WEIGHT",
        help="what heads, wrists and other parts of people add to the map of any hand, where a network has learned "
        f"them (train --parts; default {shipped}; wrist=0: nothing)",
    )
    parser.add_argument(
        "--two-scales",
        action="store_true",
        help="make of a model file one that looks at the picture at two scales: fewer false hands, in more time",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=profile_size,
        default=[],
        metavar="PROFILE=WIDTHxHEIGHT",
        help="of that file: as large as this it is shown a 16:9 picture at a profile (default: twice as wide and high)",
    )
    parser.add_argument(
        "--labels", nargs="*", metavar="LABELS", help="score the files on these and keep the scores in them"
    )
    parser.add_argument(
        "--evidence",
        nargs="+",
        metavar="CLIPS",
        help="measure on these labelled clips how much a look speaks for a hand, and keep it in the files: the "
        "tracker's evidence goes by it, else by the shipped weights'",
    )
    add_strict(parser)
