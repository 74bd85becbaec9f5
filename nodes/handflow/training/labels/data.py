"""Labels on disk -> labelled pictures: our own JSON lines (see line.py), COCO, YOLO or CVAT."""

from collections.abc import Iterable
from pathlib import Path

from handflow.errors import LabelError
from handflow.runtime.files import files_in
from handflow.runtime.names import named, read_back, written

from .coco import coco
from .cvat import cvat
from .foreign_formats import ForeignLine, read_json
from .legacy_words import in_todays_words
from .line import json_lines, parse_line
from .pictures import ClipEntry, LabelledPicture, picture_of
from .yolo import yolo, yolo_names


def read_labels(paths: Iterable[Path | str]) -> list[LabelledPicture]:
    """Every picture of label files, or of folders of them (with their clips). Raises LabelError."""
    pictures: list[LabelledPicture] = []
    for path in map(Path, paths):
        if not path.exists():
            raise LabelError(f"{path}: no such file or folder")
        if not path.is_dir():
            pictures += read_file(path)
            continue
        files = label_files(path)
        found = [picture for file in files for picture in read_file(file)]
        found += [] if files else [picture_of(*foreign) for foreign in read_folder(path)]
        if not found:
            what = "JSON lines (*.jsonl), COCO (*.json), CVAT (*.xml) or YOLO (data.yaml, classes.txt or obj.names)"
            raise LabelError(f"{path}: no labelled pictures in this folder; expected {what}")
        pictures += found
    if not pictures:
        raise LabelError(f"{', '.join(map(str, paths))}: no labelled pictures found")
    return pictures


def label_files(path: Path) -> list[Path]:
    """A label file itself; or a folder's label files of our own, with its list of clips."""
    if not path.is_dir():
        return [path]
    clips = path / "clips" / "clips.jsonl"
    return files_in(path, "*.jsonl") + ([clips] if clips.exists() else [])


def read_file(file: Path, clip: ClipEntry | None = None) -> list[LabelledPicture]:
    """The pictures of one label file; a list of clips brings its clips' frames."""
    if clip is None and (foreign := read_foreign(file)) is not None:
        return [picture_of(*each) for each in foreign]
    pictures: list[LabelledPicture] = []
    for where, values in json_lines(file):
        if "clip" in values:
            name = Path(named(values["clip"])).stem
            entry = ClipEntry(read_back(values.get("path", written(f"{name}.mp4")), file.parent), values.get("group"))
            pictures += read_file(file.parent / f"{name}.jsonl", entry)
            continue
        values = in_todays_words(values)
        if values.get("labelled", True):
            pictures.append(picture_of(parse_line(values, where), where, file, clip))
    return pictures


def read_folder(folder: Path) -> list[ForeignLine]:
    """The labels in a folder that has none of ours: YOLO's, or COCO's and CVAT's files in it or in `annotations`."""
    if yolo_names(folder) is not None:
        return list(yolo(folder))
    found: list[ForeignLine] = []
    for file in sorted(
        [*files_in(folder, "*.json"), *files_in(folder, "*.xml"), *files_in(folder, "annotations/*.json")]
    ):
        if file.name != "kinds.json":
            found += read_foreign(file) or []
    return found


def read_foreign(file: Path) -> list[ForeignLine] | None:
    """The labels in a file that is COCO's or CVAT's, by its content; None if it is neither. Raises LabelError."""
    with file.open("rb") as opened:
        first = opened.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if first == b"<":
        return list(cvat(file))
    if file.suffix == ".json" or first == b"[":
        read = read_json(file)
        if isinstance(read, dict) and "image" in read:
            return None  # a line of ours, alone in its file
        if not (isinstance(read, dict) and isinstance(read.get("images"), list)):
            raise LabelError(f"{file}: expected JSON lines, or COCO: an object with images, annotations and categories")
        return list(coco(read, file))
    if file.suffix in (".yaml", ".yml", ".txt", ".names"):
        raise LabelError(f"{file}: expected labels; of a YOLO data set name the folder")
    return None
