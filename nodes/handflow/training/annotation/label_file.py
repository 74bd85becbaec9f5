"""The label files that `annotate` writes: JSON lines as `data` reads them, replaced whole: a crash loses nothing.

Of a clip: FOLDER/clips/NAME.jsonl, a line a frame, and its line in FOLDER/clips/clips.jsonl. Of pictures:
FOLDER/NAME.jsonl, a line for each picture that has been labelled.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from handflow.training.labels.data import LabelError, read_line
from handflow.training.labels.images import Clip

from .key_frames import Hand, Marks

ELSEWHERE = "give another folder for the labels with -o"


class Sheet:
    """The label file of one clip, or of `pictures`. Raises LabelError."""

    def __init__(self, file: Path, pictures: Sequence[Path] | None = None) -> None:
        self.file, self.pictures = file, pictures
        self._numbers = {path.resolve(): number for number, path in enumerate(pictures or ())}
        self._lines: dict[int, dict[str, Any]] = {}  # as they were read, with what others wrote into them
        self._texts: dict[int, str] = {}

    def load(self, clip: Clip | None) -> dict[int, Marks]:
        """What was stored, checked; nothing if there is none yet."""
        if not self.file.exists():
            return {}
        marks: dict[int, Marks] = {}
        for where, line in lines(self.file):
            number = self._checked(line, where, clip)
            hands = [dict(hand) for hand in line["hands"]]
            labelled = line.get("labelled", True)
            if not isinstance(labelled, bool) or not isinstance(exact := line.get("exact", labelled), bool):
                raise LabelError(f"{where}: labelled and exact must be true or false")
            self._lines[number] = line
            if labelled or exact or hands:  # else nobody has looked at it
                marks[number] = Marks(hands, exact and (labelled or any("lost" in hand for hand in hands)), labelled)
        taken = [hand["id"] for each in marks.values() for hand in each.hands if isinstance(hand.get("id"), int)]
        fresh = max(taken, default=0)
        for _, each in sorted(marks.items()):
            for hand in each.hands:
                if hand.get("id") is None:
                    hand["id"] = fresh = fresh + 1
        if clip is not None and len(self._lines) != len(clip):
            raise LabelError(
                f"{self.file}: labels of {len(self._lines)} frames, but {clip.path} has {len(clip)}: "
                f"they are of another clip; {ELSEWHERE}"
            )
        return marks

    def size(self, number: int) -> tuple[int, int] | None:
        """Width and height that the stored line of a frame says."""
        line = self._lines.get(number)
        return None if line is None else (line["width"], line["height"])

    def write(
        self,
        marks: Mapping[int, Marks],
        sizes: Mapping[int, tuple[int, int]],
        changed: Iterable[int],
        surely: bool = True,
    ) -> None:
        """Replaces the file; only lines of frames in `changed` are made anew. `sizes`: of the frames. LabelError."""
        for number in changed:
            line = self._line(number, marks.get(number, Marks()), sizes.get(number))
            if line is None:
                self._texts.pop(number, None)
            else:
                self._texts[number] = json.dumps(line)
        replace(self.file, "".join(f"{self._texts[number]}\n" for number in sorted(self._texts)), surely)

    def _line(self, number: int, marks: Marks, size: tuple[int, int] | None) -> dict[str, Any] | None:
        line = dict(self._lines.get(number, {}))
        if size is not None:
            line |= {"width": size[0], "height": size[1]}
        rest = {"hands": marks.hands, "exact": marks.exact, "labelled": marks.labelled}
        if self.pictures is None:
            return {"frame": number} | line | rest
        if not marks.labelled:
            return None
        image = reference(self.pictures[number], self.file.parent)
        return {"image": image, "source": self.file.stem, "group": self.file.stem} | line | rest

    def _checked(self, line: dict[str, Any], where: str, clip: Clip | None) -> int:
        """A line's number, after everything that can be wrong with it has been looked for."""
        if self.pictures is not None:
            if "image" not in line:
                raise LabelError(f"{where}: no 'image' in this line: not the labels of pictures; {ELSEWHERE}")
            picture = read_line(line, where, self.file, None)
            number = self._numbers.get(picture.path.resolve())
            if number is None:
                raise LabelError(f"{where}: labels {line['image']}, which is not among the pictures; {ELSEWHERE}")
            return number
        assert clip is not None
        if "frame" not in line:
            raise LabelError(f"{where}: no 'frame' in this line: not the labels of a clip; {ELSEWHERE}")
        read_line(line, where, self.file, {"path": clip.path})
        if (size := (line["width"], line["height"])) != (clip.width, clip.height):
            found, expected = f"{size[0]}x{size[1]}", f"{clip.width}x{clip.height}"
            raise LabelError(
                f"{where}: labels of a clip of {found}, but {clip.path} has {expected}: another clip; {ELSEWHERE}"
            )
        number = line["frame"]
        if not isinstance(number, int) or not 0 <= number < len(clip):
            raise LabelError(
                f"{where}: labels frame {number}, but {clip.path} has {len(clip)} frames: another clip; {ELSEWHERE}"
            )
        return number


