"""COCO's labels (https://cocodataset.org/#format-data) -> lines of ours. A category's name says the kind.

A person with keypoints becomes coarse boxes where the hands should be: a hand is about as long as .7 of the forearm,
and its middle lies .35 of it beyond the wrist.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handflow.errors import LabelError

from .foreign_formats import NONE, ForeignLine, Kinds, find_picture, group_of, plain, source_of
from .line import HandLabel, LabelLine

HAND_LENGTH, HAND_AHEAD = 0.7, 0.35  # of the forearm


def coco(read: dict[str, Any], file: Path) -> Iterator[ForeignLine]:
    """The pictures of a file that has been read."""
    kinds = Kinds(file.parent)
    try:
        categories = {category["id"]: category for category in read.get("categories", [])}
        of_image: dict[Any, list[dict]] = defaultdict(list)
        for annotation in read.get("annotations", []):
            of_image[annotation["image_id"]].append(annotation)
        for image in read["images"]:
            where = f"{file}: image {image['id']} ({image['file_name']})"
            hands: list[HandLabel] = []
            for annotation in of_image.pop(image["id"], []):
                category = categories.get(annotation["category_id"])
                if category is None:
                    raise LabelError(f"{where}: category {annotation['category_id']} is not among the categories")
                hands += coco_hands(annotation, category, kinds, where)
            line = LabelLine(
                image=find_picture(image["file_name"], file),
                width=image["width"],
                height=image["height"],
                hands=hands,
                source=source_of(file),
                group=group_of(image["file_name"], file),
            )
            yield ForeignLine(line, where, file)
        if of_image:
            raise LabelError(f"{file}: annotations of image {next(iter(of_image))}, which is not among the images")
    except (KeyError, TypeError, AttributeError) as error:
        raise LabelError(f"{file}: not as COCO has it: {type(error).__name__} {error}") from None


def coco_hands(annotation: dict, category: dict, kinds: Kinds, where: str) -> list[HandLabel]:
    """The hands of one annotation: a box, a hand's keypoints, or what a person's joints tell of the hands."""
    names = [plain(name) for name in category.get("keypoints", [])]
    points = np.array(annotation.get("keypoints", []), float).reshape(-1, 3)  # x, y, seen: 0 no, 1 hidden, 2 yes
    if {"left wrist", "left elbow"} <= set(names):
        if annotation.get("iscrowd") or not (points[:, 2] > 0).any():
            return [HandLabel(annotation["bbox"], "ignore")]  # there may be hands
        return [hand for side in ("left", "right") for hand in joint_hand(names, points, side)]
    kind = "ignore" if annotation.get("iscrowd") else kinds.of(category["name"], where)
    if kind == NONE:
        return []
    box = annotation.get("bbox")
    seen = points[:, 2] > 0
    if not box or not (box[2] > 0 and box[3] > 0):
        if not seen.any():
            raise LabelError(f"{where}: annotation {annotation.get('id')} has neither a box nor keypoints")
        low, high = points[seen, :2].min(axis=0), points[seen, :2].max(axis=0)
        pad = 0.1 * (high - low).max()  # flesh around the joints
        box = [*(low - pad).tolist(), *(high - low + 2 * pad).tolist()]
    landmarks = points[:, :2].tolist() if len(points) == 21 and seen.all() else None
    return [HandLabel(box, kind, landmarks=landmarks, labelled_by="class")]


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
