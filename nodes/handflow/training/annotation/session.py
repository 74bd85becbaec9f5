"""What is labelled: clips and folders of pictures with their marks, as the annotate page asks for them."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from handflow.capture.images import images_in, is_image, read_image
from handflow.errors import SetupError
from handflow.outputs.jpeg import jpeg
from handflow.training.labels.data import LabelError
from handflow.training.labels.images import Clip
from handflow.training.targets import KINDS

from .key_frames import Keyed, Marks
from .label_file import Listing, Sheet, edited, free, replace
from .propagation import grey

SIZE, QUALITY = (1920, 1080), 88  # of the pictures sent
KEPT_BYTES = 1 << 29  # of decoded frames, all clips together
GREYS = 200  # frames in the form that the flow is searched in: 0.9 MB each


Finder = Callable[[np.ndarray], list[dict[str, Any]]]


def nothing(_: np.ndarray) -> list[dict[str, Any]]:
    return []


class Item:
    """A clip, or a folder of pictures, with its marks and where they are stored. Raises LabelError."""

    def __init__(self, name: str, sheet: Sheet, source: Clip | Sequence[Path]) -> None:
        self.name, self.sheet = name, sheet
        self.clip = source if isinstance(source, Clip) else None
        self._files = [] if isinstance(source, Clip) else list(source)
        self.count = len(source)
        self.sizes: dict[int, tuple[int, int]] = {}
        if self.clip is not None:
            self.sizes = dict.fromkeys(range(self.count), (self.clip.width, self.clip.height))
            self.keyed = Keyed(lru_cache(GREYS)(self._grey), self.sizes[0])
            self.told = f"{self.count} frames of {self.clip.width}x{self.clip.height}"
        else:
            self.keyed = Keyed(None, (0, 0))
            self.told = f"{self.count} pictures"
        self._stored = sheet.load(self.clip)
        self.keyed.load(self._stored)
        if self._stored:
            self.told += f", {len(self._stored)} of them seen before"
        self.save(range(self.count))

    @property
    def fps(self) -> float:
        fps = self.clip.fps if self.clip is not None else 0
        return fps if 1 <= fps <= 1000 else 30.0

    def image(self, frame: int) -> np.ndarray:
        """The picture. ValueError if there is none, or not the one that was labelled."""
        if not 0 <= frame < self.count:
            raise ValueError(f"frame {frame} found; there are {self.count}, from 0")
        if self.clip is not None:
            return self.clip[frame]
        try:
            image = read_image(self._files[frame])
        except SetupError as error:
            raise ValueError(str(error)) from error
        size = image.shape[1], image.shape[0]
        if (labelled := self.sheet.size(frame)) not in (None, size):
            raise ValueError(f"{self._files[frame]}: is {size}, its labels say {labelled}: of another picture")
        self.sizes[frame] = size
        return image

    def title(self, frame: int) -> str:
        return self._files[frame].name if self._files else ""

    def save(self, changed: Iterable[int], surely: bool = False) -> None:
        self.sheet.write(self.keyed.marks, self.sizes, changed, surely)

    def states(self) -> str:
        """A letter a frame: k(ey), c(arried), d(oubtful: a hand was lost), or . where nothing is labelled."""
        states = bytearray(b"." * self.count)
        for frame, marks in self.keyed.marks.items():
            if marks.labelled:
                states[frame] = ord("k" if marks.exact else "c")
            elif marks.hands:
                states[frame] = ord("d")
        return states.decode()

    def fresh_id(self) -> int:
        ids = [hand["id"] for marks in self.keyed.marks.values() for hand in marks.hands]
        return max((id_ for id_ in ids if isinstance(id_, int)), default=0) + 1

    def _grey(self, frame: int) -> np.ndarray:
        return grey(self.image(frame))


class Session:
    """All that is labelled at once, and where each was left. Raises LabelError."""

    def __init__(
        self, clips: Sequence[Clip], pictures: Sequence[tuple[str, list[Path]]], folder: Path, every: int = 1
    ) -> None:
        self.folder, self.every = folder, every
        self.find: Finder = nothing
        self.file = folder / ".annotate"
        listing = Listing(folder)
        self.items = [Item(clip.path.stem, listing.sheet(clip), clip) for clip in clips]
        for name, files in pictures:
            taken = [item.sheet.file.stem for item in self.items if item.clip is None]
            self.items.append(Item(name, Sheet(folder / f"{free(name, taken)}.jsonl", files), files))
        self.left = self._left()

    def state(self) -> dict[str, Any]:
        """What the page begins with."""
        names = [str(item.sheet.file) for item in self.items]
        clips = [
            {
                "name": item.name,
                "frames": item.count,
                "fps": item.fps,
                "moving": item.clip is not None,
                "at": min(self.left["at"].get(name, self._first(item)), item.count - 1),
            }
            for item, name in zip(self.items, names, strict=True)
        ]
        start = names.index(self.left["open"]) if self.left["open"] in names else 0
        return {"folder": str(self.folder), "every": self.every, "kinds": list(KINDS), "clips": clips, "start": start}

    def show(self, given: dict[str, Any]) -> dict[str, Any]:
        """A frame is looked at. ValueError."""
        item, frame = self._item(given), self._frame(given)
        item.image(frame)
        if frame not in item.keyed.marks:
            item.keyed.look(frame)
            item.save({frame})
        self.left["open"], self.left["at"][str(item.sheet.file)] = str(item.sheet.file), frame
        replace(self.file, json.dumps(self.left))
        return self._told(item, frame, bool(given.get("find")))

    def edit(self, given: dict[str, Any]) -> dict[str, Any]:
        """A frame's hands are put right. ValueError."""
        item, frame = self._item(given), self._frame(given)
        height, width = item.image(frame).shape[:2]
        hands = edited(given.get("hands"), item.keyed.look(frame).hands, width, height, list(KINDS))
        item.save(item.keyed.edit(frame, hands), surely=True)
        return self._told(item, frame, True)

    def undo(self, given: dict[str, Any]) -> dict[str, Any]:
        """The last edit is taken back. ValueError."""
        item = self._item(given)
        undone = item.keyed.undo()
        if undone is None:
            raise ValueError(f"{item.name}: nothing is left to undo")
        frame, changed = undone
        item.save(changed, surely=True)
        return self._told(item, frame, True)

    def picture(self, given: dict[str, str]) -> bytes:
        """A frame as a JPEG. ValueError."""
        item = self._item({"clip": int(given["clip"])})
        return jpeg(item.image(int(given["frame"])), SIZE, QUALITY)

    def _told(self, item: Item, frame: int, find: bool) -> dict[str, Any]:
        marks = item.keyed.marks.get(frame, Marks())
        width, height = item.sizes[frame]
        return {
            "clip": self.items.index(item), "frame": frame, "width": width, "height": height,
            "title": item.title(frame),
            "hands": marks.hands, "exact": marks.exact, "labelled": marks.labelled,
            "found": unknown_yet(self.find(item.image(frame)), marks) if find else [],
            "states": item.states(), "fresh": item.fresh_id(), "undo": item.keyed.undoable,
        }  # fmt: skip

    def _item(self, given: dict[str, Any]) -> Item:
        number = given.get("clip")
        if not isinstance(number, int) or not 0 <= number < len(self.items):
            raise ValueError(f"clip {number!r} found; there are {len(self.items)}, from 0")
        return self.items[number]

    def _frame(self, given: dict[str, Any]) -> int:
        frame = given.get("frame")
        if not isinstance(frame, int) or isinstance(frame, bool):
            raise ValueError(f"frame {frame!r} found; a whole number expected")
        return frame

    def _first(self, item: Item) -> int:
        """Of pictures, the first one without a label."""
        return 0 if item.clip else next((n for n in range(item.count) if n not in item.keyed.marks), 0)

    def _left(self) -> dict[str, Any]:
        try:
            left = json.loads(self.file.read_text("utf-8"))
            return {"open": str(left["open"]), "at": {str(name): max(0, int(at)) for name, at in left["at"].items()}}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {"open": "", "at": {}}  # nothing hangs on it


