"""`handflow evaluate LABELS…`: how well a model finds labelled hands, through the stage's own functions."""

import argparse
import contextlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from handflow.capture.images import write_image
from handflow.errors import SetupError
from handflow.outputs.result_files import text_output
from handflow.runtime.inline import started
from handflow.runtime.names import dumps
from handflow.stages.heatmap import HeatmapNode
from handflow.training.conditions import CONDITIONS
from handflow.training.evaluation import evidence
from handflow.training.evaluation import tracking as clips
from handflow.training.evaluation.as_seen_by import as_seen_by, conditions_table
from handflow.training.evaluation.calibration import calibrate, labelled_clips, stage_of
from handflow.training.evaluation.detections import detections_in, read_lines, write_lines
from handflow.training.evaluation.evaluate import Profile, detections_of, heading
from handflow.training.evaluation.figures import figures
from handflow.training.evaluation.gazing import detections_of_gaze
from handflow.training.evaluation.matching import Detections
from handflow.training.evaluation.palms import NAME, ZOOMS, detections_of_palms
from handflow.training.evaluation.report import (
    comparison,
    empty_line,
    evidence_table,
    palms_line,
    table,
    thresholds_text,
    tracking_table,
)
from handflow.training.evaluation.report_images import (
    contact_sheet,
    draw_costs,
    draw_curves,
    draw_detections,
    draw_maps,
    worst_pictures,
)
from handflow.training.labels.data import LabelError, read_labels
from handflow.training.labels.images import read_image
from handflow.training.labels.pictures import LabelledPicture, split
from handflow.training.targets import IGNORE
from handflow.training.teaching.palm_detector import PalmDetector
from handflow.vision.model import Model, model_path, open_model

from ._evaluate_arguments import add_arguments as add_arguments
from ._evaluate_arguments import check


