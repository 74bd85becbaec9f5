"""The label files that `annotate` writes: JSON lines (see labels/line.py), replaced whole, so a crash loses nothing.

Of a clip: FOLDER/clips/NAME.jsonl, a line a frame, and its line in FOLDER/clips/clips.jsonl. Of pictures:
FOLDER/NAME.jsonl, a line for each picture that has been labelled.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from handflow.errors import LabelError
from handflow.runtime.files import replacing
from handflow.runtime.names import written
from handflow.training.labels.images import Clip
from handflow.training.labels.line import LabelLine, json_lines, parse_line
from handflow.training.labels.pictures import ClipEntry, picture_of

from .key_frames import FrameLabels

ELSEWHERE = "give another folder for the labels with -o"


class LabelFile:
    """The label file of one clip, or of `pictures`. Raises LabelError."""

    def __init__(self, file: Path, pictures: Sequence[Path] | None = None) -> None:
        self.file, self.pictures = file, pictures
        self._numbers = {path.resolve(): number for number, path in enumerate(pictures or ())}
        self._lines: dict[int, LabelLine] = {}  # as they were read, with what others wrote into them
        self._texts: dict[int, str] = {}

    def load(self, clip: Clip | None) -> dict[int, FrameLabels]:
        """What was stored, checked; nothing if there is none yet."""
        if not self.file.exists():
            return {}
        labels: dict[int, FrameLabels] = {}
        with naming_the_way_out():
            for where, values in json_lines(self.file):
                line = self._parsed(values, where)
                number = self._frame_number(line, where, clip) if clip else self._picture_number(line, where)
                self._lines[number] = line
                exact = line.labelled if line.exact is None else line.exact
                if line.labelled or exact or line.hands:  # else it was never shown to anybody
                    exact = exact and (line.labelled or any(hand.lost for hand in line.hands))
                    labels[number] = FrameLabels(line.hands, exact, line.labelled)
            if clip is not None and len(self._lines) != len(clip):
                raise LabelError(
                    f"{self.file}: expected labels of the {len(clip)} frames of {clip.path}, got {len(self._lines)}: "
                    "they are of another clip"
                )
        give_ids(labels)
        return labels

    def size(self, number: int) -> tuple[int, int] | None:
        """Width and height that the stored line of a frame says."""
        line = self._lines.get(number)
        return None if line is None else (line.width, line.height)

    def write(
        self,
        labels: Mapping[int, FrameLabels],
        sizes: Mapping[int, tuple[int, int]],
        changed: Iterable[int],
        surely: bool = True,
    ) -> None:
        """Replaces the file; only lines of frames in `changed` are made anew. `sizes`: of the frames. LabelError."""
        for number in changed:
            line = self._line(number, labels.get(number, FrameLabels()), sizes.get(number))
            if line is None:
                self._texts.pop(number, None)
            else:
                self._texts[number] = json.dumps(line.json())
        write_file(self.file, "".join(f"{self._texts[number]}\n" for number in sorted(self._texts)), surely)

    def _line(self, number: int, labels: FrameLabels, size: tuple[int, int] | None) -> LabelLine | None:
        if self.pictures is not None and not labels.labelled:
            return None
        line = self._lines.get(number)
        if line is None:
            assert size is not None
            line = LabelLine(*size, [])
            if self.pictures is None:
                line.frame = number
            else:
                line.image = written(reference(self.pictures[number], self.file.parent))
                line.source = line.group = self.file.stem
        width, height = size or (line.width, line.height)
        return replace(
            line, width=width, height=height, hands=labels.hands, exact=labels.exact, labelled=labels.labelled
        )

    def _parsed(self, values: dict[str, Any], where: str) -> LabelLine:
        name, whose = ("frame", "a clip") if self.pictures is None else ("image", "pictures")
        if name not in values:
            raise LabelError(f"{where}: expected {name!r} in this line, got {', '.join(values)}: not labels of {whose}")
        line = parse_line(values, where)
        if not isinstance(line.labelled, bool) or not isinstance(line.exact, bool | None):
            raise LabelError(f"{where}: expected labelled and exact to be true or false")
        return line

    def _picture_number(self, line: LabelLine, where: str) -> int:
        """Which of the pictures a line is of, after everything that can be wrong with it has been looked for."""
        number = self._numbers.get(picture_of(line, where, self.file).path.resolve())
        if number is None:
            raise LabelError(f"{where}: labels {line.image}, which is not among the pictures")
        return number

    def _frame_number(self, line: LabelLine, where: str, clip: Clip) -> int:
        """Which frame a line is of, after everything that can be wrong with it has been looked for."""
        picture_of(line, where, self.file, ClipEntry(clip.path))
        if (line.width, line.height) != (clip.width, clip.height):
            raise LabelError(
                f"{where}: expected labels of a clip of {clip.width}x{clip.height} as {clip.path} is, "
                f"got {line.width}x{line.height}: another clip"
            )
        if not isinstance(line.frame, int) or not 0 <= line.frame < len(clip):
            raise LabelError(
                f"{where}: expected a frame of the {len(clip)} of {clip.path}, got {line.frame}: another clip"
            )
        return line.frame


def give_ids(labels: Mapping[int, FrameLabels]) -> None:
    """Gives each hand that has none a new id."""
    taken = [hand.id for each in labels.values() for hand in each.hands if isinstance(hand.id, int)]
    fresh = max(taken, default=0)
    for _, each in sorted(labels.items()):
        for hand in each.hands:
            if hand.id is None:
                hand.id = fresh = fresh + 1


@contextmanager
def naming_the_way_out() -> Iterator[None]:
    """Adds to each LabelError that another folder may be given."""
    try:
        yield
    except LabelError as error:
        raise LabelError(f"{error}; {ELSEWHERE}") from None


def reference(path: Path, folder: Path) -> str:
    """How a file in `folder` names `path`: relative where both lie in one place and may move together."""
    path, folder = path.resolve(), folder.resolve()
    near = [folder, *folder.parents[:2]]
    return os.path.relpath(path, folder) if any(path.is_relative_to(each) for each in near) else str(path)


def write_file(file: Path, text: str, surely: bool = False) -> None:
    """Replaces a file whole. `surely`: waits until the disk has it, so that a power cut takes nothing. LabelError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part, part.open("w", encoding="utf-8") as opened:
            opened.write(text)
            if surely:
                opened.flush()
                os.fsync(opened.fileno())
    except OSError as error:
        raise LabelError(f"{file}: cannot be written: {error.strerror}") from None
