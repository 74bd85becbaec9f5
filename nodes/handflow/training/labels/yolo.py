"""YOLO's labels -> lines of ours: a text file beside each picture (or in `labels` beside `images`), a hand a line.

The classes' names stand in a YAML file as Ultralytics has it, or in a text file of Darknet, CVAT or labelImg.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from handflow.capture.images import is_image
from handflow.errors import LabelError
from handflow.runtime.files import files_in

from .foreign_formats import NONE, ForeignLine, Kinds, group_of
from .images import read_image
from .line import HandLabel, LabelLine

CLASSES = ("obj.names", "classes.txt", "classes.names")  # a class per line


def yolo_names(folder: Path) -> dict[int, str] | None:
    """The classes of a YOLO data set, named in the folder or in one above it; None if it is none."""
    for place in (folder, *folder.resolve().parents[:2]):
        for name in CLASSES:
            if (place / name).is_file():
                lines = (place / name).read_text(encoding="utf-8").splitlines()
                return dict(enumerate(line.strip() for line in lines if line.strip()))
        listed = os.access(place, os.R_OK)
        for file in [*files_in(place, "*.yaml"), *files_in(place, "*.yml")] if listed else []:
            try:
                names = (YAML(typ="safe").load(file) or {}).get("names")
            except (YAMLError, AttributeError):
                continue
            if isinstance(names, list | dict):
                return {
                    int(n): str(name) for n, name in (names.items() if isinstance(names, dict) else enumerate(names))
                }
    return None


def yolo(folder: Path) -> Iterator[ForeignLine]:
    """Every picture below the folder; its labels lie beside it, or in `labels` where it lies in `images`."""
    names, kinds = yolo_names(folder) or {}, Kinds(folder.resolve())
    lists = {*CLASSES, "train.txt", "valid.txt", "val.txt", "test.txt"}
    files = files_in(folder, deep=True)
    texts = {file for file in files if file.suffix == ".txt" and file.name not in lists}
    texts = {file for file in texts if not file.name.startswith("README")}
    for picture in filter(is_image, files):
        text = labels_of(picture)
        texts.discard(text)
        height, width = read_image(picture.resolve()).shape[:2]
        hands: list[HandLabel] = []
        lines = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []  # none: nothing is there
        for number, words in enumerate(lines, start=1):
            if words.strip():
                hands += yolo_hand(words, names, kinds, (width, height), f"{text}:{number}")
        group = group_of(str(picture.relative_to(folder)), folder / "data.yaml")
        line = LabelLine(width, height, hands, str(picture.resolve()), None, folder.resolve().name, group)
        yield ForeignLine(line, str(text), text)
    if texts:
        raise LabelError(f"{min(texts)}: labels without a picture beside them or in `images`")


def labels_of(picture: Path) -> Path:
    """Where YOLO keeps the labels of a picture."""
    parts = list(picture.parts)
    if "images" in parts:
        at = len(parts) - 1 - parts[::-1].index("images")
        return Path(*parts[:at], "labels", *parts[at + 1 :]).with_suffix(".txt")
    return picture.with_suffix(".txt")


def yolo_hand(line: str, names: dict[int, str], kinds: Kinds, size: tuple[int, int], where: str) -> list[HandLabel]:
    """One line: a class and a box (its middle first), perhaps with keypoints; or a class and a polygon. All 0..1."""
    try:
        number, values = int(line.split()[0]), [float(v) for v in line.split()[1:]]
    except ValueError:
        number, values = -1, []
    if len(values) < 4 or not all(map(math.isfinite, values)):
        raise LabelError(f"{where}: expected class x y width height, each 0..1, got {line.strip()[:60]!r}")
    if number not in names:
        raise LabelError(
            f"{where}: class {number} has no name; there are {len(names)}: {', '.join(names.values())[:80]}"
        )
    kind = kinds.of(names[number], where)
    if kind == NONE:
        return []
    if max(values[:4]) > 1.5:
        raise LabelError(f"{where}: expected positions of 0..1, got pixels: {line.strip()[:60]!r}")
    if len(values) >= 6 and len(values) % 2 == 0 and max(values) <= 1.5 and not is_pose(values):
        x, y = np.array(values).reshape(-1, 2).T
        low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    else:
        middle, whole = np.array(values[:2]), np.array(values[2:4])
        low, high = middle - whole / 2, middle + whole / 2
    box = [*(low * size).tolist(), *((high - low) * size).tolist()]
    return [HandLabel(box, kind, labelled_by="class")]


def is_pose(values: list[float]) -> bool:
    """Whether numbers behind a box are keypoints of it, and not corners of a polygon: they lie in the box."""
    x, y, w, h = values[:4]
    places = np.array(values[4:]).reshape(-1, 2)
    return bool((abs(places - [x, y]) <= np.array([w, h]) / 2 + 1e-3).all()) and len(places) > 4
