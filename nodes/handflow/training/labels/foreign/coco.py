"""COCO's labels (https://cocodataset.org/#format-data) -> lines of ours. A category's name says the kind.

A person with keypoints becomes coarse boxes where the hands should be: a hand is about as long as .7 of the forearm,
and its middle lies .35 of it beyond the wrist.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handflow.errors import LabelError
from handflow.training.labels.line import HandLabel, LabelLine
from handflow.training.labels.omissions import MISSHAPEN, Omissions, misshapen
from handflow.training.labels.picture_files import PictureFiles

from .foreign_formats import NONE, ForeignLine, Kinds, group_of, plain, source_of
from .shapes import around, around_runs, runs_of

HAND_LENGTH, HAND_AHEAD = 0.7, 0.35  # of the forearm


def coco(read: dict[str, Any], file: Path, omissions: Omissions) -> Iterator[ForeignLine]:
    """The pictures of a file that has been read. LabelError if it is not as COCO has it."""
    try:
        categories = {category["id"]: category for category in read.get("categories") or []}
        images: list[dict] = read["images"]
        names = [str(image["file_name"]) for image in images]
        given = Counter(image["id"] for image in images)
    except MISSHAPEN as error:
        raise LabelError(misshapen(str(file), "COCO", error)) from None
    annotations = read.get("annotations")
    if annotations is None or not isinstance(annotations, list):
        omissions.note(f"{file}: lists pictures and labels none of them: not read")
        return
    if annotations and not any(isinstance(each, dict) and "category_id" in each for each in annotations):
        omissions.note(f"{file}: expected annotations of objects, each with a category_id, got others: not read")
        return
    of_image = annotations_by_image(annotations, given, file, omissions)
    files, listed = PictureFiles(file, names), Counter(names)
    kinds = Kinds(file.parent)
    for image, name in zip(images, names, strict=True):
        where = f"{file}: image {image['id']} ({name})"
        before = omissions["box"]
        hands = [
            hand
            for annotation in of_image[image["id"]]
            for hand in hands_of(annotation, categories, kinds, where, omissions)
        ]
        with omissions.guarding("picture", where, "COCO"):
            if given[image["id"]] > 1:
                raise LabelError(f"{where}: expected one picture with this id, got {given[image['id']]}")
            if listed[name] > 1:
                raise LabelError(f"{where}: expected one picture of this name, got {listed[name]}")
            width, height = (whole_pixels(image.get(side)) for side in ("width", "height"))
            picture = str(files.find(name))
            line = LabelLine(width, height, hands, picture, source=source_of(file), group=group_of(name, file))
            yield ForeignLine(line, where, file, lost=omissions["box"] > before)
    kinds.tell_if_handless(file, omissions)


def annotations_by_image(
    annotations: list[dict], images: Counter[Any], file: Path, omissions: Omissions
) -> dict[Any, list[dict]]:
    """The annotations of each picture that is listed. LabelError."""
    found: dict[Any, list[dict]] = defaultdict(list)
    for annotation in annotations:
        with omissions.guarding("box", str(file), "COCO"):
            if (image := annotation["image_id"]) not in images:
                raise LabelError(f"{file}: annotations of image {image}, which is not among the images")
            found[image].append(annotation)
    return found


def whole_pixels(size: Any) -> int:
    """A width or height; 0 where a file gives none. ValueError."""
    if size is None:
        return 0
    if float(size) != int(float(size)):
        raise ValueError(f"a size of {size} pixels")
    return int(float(size))


def hands_of(
    annotation: dict, categories: dict[Any, dict], kinds: Kinds, where: str, omissions: Omissions
) -> list[HandLabel]:
    """The hands of one annotation; none where it cannot be used. LabelError."""
    where = f"{where}: annotation {annotation.get('id')}"
    category: dict = {}
    with omissions.guarding("box", where, "COCO"):
        if annotation["category_id"] not in categories:
            raise LabelError(f"{where}: category {annotation['category_id']} is not among the categories")
        category = categories[annotation["category_id"]]
    joints = {"left wrist", "left elbow"} <= {plain(str(name)) for name in category.get("keypoints") or []}
    if not category or (not joints and (kind := kinds.of(str(category.get("name")), where)) == NONE):
        return []
    with omissions.guarding("box", where, "COCO"):
        crowd = bool(annotation.get("iscrowd") or annotation.get("ignore"))  # as pycocotools counts them: neither way
        if joints:
            return persons_hands(annotation, [plain(str(name)) for name in category["keypoints"]], crowd)
        return [hand_of(annotation, "ignore" if crowd else kind, where)]
    return []


def hand_of(annotation: dict, kind: str, where: str) -> HandLabel:
    """A hand by its box, else by its outline, else by its keypoints. Raises LabelError."""
    points = keypoints(annotation)
    seen = points[:, 2] > 0
    box = [float(value) for value in annotation.get("bbox") or []]
    if box and len(box) != 4:
        raise LabelError(f"{where}: expected a bbox of 4 numbers, got {len(box)}")
    if not any(box):
        box = outlined(annotation)
    if not box:
        if not seen.any():
            raise LabelError(f"{where} has neither a box nor keypoints")
        low, high = points[seen, :2].min(axis=0), points[seen, :2].max(axis=0)
        pad = 0.1 * (high - low).max()  # flesh around the joints
        box = [*(low - pad).tolist(), *(high - low + 2 * pad).tolist()]
    landmarks = points[:, :2].tolist() if len(points) == 21 and seen.all() else None
    return HandLabel(box, kind, landmarks=landmarks, labelled_by="class")


def outlined(annotation: dict) -> list[float]:
    """The box around a segmentation: polygons, or the runs of a mask, packed or not; empty if there is none."""
    outline = annotation.get("segmentation") or []
    if isinstance(outline, dict):
        height, width = map(int, outline["size"])
        runs = outline["counts"]
        return around_runs(runs_of(runs) if isinstance(runs, str) else runs, width, height, by_columns=True)
    return around([value for polygon in outline for value in polygon]) if outline else []


def keypoints(annotation: dict) -> np.ndarray:
    """(n, 3): x, y, and whether it is seen: 0 no, 1 hidden, 2 yes."""
    return np.array(annotation.get("keypoints") or [], float).reshape(-1, 3)


def persons_hands(annotation: dict, names: list[str], crowd: bool) -> list[HandLabel]:
    """What a person's joints tell of the hands; where they tell nothing, a region in which there may be hands."""
    points = keypoints(annotation)
    if crowd or not (points[:, 2] > 0).any():
        return [HandLabel(annotation["bbox"], "ignore")]
    return [hand for side in ("left", "right") for hand in joint_hand(names, points, side)]


def joint_hand(names: list[str], points: np.ndarray, side: str) -> list[HandLabel]:
    """The hand at the end of one forearm; hidden ones are regions to ignore."""
    wrist, elbow = points[names.index(f"{side} wrist")], points[names.index(f"{side} elbow")]
    if not (wrist[2] and elbow[2]):
        return []
    forearms = [
        np.linalg.norm(points[names.index(f"{s} wrist"), :2] - points[names.index(f"{s} elbow"), :2])
        for s in ("left", "right")
        if points[names.index(f"{s} wrist"), 2] and points[names.index(f"{s} elbow"), 2]
    ]
    half = max(2.0, HAND_LENGTH * float(max(forearms)) / 2)  # the longer one: the other may point at the camera
    centre = wrist[:2] + HAND_AHEAD * (wrist[:2] - elbow[:2])
    kind = "unknown" if wrist[2] == 2 else "ignore"
    return [HandLabel([*(centre - half).tolist(), 2 * half, 2 * half], kind, coarse=True, labelled_by="class")]
