"""`handflow synthesize -o FOLDER`: pictures and clips of rendered people, whose hands are labelled.

In the empty pictures of one's own place, on its ground; or in drawn squares. Given again, it goes on where it ended.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from handflow.capture.images import images_in, is_image, read_image
from handflow.commands._arguments import number, positive, whole
from handflow.commands.setup.calibrate import opened, running
from handflow.commands.setup.calibration_edits import calibrated_nodes
from handflow.errors import SetupError
from handflow.recording.sources import read_source
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.transport.rundir import RunDir
from handflow.stages.surface import Surface
from handflow.synthetic.people.assets import Cast, of_split
from handflow.synthetic.people.backgrounds import (
    LONGEST_PX,
    Backgrounds,
    DrawnSquares,
    MixedViews,
    OwnPicture,
    OwnPictures,
    PanoramaViews,
    fitted,
)
from handflow.synthetic.people.camera import USUAL_FOCAL, USUAL_HEIGHT_M, PinholeCamera, camera_of_surface
from handflow.synthetic.people.scene import FPS, RenderedPicture, SceneRenderer
from handflow.synthetic.people.strangers import Wish
from handflow.training.labels.line import LabelLine
from handflow.training.labels.rendered import RenderedFolder, label_line
from handflow.training.progress import progress_bar
from handflow.vision.homography import PICTURE

FRAMES = 120  # of a clip or a camera, held in memory; a rendered clip goes through them to and fro
WAIT_S = 20.0  # for a camera's frames
MOST_ROLL_RAD = 0.6  # on its side a camera sees walls as others see the ground
README = "handflow/synthetic/people/README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="FOLDER", help="where pictures and labels go")
    add(
        "--background", metavar="PATH", help="empty pictures: a clip, a folder, or a graph (its camera); default: drawn"
    )
    add("--count", type=whole(0), metavar="N", help="pictures there are to be in the end (default 100; with --clips 0)")
    add("--clips", type=whole(0), default=0, metavar="N", help="clips in which people walk and wave, with tracks")
    add("--seconds", type=positive, default=10.0, metavar="S", help="of a clip (default 10)")
    add("--fps", type=number(1, 240), default=FPS, metavar="N", help=f"frames a second of a clip (default {FPS})")
    add(
        "--size",
        nargs=2,
        type=whole(64, LONGEST_PX),
        metavar=("WIDTH", "HEIGHT"),
        help="of pictures whose background is drawn, pixels (default: several sizes)",
    )
    add("--empty", action="store_true", help="nobody shows a hand: statues, cars, animals, hands in pockets")
    add("--waving", action="store_true", help="one to three people who stand and wave, as before a game")
    add(
        "--hand-size",
        nargs=2,
        type=number(0.005, 0.5),
        metavar=("LOW", "HIGH"),
        help="how long a hand is where people stand, of the picture's width: 0.02 0.04 is far away",
    )
    add("--seed", type=whole(0), default=0, metavar="S", help="the same seed gives the same pictures")
    add("--assets", metavar="FOLDER", help=f"people and panoramas; what they are, see {README}")
    add("--split", choices=("train", "held-out"), default="train", help="held-out: other people and places, to measure")
    add("--camera-height", type=positive, metavar="M", help="of the backgrounds' camera above the ground, metres")
    add(
        "--horizon", type=number(-2, 1), metavar="Y", help="where the ground ends, 0..1 from the top; below 0: above it"
    )


def run(args: argparse.Namespace) -> int:
    """Renders what is still missing in the folder. GraphError, SetupError."""
    cv2.setNumThreads(1)
    if args.size and args.background:
        raise SetupError("--size is of drawn backgrounds: pictures of --background keep their own size")
    count = args.count if args.count is not None else 0 if args.clips else 100
    cast = Cast(Path(args.assets) if args.assets else None, args.split)
    if cast.built_in:
        print(f"no people in --assets: drawing simple figures; what to get, see {README}", flush=True)
    if args.hand_size and args.hand_size[0] >= args.hand_size[1]:
        raise SetupError(f"--hand-size: expected the smaller size first, got {args.hand_size[0]} {args.hand_size[1]}")
    hand_share = tuple(args.hand_size) if args.hand_size else None
    backgrounds = _backgrounds(args, cast)
    made_with = {
        "seed": args.seed,
        "split": args.split,
        "empty": args.empty,
        "background": args.background or "drawn",
        "people": sorted(cast.makers),
        "panoramas": [panorama.name for panorama in cast.panoramas],
        "camera": [args.camera_height, args.horizon],
        "seconds": args.seconds if args.clips else None,
        # None is what a folder says that was made before there were these.
        "fps": args.fps if args.clips and args.fps != FPS else None,
        "waving": args.waving or None,
        "hand_size": args.hand_size,
        "size": args.size,
    }
    folder = RenderedFolder(Path(args.output), made_with)
    scenes = SceneRenderer(cast, backgrounds)
    wish = Wish(empty=args.empty, waving=args.waving, hand_share=hand_share)
    first, first_clip = folder.pictures(), folder.clips()
    with progress_bar() as bar:
        task = bar.add_task("rendering", total=max(count - first, 0) + max(args.clips - first_clip, 0), note="")
        for index in range(first, count):
            rendered = scenes.picture(_key(args, 0, index), wish)
            folder.add_picture(index, rendered.image, _line(rendered))
            bar.advance(task)
        for index in range(first_clip, args.clips):
            frames = scenes.clip(_key(args, 1, index), args.seconds, replace(wish, clip=True), args.fps)
            folder.add_clip(index, ((frame.image, _line(frame)) for frame in frames), args.fps)
            bar.advance(task)
    print(f"{folder.folder}: {folder.pictures()} pictures, {folder.clips()} clips")
    return 0


def _key(args: argparse.Namespace, what: int, index: int) -> list[int]:
    """What a picture is drawn from; the two halves of a split share none."""
    return [args.seed, int(args.split == "held-out"), what, index]


def _line(rendered: RenderedPicture) -> LabelLine:
    labels = rendered.labels
    return label_line(
        rendered.image, labels.hands, labels.people, f"rendered:{rendered.group}", condition=rendered.condition
    )


def _backgrounds(args: argparse.Namespace, cast: Cast) -> Backgrounds:
    if args.background is None:
        size = (args.size[0], args.size[1]) if args.size else None
        drawn = DrawnSquares(size)
        return MixedViews(drawn, PanoramaViews(cast.panoramas, size)) if cast.panoramas else drawn
    path = Path(args.background)
    if path.suffix in (".yaml", ".yml"):
        return _of_graph(path, args)
    pictures = _own_pictures(path)
    names = set(of_split(sorted({picture.name for picture in pictures}), args.split))
    pictures = [picture for picture in pictures if picture.name in names]
    return OwnPictures(pictures, _said_camera(args, pictures[0].read()))


def _own_pictures(path: Path) -> list[OwnPicture]:
    """The pictures of a folder, or a clip's first frames. SetupError."""
    if path.is_dir() or is_image(path):
        files = images_in(path) if path.is_dir() else [path]
        return [OwnPicture(file.name, partial(_kept, file)) for file in files]
    frames = [captured.image for captured in islice(read_source(path), FRAMES)]
    return [OwnPicture(path.name, partial(_same, image)) for image in frames]


