"""Labels on disk -> labelled pictures: our own JSON lines (see line.py), COCO, YOLO or CVAT."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from handflow.capture.images import is_image
from handflow.errors import LabelError
from handflow.runtime.files import files_in
from handflow.runtime.names import named, read_back, written

from .foreign.coco import coco
from .foreign.cvat import cvat
from .foreign.foreign_formats import ForeignLine
from .foreign.yolo import yolo
from .foreign.yolo_set import yolo_set
from .images import CLIPS
from .legacy_words import in_todays_words
from .line import check_size, json_lines, parse_line
from .omissions import Omissions, counted
from .pictures import ClipEntry, LabelledPicture
from .text import read_json
from .usable import usable


def read_labels(paths: Iterable[Path | str], strict: bool = False) -> list[LabelledPicture]:
    """Every picture of label files, or of folders of them (with their clips).

    What cannot be used is told on stderr and left out; `strict` refuses it. Raises LabelError, too, where nothing of
    a file or folder can be used.
    """
    pictures: list[LabelledPicture] = []
    omissions = Omissions(strict)
    for path in map(Path, paths):
        if not path.exists():
            raise LabelError(f"{path}: no such file or folder")
        pictures += read_path(path, omissions)
    omissions.summarise()
    if not pictures:
        raise LabelError(f"{', '.join(map(str, paths))}: no labelled pictures found")
    return pictures


def read_path(path: Path, omissions: Omissions) -> list[LabelledPicture]:
    """The pictures of a label file or folder. Raises LabelError."""
    of_path = Omissions(omissions.strict, within=omissions)
    found = list(usable(read_folder(path, of_path) if path.is_dir() else read_file(path, of_path), of_path))
    if of_path.first and (not found or (of_path["box"] and not any(len(picture.boxes) for picture in found))):
        raise LabelError(f"{path}: nothing in it can be used: {of_path.first}")
    if not found:
        what = "JSON lines (*.jsonl), COCO (*.json), CVAT (*.xml) or YOLO (data.yaml, classes.txt or obj.names)"
        expected = f" in this folder; expected {what}" if path.is_dir() else ""
        raise LabelError(f"{path}: no labelled pictures{expected}")
    return found


def label_files(path: Path) -> list[Path]:
    """A label file itself; or a folder's label files of our own, with its list of clips."""
    if not path.is_dir():
        return [path]
    clips = path / "clips" / "clips.jsonl"
    return files_in(path, "*.jsonl") + ([clips] if clips.exists() else [])


def read_file(file: Path, omissions: Omissions, clip: ClipEntry | None = None) -> Iterator[ForeignLine]:
    """The pictures of one label file; a list of clips brings its clips' frames. Raises LabelError."""
    if file.suffix.lower() in CLIPS or is_image(file):
        raise LabelError(not_labels(file))
    if clip is None and (foreign := read_foreign(file, omissions)) is not None:
        yield from foreign
        return
    for where, values in json_lines(file, omissions):
        if "clip" in values and clip is None:
            yield from listed_clip(values, where, file, omissions)
            continue
        with omissions.guarding("picture", where, "JSON lines"):
            values = in_todays_words(values)
            if values.get("labelled", True):
                line = parse_line(values, where)
                check_size(line, where)
                yield ForeignLine(line, where, file, clip)


def not_labels(file: Path) -> str:
    """What to name in place of a clip or a picture."""
    what, beside = "picture" if is_image(file) else "clip", file.with_suffix(".jsonl")
    if beside.is_file():
        todo = f"its labels lie beside it: name {beside}"
    elif what == "clip":
        todo = f"it has none beside it, which would be {beside.name}; `handflow annotate {file.name}` makes some"
    else:
        todo = "`handflow detect` finds hands without labels"
    return f"{file}: expected a file of labels, or a folder of them with their pictures; got a {what}; {todo}"


def listed_clip(values: dict, where: str, file: Path, omissions: Omissions) -> Iterator[ForeignLine]:
    """The frames of one clip in a list of clips. Raises LabelError."""
    with omissions.guarding("line", where, "a list of clips"):
        name = Path(named(values["clip"])).stem
        entry = ClipEntry(read_back(values.get("path", written(f"{name}.mp4")), file.parent), values.get("group"))
        labels = file.parent / f"{name}.jsonl"
        if not os.path.isfile(labels) or labels == file:
            raise LabelError(f"{where}: no labels of this clip: {labels}")
        if not os.path.isfile(entry.path):
            raise LabelError(f"{where}: no such clip: {entry.path}")
        yield from read_file(labels, omissions, entry)


def read_folder(folder: Path, omissions: Omissions) -> Iterator[ForeignLine]:
    """The labels in a folder: ours, else YOLO's, else COCO's and CVAT's files in it or in `annotations`."""
    if files := label_files(folder):
        for file in files:
            yield from read_file(file, omissions)
        return
    if (described := yolo_set(folder)) is not None:
        yield from yolo(folder, described, omissions)
        return
    files = sorted(file for pattern in ("*.json", "*.xml", "annotations/*.json") for file in files_in(folder, pattern))
    files = [file for file in files if file.name != "kinds.json"]
    yield from once_each([line for file in files for line in read_foreign(file, omissions) or []], omissions)


def once_each(lines: list[ForeignLine], omissions: Omissions) -> Iterator[ForeignLine]:
    """Each picture once: COCO keeps boxes, joints and captions of the same pictures in files side by side."""
    best: dict[tuple, ForeignLine] = {}
    twice: Counter[tuple[Path, Path]] = Counter()
    for each in lines:
        key = (each.line.image, each.line.frame, each.clip and each.clip.path)
        other = best.setdefault(key, each)
        if other.file != each.file:
            twice[other.file, each.file] += 1
            best[key] = max(other, each, key=lambda line: len(line.line.hands))
        elif other is not each:
            best[*key, len(best)] = each
    for (first, second), count in twice.items():
        pictures = counted(count, "picture")
        omissions.note(f"{first} and {second.name} label the same ({pictures}): those with more hands count")
    yield from best.values()


def read_foreign(file: Path, omissions: Omissions) -> Iterator[ForeignLine] | None:
    """The labels in a file that is COCO's or CVAT's, by its content; None if it is neither. Raises LabelError."""
    if file.suffix in (".yaml", ".yml"):
        if (described := yolo_set(file)) is None:
            raise LabelError(f"{file}: expected the description of a YOLO data set, with the classes' names")
        return yolo(file.parent, described, omissions)
    try:
        with file.open("rb") as opened:
            # Without the marks of UTF-8 and UTF-16, and the latter's zero bytes.
            first = opened.read(256).lstrip(b"\xef\xbb\xbf\xfe\xff\0 \t\r\n")[:1]
    except OSError as error:
        raise LabelError(f"{file}: cannot be read as text ({error.strerror or error})") from None
    if first == b"<":
        return cvat(file, omissions)
    if file.suffix == ".json" or first == b"[":
        read = read_json(file)
        if isinstance(read, dict) and "image" in read:
            return None  # a line of ours, alone in its file
        if not (isinstance(read, dict) and isinstance(read.get("images"), list)):
            raise LabelError(f"{file}: expected JSON lines, or COCO: an object with images, annotations and categories")
        return coco(read, file, omissions)
    if file.suffix in (".txt", ".names"):
        raise LabelError(f"{file}: expected labels; of a YOLO data set name the folder")
    return None
