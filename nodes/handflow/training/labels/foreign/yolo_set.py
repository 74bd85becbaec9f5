"""What a YOLO data set says of itself: a YAML file as Ultralytics has it, or a text file with a class a line."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from handflow.capture.images import is_image
from handflow.errors import LabelError
from handflow.runtime.files import files_in
from handflow.runtime.graph.yaml_text import yaml_fault
from handflow.training.labels.omissions import MISSHAPEN, Omissions, misshapen
from handflow.training.labels.picture_files import tails
from handflow.training.labels.text import lines_of, read_text

# A class per line: Darknet and CVAT, labelImg, Roboflow.
CLASSES = ("obj.names", "classes.txt", "classes.names", "predefined_classes.txt", "_darknet.labels")
FIRST = ("data.yaml", "data.yml", "dataset.yaml")  # of several YAML files
SPLITS = ("train", "val", "test")
ABSOLUTE = re.compile("/|[A-Za-z]:/")  # here or on Windows


class YoloSet(NamedTuple):
    """The classes of a data set, and what stands behind a class in its lines."""

    file: Path
    names: dict[int, str]
    # (n, 2 or 3): how many keypoints a line has, and values each.
    points: tuple[int, int] | None = None
    splits: tuple[str, ...] = ()
    root: str = ""


def yolo_set(place: Path) -> YoloSet | None:
    """A YAML file, or what describes a folder: in it, or in one above it. None if nothing does. Raises LabelError."""
    if place.is_file():
        return _of_yaml(place)
    for folder in (place, *place.resolve().parents[:2]):
        # A folder above may be one that may not be read.
        listed = os.access(folder, os.R_OK)
        files = [*files_in(folder, "*.yaml"), *files_in(folder, "*.yml")] if listed else []
        found = [each for file in files if (each := _of_yaml(file)) is not None]
        if found:
            return _chosen(found)
        for name in CLASSES:
            if (folder / name).is_file():
                lines = [line.strip() for line in lines_of(read_text(folder / name))]
                while lines and not lines[-1]:
                    lines.pop()
                return YoloSet(folder / name, dict(enumerate(lines)))
    return None


def _chosen(found: list[YoloSet]) -> YoloSet:
    best = min(found, key=lambda each: FIRST.index(each.file.name) if each.file.name in FIRST else len(FIRST))
    if best.file.name not in FIRST and any(each.names != best.names for each in found):
        files = ", ".join(each.file.name for each in found)
        raise LabelError(f"{best.file.parent}: several files name classes, each its own: {files}; name one of them")
    return best


def _of_yaml(file: Path) -> YoloSet | None:
    """What a YAML file says; None if it is about something else. Raises LabelError."""
    text = read_text(file)
    try:
        read = YAML(typ="safe").load(text)
    except (YAMLError, RecursionError, *MISSHAPEN) as error:
        if "names" not in text:
            return None
        fault = yaml_fault(str(file), error) if isinstance(error, YAMLError) else f"{file}: not YAML: {error}"
        raise LabelError(fault) from None
    if not isinstance(read, dict):
        return None
    if not isinstance(names := read.get("names"), list | dict):
        if file.name in FIRST and read.keys() & {*SPLITS, "nc"}:
            raise LabelError(f"{file}: expected names, the classes, got {'none' if names is None else repr(names)}")
        return None
    try:
        numbered = names.items() if isinstance(names, dict) else enumerate(names)
        splits = tuple(each for split in SPLITS for each in _entries(read.get(split)))
        classes = {int(number): str(name) for number, name in numbered}
        return YoloSet(file, classes, _points(read.get("kpt_shape")), splits, str(read.get("path") or ""))
    except MISSHAPEN as error:
        raise LabelError(misshapen(str(file), "YOLO", error)) from None


def _entries(split: Any) -> list[str]:
    return [str(each) for each in (split if isinstance(split, list) else [split]) if each]


def _points(shape: Any) -> tuple[int, int] | None:
    if shape is None:
        return None
    count, values = map(int, shape)
    if count < 1 or values not in (2, 3):
        raise ValueError(f"kpt_shape is [points, 2 or 3], not {shape}")
    return count, values


def listed_pictures(described: YoloSet, omissions: Omissions) -> list[Path] | None:
    """The pictures of train, val and test; None where the set says none, or none of what it says is there."""
    base = described.file.parent
    named = (base / each for each in (described.root, _with_slashes(described.root)))
    root = next((each for each in named if each.is_dir()), base)
    found: list[Path] = []
    there = False
    for split in described.splits:
        tried = (folder / name for name in _names(split) for folder in (root, base))
        place = next((path for path in tried if os.path.exists(path)), None)
        if place is None:
            omissions.note(f"{described.file}: no such pictures: {split}")
        elif place.is_dir():
            there, found = True, found + pictures_below(place)
        elif is_image(place):
            there, found = True, [*found, place]
        else:
            there, found = True, found + list(_in_list(place, root, omissions))
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in found)) if there else None


def _names(split: str) -> list[str]:
    """What a folder or a list may be called here that a data set calls so, perhaps on another machine."""
    name = _with_slashes(split)
    # Roboflow writes ../train/images beside a folder train.
    names = [split, name, name.removeprefix("../")]
    return names + tails(name)[1:] if ABSOLUTE.match(name) else names


def _with_slashes(name: str) -> str:
    """A path of Windows as others have it."""
    return name.replace("\\", "/")


def pictures_below(folder: Path) -> list[Path]:
    """The pictures in a folder and in those below it."""
    return list(filter(is_image, files_in(folder, deep=True)))


def _in_list(file: Path, root: Path, omissions: Omissions) -> Iterator[Path]:
    """The pictures that a text file names, a path a line; from another machine's paths the beginning is cut off."""
    for number, line in enumerate(lines_of(read_text(file)), start=1):
        if not (name := _with_slashes(line.strip())):
            continue
        tried = [Path(name), *(place / end for end in tails(name) for place in (file.parent, root, root / "images"))]
        tried = tried if os.path.isabs(name) else tried[1:]
        picture = next((path for path in tried if os.path.isfile(path)), None)
        if picture is None:
            omissions.leave_out("picture", f"{file}:{number}: no such picture: {name}")
        else:
            yield picture