class Listing:
    """FOLDER/clips/clips.jsonl: which clips are labelled there, and where they lie."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clips" / "clips.jsonl"
        self.entries = [line for _, line in lines(self.file)] if self.file.exists() else []
        if not all(isinstance(entry.get("clip"), str) for entry in self.entries):
            raise LabelError(f'{self.file}: no list of clips: {{"clip": …}} was expected in each line; {ELSEWHERE}')

    def sheet(self, clip: Clip) -> Sheet:
        """The sheet of a clip, listed from now on."""
        here = clip.path.resolve()
        entry = next((each for each in self.entries if self._path(each) == here), None)
        if entry is None:
            entry = self._moved(clip)
        if entry is None:
            taken = {name(each) for each in self.entries}
            entry = {"clip": f"clips/{free(clip.path.stem, taken)}.mp4"}
            file = self.file.parent / f"{name(entry)}.jsonl"
            if file.exists():
                raise LabelError(f"{file}: labels that {self.file.name} does not list: whose are they? {ELSEWHERE}")
            self.entries.append(entry)
        fresh = {"path": reference(here, self.file.parent), "labels": f"clips/{name(entry)}.jsonl"}
        size = {"frames": len(clip), "fps": round(clip.fps, 3), "width": clip.width, "height": clip.height}
        if any(key in entry and entry[key] != value for key, value in size.items() if key != "fps"):
            raise LabelError(
                f"{self.file}: lists {entry['clip']} with {entry.get('frames')} frames of {entry.get('width')}x"
                f"{entry.get('height')}, but {clip.path} has {len(clip)} of {clip.width}x{clip.height}: "
                f"another clip; {ELSEWHERE}"
            )
        entry |= fresh | size | {"group": entry.get("group", name(entry))}
        replace(self.file, "".join(f"{json.dumps(each)}\n" for each in self.entries))
        return Sheet(self.file.parent / f"{name(entry)}.jsonl")

    def _path(self, entry: dict[str, Any]) -> Path:
        return (self.file.parent / entry.get("path", f"{name(entry)}.mp4")).resolve()

    def _moved(self, clip: Clip) -> dict[str, Any] | None:
        """The entry of a clip of this name, frames and size that is no longer where it was."""
        wanted = (clip.path.name, len(clip), clip.width, clip.height)
        for entry in self.entries:
            found = (Path(entry.get("path", "")).name, entry.get("frames"), entry.get("width"), entry.get("height"))
            if found == wanted and not self._path(entry).exists():
                return entry
        return None


def name(entry: dict[str, Any]) -> str:
    return Path(entry["clip"]).stem


def free(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or with a number where it is taken."""
    found, number, taken = wanted, 1, {*taken, "clips"}
    while found in taken:
        number += 1
        found = f"{wanted}-{number}"
    return found


def reference(path: Path, folder: Path) -> str:
    """How a file in `folder` names `path`: relative where both lie in one place and may move together."""
    path, folder = path.resolve(), folder.resolve()
    near = [folder, *folder.parents[:2]]
    return os.path.relpath(path, folder) if any(path.is_relative_to(each) for each in near) else str(path)


def lines(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """The objects in a file of JSON lines, each with where it stands. LabelError."""
    try:
        texts = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{file}: cannot be read as text ({error})") from None
    found = []
    for number, text in enumerate(texts, start=1):
        if text.strip():
            try:
                line = json.loads(text)
            except ValueError as error:
                raise LabelError(f"{file}:{number}: not JSON: {error}; {ELSEWHERE}") from None
            if not isinstance(line, dict):
                raise LabelError(f"{file}:{number}: an object was expected, found {text[:40]!r}; {ELSEWHERE}")
            found.append((f"{file}:{number}", line))
    return found


def replace(file: Path, text: str, surely: bool = False) -> None:
    """Writes a file so that at any moment either the old one or the new one is there. LabelError.

    `surely`: waits until the disk has it, so that even a power cut takes nothing away.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as opened:
            opened.write(text)
            if surely:
                opened.flush()
                os.fsync(opened.fileno())
        part.replace(file)
    except OSError as error:
        raise LabelError(f"{file}: cannot be written: {error.strerror}") from None


def edited(given: Any, before: list[Hand], width: int, height: int, kinds: Iterable[str]) -> list[Hand]:
    """Hands as the page sends them, checked; what is known of those that stay as they were is kept. ValueError."""
    if not isinstance(given, list) or not all(isinstance(hand, dict) for hand in given):
        raise ValueError("hands must be a list of objects")
    known = {hand["id"]: hand for hand in before}
    hands: list[Hand] = []
    for hand in given:
        id_, box, kind = hand.get("id"), hand.get("box"), hand.get("kind")
        if kind not in kinds:
            raise ValueError(f"kind {kind!r} found; one of {', '.join(kinds)} expected")
        if not isinstance(box, list) or len(box) != 4 or not all(type(v) in (int, float) and abs(v) < 1e6 for v in box):
            raise ValueError(f"box {box} found; [x, y, width, height] expected")
        x, y, w, h = box = [round(float(value), 1) for value in box]
        if not (w >= 1 and h >= 1 and x < width and y < height and x + w > 0 and y + h > 0):
            raise ValueError(f"box {box} found; a box in the picture of {width}x{height} expected")
        if not isinstance(id_, int | str) or isinstance(id_, bool) or any(each["id"] == id_ for each in hands):
            raise ValueError(f"id {id_!r} found; one for each hand expected")
        old = known.get(id_)
        if hand.get("lost") and old is not None and "lost" in old and old["box"] == box:
            hands.append(old | {"kind": kind})  # others were put right, this one not yet
            continue
        if old is not None and old["box"] == box and "lost" not in old and old.get("labelled_by") != "flow":
            hands.append(old if old["kind"] == kind else old | {"kind": kind, "kind_by": "eye"})
        else:
            by = "model" if hand.get("by") == "model" else "eye"
            hands.append({"box": box, "kind": kind, "labelled_by": by, "id": id_})
    return hands