def unknown_yet(found: list[dict[str, Any]], marks: Marks) -> list[dict[str, Any]]:
    """What was found where no box is yet: its middle lies in none, and no box's middle in it."""

    def middle_in(one: Sequence[float], other: Sequence[float]) -> bool:
        x, y = one[0] + one[2] / 2 - other[0], one[1] + one[3] / 2 - other[1]
        return 0 <= x <= other[2] and 0 <= y <= other[3]

    known = [hand["box"] for hand in marks.hands if "lost" not in hand]
    return [
        each for each in found if not any(middle_in(each["box"], box) or middle_in(box, each["box"]) for box in known)
    ]


def opened(paths: Sequence[str]) -> tuple[list[Clip], list[tuple[str, list[Path]]]]:
    """The clips among `paths`, and the pictures: those of each folder, and the single ones, by name. LabelError."""
    clips: list[Path] = []
    single: list[Path] = []
    folders: list[tuple[str, list[Path]]] = []
    for path in dict.fromkeys(Path(given).resolve() for given in paths):
        if path.is_dir():
            try:
                folders.append((path.name, images_in(path)))
            except SetupError as error:
                raise LabelError(str(error)) from error
        elif not path.is_file():
            raise LabelError(f"{path}: no such file or folder")
        elif is_image(path):
            single.append(path)
        else:
            clips.append(path)
    kept = KEPT_BYTES // max(len(clips), 1)
    return [Clip(path, kept) for path in clips], [*folders, *([("pictures", single)] if single else [])]
