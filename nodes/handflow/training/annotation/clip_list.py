"""The list of labelled clips: FOLDER/clips/clips.jsonl."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from handflow.errors import LabelError
from handflow.runtime.names import fitting, named, read_back, written
from handflow.training.labels.images import Clip
from handflow.training.labels.line import json_lines

from .label_file import ELSEWHERE, LabelFile, naming_the_way_out, reference, write_file

LONGEST_ENDING = "-1000.jsonl"  # behind a clip's name


class ClipList:
    """FOLDER/clips/clips.jsonl: which clips are labelled there, and where they lie."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clips" / "clips.jsonl"
        with naming_the_way_out():
            self.entries = [line for _, line in json_lines(self.file)] if self.file.exists() else []
        if not all(isinstance(entry.get("clip"), str) for entry in self.entries):
            raise LabelError(f'{self.file}: expected a list of clips, {{"clip": …}} in each line; {ELSEWHERE}')

    def label_file(self, clip: Clip) -> LabelFile:
        """The label file of a clip, listed from now on."""
        here = clip.path.resolve()
        entry = next((each for each in self.entries if self._path(each) == here), None)
        if entry is None:
            entry = self._moved(clip)
        if entry is None:
            taken = {name(each) for each in self.entries}
            stem = fitting(clip.path.stem, LONGEST_ENDING).removesuffix(LONGEST_ENDING)
            entry = {"clip": f"clips/{written(free(stem, taken))}.mp4"}
            file = self.file.parent / f"{name(entry)}.jsonl"
            if file.exists():
                raise LabelError(f"{file}: labels that {self.file.name} does not list; {ELSEWHERE}")
            self.entries.append(entry)
        fresh = {"path": written(reference(here, self.file.parent)), "labels": f"clips/{written(name(entry))}.jsonl"}
        size = {"frames": len(clip), "fps": round(clip.fps, 3), "width": clip.width, "height": clip.height}
        if any(key in entry and entry[key] != value for key, value in size.items() if key != "fps"):
            raise LabelError(
                f"{self.file}: lists {entry['clip']} with {entry.get('frames')} frames of {entry.get('width')}x"
                f"{entry.get('height')}, but {clip.path} has {len(clip)} of {clip.width}x{clip.height}: "
                f"another clip; {ELSEWHERE}"
            )
        entry |= fresh | size | {"group": entry.get("group", written(name(entry)))}
        write_file(self.file, "".join(f"{json.dumps(each)}\n" for each in self.entries))
        return LabelFile(self.file.parent / f"{name(entry)}.jsonl")

    def _path(self, entry: dict[str, Any]) -> Path:
        return read_back(entry.get("path", f"{written(name(entry))}.mp4"), self.file.parent).resolve()

    def _moved(self, clip: Clip) -> dict[str, Any] | None:
        """The entry of a clip of this name, frames and size that is no longer where it was."""
        wanted = (clip.path.name, len(clip), clip.width, clip.height)
        for entry in self.entries:
            found = (
                Path(named(entry.get("path", ""))).name,
                entry.get("frames"),
                entry.get("width"),
                entry.get("height"),
            )
            if found == wanted and not self._path(entry).exists():
                return entry
        return None


def name(entry: dict[str, Any]) -> str:
    """What a clip is called in the list: its file's name without the ending."""
    return Path(named(entry["clip"])).stem


def free(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or with a number where it is taken."""
    found, number, taken = wanted, 1, {*taken, "clips"}
    while found in taken:
        number += 1
        found = f"{wanted}-{number}"
    return found