@lru_cache(maxsize=64)
def _kept(file: Path) -> np.ndarray:
    return read_image(file)


def _same(image: np.ndarray) -> np.ndarray:
    return image


def _said_camera(args: argparse.Namespace, image: np.ndarray) -> PinholeCamera | None:
    """The camera that --horizon and --camera-height describe; None, with a word about it, where neither is given."""
    if args.horizon is None and args.camera_height is None:
        print("where the ground lies is guessed: give --horizon, or a graph that is calibrated", flush=True)
        return None
    size = fitted(image)
    horizon = 0.42 if args.horizon is None else args.horizon
    pitch = -np.arctan((0.5 - horizon) * size[1] / size[0] / USUAL_FOCAL)
    return PinholeCamera.level(size, USUAL_FOCAL, float(pitch), args.camera_height or USUAL_HEIGHT_M)


def _of_graph(file: Path, args: argparse.Namespace) -> OwnPictures:
    """The graph's camera, and the ground on which its surface lies. GraphError, SetupError."""
    stages = resolve(read(file))
    nodes = calibrated_nodes(stages, None)
    directory = RunDir(file)
    feed = running(directory, None) if directory.running() else opened(stages, nodes.frames, None)
    try:
        images = list(islice(_images(feed), FRAMES))
    finally:
        feed.close()
    if not images:
        raise SetupError(f"{file}: no picture from {nodes.frames!r} within {WAIT_S:g} s; is its camera there?")
    pictures = [OwnPicture(file.name, partial(_same, image)) for image in images]
    surface = Surface(**stages[nodes.surface].settings) if nodes.surface else Surface()
    if args.horizon is not None or surface.corners == PICTURE:
        return OwnPictures(pictures, _said_camera(args, images[0]))
    size = fitted(images[0])
    camera = camera_of_surface(surface.corners, surface.size, size, args.camera_height)
    if camera.roll_rad > MOST_ROLL_RAD or camera.down_rad < -MOST_ROLL_RAD:
        raise SetupError(f"{file}: the surface is a wall, by its corners; say with --horizon where the ground is")
    down = float(np.degrees(camera.down_rad))
    print(f"by the surface the camera is {camera.eye[1]:.1f} m above the ground and looks {round(down)} degrees down")
    region = camera.on_ground(np.array(surface.corners) * size)
    return OwnPictures(pictures, camera, region if np.isfinite(region).all() else None)


def _images(feed: Iterator) -> Iterator[np.ndarray]:
    """The frames of a feed, for as long as one waits for them."""
    until_s = time.monotonic() + WAIT_S
    for seen in feed:
        if seen is not None:
            yield seen[0].image.copy()
        if time.monotonic() > until_s:
            return