def run(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    check(args)
    if args.evidence or args.calibrate:
        return of_clips(args)
    if args.detections:
        results = [of_detections(args, read_labels(args.labels, args.strict))]
    else:
        paths = [model_path(name, args.precision) for name in args.model]
        alike = len({path.name for path in paths}) < len(paths)  # hands.onnx of several runs
        names = [str(path) if alike else path.name for path in paths]
        models = dict(zip(names, map(open_model, paths), strict=True))
        pictures = read_labels(args.labels, args.strict) if args.labels else []
        conditions = ["", *CONDITIONS] if "all" in args.as_seen_by else args.as_seen_by or [""]
        results = [
            of_model(args, pictures, model, name, profile, condition)
            for name, model in models.items()
            for profile in args.profile
            for condition in conditions
        ]
        if args.palm:
            results += of_palms(args, pictures, PalmDetector(Path(args.palm)))
        if args.report and args.labels and len(results) > 1 and not args.as_seen_by:
            draw_costs(results, made(args.report) / "costs.png")
        if args.maps:
            image = read_image(Path(args.maps))
            seen = {name: model.infer(image, args.profile[0]) for name, model in models.items()}
            write_image(made(args.report) / "maps.png", draw_maps(seen, image))
    if args.json:
        print(dumps(results[0] if len(results) == 1 else results))
        return 0
    if args.as_seen_by:
        print(conditions_table(results))
        return 0
    for result in results:
        if "all" in result:
            lines = [palms_line(result["palms"]), empty_line(result["empty"])]
            told = [table(result, "all"), table(result, "native"), "\n".join(lines)]
            print("\n\n".join(told + [thresholds_text(result)] * args.thresholds), end="\n\n")
        if "tracking" in result:
            print(f"tracking: {result['model']}, {result['profile']}", tracking_table(result["tracking"]), "", sep="\n")
    if len(results) > 1 and args.labels:
        print(comparison(results))
    return 0


def of_clips(args: argparse.Namespace) -> int:
    """What trackers make of labelled clips, and what they should know of a network."""
    if args.detections or not args.labels or len(args.model) * len(args.profile) > 1:
        raise SetupError("--evidence and --calibrate take labelled clips, one --model and one --profile")
    pictures = labelled_clips(args.labels, args.strict)
    path = model_path(args.model[0], args.precision)
    stage = stage_of(path, args.profile[0])
    with started(stage):
        result: dict = {"model": path.name, "profile": args.profile[0]}
        if args.evidence:
            result["evidence"] = evidence.compare(pictures, stage, tuple(args.size or (0.0, 1.0)))
        if args.calibrate:
            result["calibration"] = calibrate(pictures, stage).numbers()
    if args.json:
        print(dumps(result))
        return 0
    if args.evidence:
        print(evidence_table(result["evidence"]))
    if args.calibrate:
        print(f"calibration: {dumps(result['calibration'])}")
    return 0


def of_model(
    args: argparse.Namespace,
    labelled: list[LabelledPicture],
    model: Model,
    name: str,
    profile: Profile,
    condition: str = "",
) -> dict:
    """The figures of one model at one profile, and what was asked for beside them; under a condition where asked."""
    result = heading(model, profile) | {"model": name}
    if args.as_seen_by:
        result["seen_by"] = condition or "plain"
    # "fp32": the file as it is named
    stage = HeatmapNode(
        model=str(model.path), profile=profile, precision="fp32", prior_gain=args.prior_gain, effort=args.effort
    )
    tracking: dict[str, dict] = {}
    title = f"{name.strip('/').removesuffix('.onnx').replace('/', '_')}-{profile}"
    if args.labels:
        pictures = held_back(labelled, model) if args.held_out else labelled
        pictures = [of_size(picture, *args.size) for picture in pictures] if args.size else pictures
        if condition:
            pictures, title = [as_seen_by(picture, condition) for picture in pictures], f"{title}-{condition}"
        with contextlib.ExitStack() as outputs:
            if profile == "gaze":
                outputs.enter_context(started(stage))
                seen = detections_of_gaze(stage, pictures, args.subpixel, args.strict)
            else:
                seen = detections_of(model, profile, pictures, args.subpixel, args.strict)
            if args.json_lines:
                seen = write_lines(seen, outputs.enter_context(text_output(args.json_lines)))
            result |= counted(seen, args, title)
        if clips.clips_of(pictures) and not args.as_seen_by:
            with started(stage):
                tracking |= clips.follow_clips(pictures, stage)
    if args.demo:
        picture = made(args.report) / f"{title}-demo.png" if args.report else None
        with started(stage):
            tracking |= clips.follow_demo(args.demo, args.seconds, stage, picture=picture)
    return result | ({"tracking": tracking} if tracking else {})


def of_palms(args: argparse.Namespace, pictures: list[LabelledPicture], detector: PalmDetector) -> list[dict]:
    """The figures of MediaPipe's palm detector: on the whole picture, and on tiles as well."""
    pictures = [of_size(picture, *args.size) for picture in pictures] if args.size else pictures
    return [
        {
            "model": NAME,
            "profile": looks,
            "size": [],
            **counted(detections_of_palms(detector, looks, pictures, args.strict), args, f"palms-{looks}"),
        }
        for looks in ZOOMS
    ]


def of_detections(args: argparse.Namespace, pictures: list[LabelledPicture]) -> dict:
    """The figures of detections that were made elsewhere or earlier."""
    file = Path(args.detections)
    lines = read_lines(file)
    result = {
        "model": file.name,
        "profile": "-",
        "size": [],
        **counted(detections_in(lines, pictures, file), args, file.stem),
    }
    followed = clips.follow_lines(pictures, lines)
    return result | ({"tracking": followed} if followed else {})


def held_back(pictures: list[LabelledPicture], model: Model) -> list[LabelledPicture]:
    """Those of the groups that `model` was not trained on."""
    settings = json.loads(model.metadata.get("settings", "{}"))
    held = split(pictures, settings.get("holdout", 0), settings.get("fold", 0))[1]
    if not held:
        raise LabelError(f"--held-out: {model.path.name} held back no group of these pictures in its training")
    return held


def of_size(picture: LabelledPicture, low: float, high: float) -> LabelledPicture:
    """The picture with hands of other sizes as regions to ignore; sizes are of the picture's width."""
    side = picture.boxes[:, 2:].max(axis=1, initial=0) / picture.width
    return replace(picture, kinds=np.where((side >= low) & (side < high), picture.kinds, IGNORE))


def counted(seen: Iterable[Detections], args: argparse.Namespace, name: str) -> dict:
    """The figures; with `--report` or `--draw`, pictures of them are drawn as well."""
    if not (args.report or args.draw):
        return figures(seen, dict(args.join))
    kept = list(seen)
    result = figures(kept, dict(args.join))
    if args.report:
        folder = made(args.report)
        draw_curves(kept, folder / f"{name}-curves.png", name)
        if bad := worst_pictures(kept, result["all"]["threshold"], args.worst):
            write_image(folder / f"{name}-worst.png", contact_sheet(bad))
    if args.draw:
        folder = made(f"{args.draw}/{name}") if args.as_seen_by else made(args.draw)
        for number, one in enumerate(kept):
            source = one.picture.source.replace("/", "_")
            write_image(folder / f"{source}_{number:04d}.png", draw_detections(one, one.picture.read().copy()))
    return result


def made(name: str) -> Path:
    """The folder called `name`, made if need be. Raises SetupError."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{name}: cannot be made a folder: {error.strerror}") from error
    return folder
