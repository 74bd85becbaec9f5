"""YOLO's labels -> lines of ours: a text file beside each picture (or in `labels` beside `images`), a hand a line."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from handflow.errors import LabelError
from handflow.runtime.files import files_in
from handflow.training.labels.line import HandLabel, LabelLine
from handflow.training.labels.omissions import Omissions, counted
from handflow.training.labels.picture_files import stored_picture
from handflow.training.labels.text import lines_of, read_text

from .foreign_formats import NONE, ForeignLine, Kinds, group_of
from .yolo_line import YoloLine, layout_of, parse_yolo_line, shape_of
from .yolo_set import YoloSet, listed_pictures, pictures_below


def yolo(folder: Path, described: YoloSet, omissions: Omissions) -> Iterator[ForeignLine]:
    """The pictures of a data set, or of a folder in it. Raises LabelError."""
    pictures = pictures_of(folder, described, omissions)
    texts = {picture: labels_of(picture) for picture in pictures}
    empty = sum(text is None for text in texts.values())
    if empty and empty == len(pictures):
        raise LabelError(f"{folder}: no picture has labels: expected a text file beside it, or in labels for images")
    if empty:
        omissions.note(
            f"{folder}: {empty} of {counted(len(pictures), 'picture')} have no labels: read as without hands"
        )
    labels = YoloLabels(described, {text for text in texts.values() if text is not None}, omissions)
    for picture, text in texts.items():
        where = str(text or picture)
        before = omissions["box"]
        with omissions.guarding("picture", where, "YOLO"):
            size = stored_picture(picture).upright
            hands = [] if text is None else labels.hands(text, size)
            group = group_of(os.path.relpath(picture, folder), folder / "data.yaml")
            line = LabelLine(*size, hands, str(picture.resolve()), None, folder.resolve().name, group)
            yield ForeignLine(line, where, text or picture, lost=omissions["box"] > before)
    labels.kinds.tell_if_handless(folder, omissions)


def pictures_of(folder: Path, described: YoloSet, omissions: Omissions) -> list[Path]:
    """The pictures that a data set lists, else all below its folder. LabelError."""
    below = pictures_below(folder)
    # Of a folder in a data set all pictures are asked for.
    whole = described.file.resolve().parent == folder.resolve()
    listed = listed_pictures(described, omissions) if whole else None
    strays(folder, [*below, *(listed or [])], omissions)
    if listed is None:
        return below
    beside = len({os.path.realpath(path) for path in below} - {os.path.realpath(path) for path in listed})
    if beside:
        pictures = counted(beside, "picture")
        omissions.note(f"{described.file}: {pictures} in its folder, but in none of train, val and test: not read")
    return listed


def labels_of(picture: Path) -> Path | None:
    """Where a picture's labels are: in `labels` for the last of its folders `images`, else beside it."""
    parts = Path(os.path.abspath(picture)).parts
    places = [
        Path(*parts[:at], "labels", *parts[at + 1 :])
        for at in reversed(range(1, len(parts) - 1))
        if parts[at].lower() == "images"
    ]
    for place in [*places, Path(*parts)]:
        for suffix in (".txt", ".TXT"):
            if os.path.isfile(text := place.with_suffix(suffix)):
                return text
    return None


def strays(folder: Path, pictures: list[Path], omissions: Omissions) -> None:
    """Tells of files of labels without a picture; licences, lists and notes are none. LabelError."""
    used = {labels_of(picture) for picture in pictures}
    for text in files_in(folder, deep=True):
        if text.suffix.lower() != ".txt" or Path(os.path.abspath(text)) in used:
            continue
        try:
            lines = lines_of(read_text(text))
            parse_yolo_line(next((line for line in lines if line.strip()), ""), str(text))
        except LabelError:
            continue
        omissions.leave_out("picture", f"{text}: labels without a picture beside them or in `images`")


class YoloLabels:
    """The label files of one data set, read together: one line alone does not always tell what stands in it."""

    def __init__(self, described: YoloSet, texts: set[Path], omissions: Omissions) -> None:
        self._described, self._omissions = described, omissions
        self.kinds = Kinds(described.file.resolve().parent)
        self._lines: dict[Path, list[str]] = {}
        self._unreadable: dict[Path, str] = {}
        for text in sorted(texts):
            try:
                self._lines[text] = lines_of(read_text(text))
            except LabelError as error:
                self._unreadable[text] = str(error)
        self._layout = layout_of(self._numbers(), described.points)

    def hands(self, text: Path, size: tuple[int, int]) -> list[HandLabel]:
        """The hands of a picture (width, height). Raises LabelError."""
        if text in self._unreadable:
            raise LabelError(self._unreadable[text])
        lines = enumerate(self._lines[text], start=1)
        return [hand for n, line in lines if line.strip() for hand in self._hand(line, size, f"{text}:{n}")]

    def _numbers(self) -> Iterator[YoloLine]:
        for text, lines in self._lines.items():
            for line in filter(str.strip, lines):
                # What cannot be read is told where its picture is.
                with suppress(LabelError):
                    yield parse_yolo_line(line, str(text))

    def _hand(self, words: str, size: tuple[int, int], where: str) -> list[HandLabel]:
        """The hand of one line; none where it is no hand, or cannot be used. LabelError."""
        names, line = self._described.names, None
        with self._omissions.guarding("box", where, "YOLO"):
            line = parse_yolo_line(words, where)
            if line.number not in names:
                shown = ", ".join(names.values())[:80]
                raise LabelError(f"{where}: class {line.number} has no name; there are {len(names)}: {shown}")
        if line is None or line.number not in names or (kind := self.kinds.of(names[line.number], where)) == NONE:
            return []
        with self._omissions.guarding("box", where, "YOLO"):
            box, points = shape_of(line, self._layout, where)
            pixels = (np.array(box) * [*size, *size]).tolist()
            landmarks = (points * size).tolist() if points is not None and len(points) == 21 else None
            return [HandLabel(pixels, kind, landmarks=landmarks, labelled_by="class")]
        return []
