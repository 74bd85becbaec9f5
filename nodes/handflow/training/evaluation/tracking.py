"""How well the whole chain, as in `detect`, follows hands through clips that are labelled and through the demo."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from handflow.capture.frames import CapturedFrame
from handflow.capture.images import write_image
from handflow.outputs.json_line import Line
from handflow.pipeline import detect, follow
from handflow.runtime.names import written
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.synthetic.camera_noise import CameraNoise
from handflow.synthetic.scene import Scene
from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import IGNORE, OPEN, OTHER
from handflow.vision.thresholds import KEEP_SCORE

from .detections import peaks_of
from .matching import Detections
from .report_images import contact_sheet, worst_pictures
from .track_scores import FollowedClip, figures

MOMENTS = 6  # of the demo on a contact sheet


def clips_of(pictures: Iterable[LabelledPicture]) -> dict[Path, list[LabelledPicture]]:
    """The labelled frames of each clip, in order."""
    clips: dict[Path, list[LabelledPicture]] = defaultdict(list)
    for picture in pictures:
        if picture.frame is not None:
            clips[picture.path].append(picture)
    return {path: sorted(frames, key=lambda p: p.frame or 0) for path, frames in clips.items()}


def follow_clips(pictures: Iterable[LabelledPicture], model: HeatmapNode) -> dict[str, dict]:
    """The figures of each labelled clip, and of all together (`total`). `model` runs (`inline.started`).

    Labelled frames behind a clip's end are left out; whoever read the pictures has told of them.
    """
    reported: dict[Path, list[Line]] = {}
    clips = clips_of(pictures)
    for path in clips:
        reported[path] = [seen.line for seen in detect(str(path), model)]
        read = {line["frame"] for line in reported[path]}
        clips[path] = [picture for picture in clips[path] if picture.frame in read]
    return figures({path: frames for path, frames in clips.items() if frames}, reported)


def follow_lines(pictures: Iterable[LabelledPicture], lines: list[Line]) -> dict[str, dict]:
    """The same for hands that were followed elsewhere or earlier; nothing where no hand has an id."""
    clips = clips_of(pictures)
    reported: dict[Path, list[Line]] = {path: [] for path in clips}
    for line in lines:
        for path in clips:
            if Path(line["source"]).name == written(path.name):
                reported[path].append(line)
    followed = [hand.get("id") is not None for lines in reported.values() for line in lines for hand in line["hands"]]
    if not (followed and all(followed)):
        return {}
    return figures(clips, reported)


def follow_demo(
    hands: int, seconds: float, model: HeatmapNode, seed: int = 0, fps: float = 30.0, picture: Path | None = None
) -> dict[str, dict]:
    """The same for the demo's scene with so many hands. `picture`: a contact sheet of its worst moments goes there."""
    scene = Scene(seed, hands)
    scene.paint()
    noise = CameraNoise(2.5, (scene.width, scene.height))
    count = round(seconds * fps)

    def draw(number: int) -> np.ndarray:
        image = np.empty((scene.height, scene.width, 3), np.uint8)
        scene.draw(number / fps, image)
        noise.add(number / fps, image)
        return image

    def frames() -> Iterator[CapturedFrame]:
        for number in range(count):
            yield CapturedFrame(draw(number), round(number / fps * 1e9), number, number / fps)

    name = Path(f"demo of {hands} hands")
    truth = [true_hands(scene, number / fps, number, name) for number in range(count)]
    reported = [seen.line for seen in follow(str(name), frames(), model, Tracker())]
    if picture is not None:
        apart = [
            Detections(truth[n], peaks_of(reported[n])) for n in range(0, count, round(fps / 2))
        ]  # no moment twice
        with tempfile.TemporaryDirectory() as folder:
            bad = []
            for one in worst_pictures(apart, KEEP_SCORE, 3 * MOMENTS)[:MOMENTS]:
                path = Path(folder) / f"{one.seen.picture.frame}.png"
                write_image(path, draw(one.seen.picture.frame or 0))
                moment = replace(one.seen.picture, path=path, frame=None)
                bad.append(one._replace(seen=one.seen._replace(picture=moment)))
            if bad:
                write_image(picture, contact_sheet(bad))
    return {name.name: FollowedClip(truth, reported).figures()}


def true_hands(scene: Scene, t: float, number: int, name: Path) -> LabelledPicture:
    """A moment of the demo as if somebody had labelled it. A hand whose middle is out of sight may be found or not."""
    truth = scene.truth(t)
    size = [scene.width, scene.height]
    side = 2 * truth.radius[:, None] * scene.width
    boxes = np.hstack([truth.xy * size - side / 2, np.tile(side, 2)])
    partly = ((boxes[:, :2] < size) & (boxes[:, :2] + boxes[:, 2:] > 0)).all(axis=1)
    kinds = np.where(truth.visible, np.where(truth.open > 0.5, OPEN, OTHER), IGNORE)
    return LabelledPicture(
        path=name,
        width=scene.width,
        height=scene.height,
        boxes=boxes[partly].astype(np.float32),
        kinds=kinds[partly],
        source="demo",
        group="demo",
        frame=number,
        ids=[str(number) for number in truth.id[partly]],
    )
