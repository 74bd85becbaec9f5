"""What is labelled: clips and folders of pictures with their labels, as the annotate page asks for them."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from handflow.capture.images import images_in, is_image, read_image
from handflow.errors import SetupError
from handflow.outputs.page import page_jpeg
from handflow.runtime.names import fitting
from handflow.training.labels.data import LabelError
from handflow.training.labels.images import Clip
from handflow.training.targets import KINDS

from .clip_list import ClipList, free
from .edits import edited, not_yet_labelled
from .key_frames import FrameLabels, KeyFrames
from .label_file import LabelFile, write_file
from .propagation import grey

SIZE, QUALITY = (1920, 1080), 88  # of the pictures sent
KEPT_BYTES = 1 << 29  # of decoded frames, all clips together
GREYS = 200  # frames in the form that the flow is searched in: 0.9 MB each


Finder = Callable[[np.ndarray], list[dict[str, Any]]]


def find_nothing(_: np.ndarray) -> list[dict[str, Any]]:
    """What is suggested where no model is to be asked."""
    return []


class Item:
    """A clip, or a folder of pictures, with its labels and where they are stored. Raises LabelError."""

    def __init__(self, name: str, label_file: LabelFile, source: Clip | Sequence[Path]) -> None:
        self.name, self.label_file = name, label_file
        self.clip = source if isinstance(source, Clip) else None
        self._files = [] if isinstance(source, Clip) else list(source)
        self.count = len(source)
        self.sizes: dict[int, tuple[int, int]] = {}
        if self.clip is not None:
            self.sizes = dict.fromkeys(range(self.count), (self.clip.width, self.clip.height))
            self.key_frames = KeyFrames(lru_cache(GREYS)(self._grey), self.sizes[0])
            self.summary = f"{self.count} frames of {self.clip.width}x{self.clip.height}"
        else:
            self.key_frames = KeyFrames(None, (0, 0))
            self.summary = f"{self.count} pictures"
        self._stored = label_file.load(self.clip)
        self.key_frames.load(self._stored)
        if self._stored:
            self.summary += f", {len(self._stored)} of them shown before"
        self.save(range(self.count))

    @property
    def fps(self) -> float:
        fps = self.clip.fps if self.clip is not None else 0
        return fps if 1 <= fps <= 1000 else 30.0

    def image(self, frame: int) -> np.ndarray:
        """The picture. ValueError if there is none, or not the one that was labelled."""
        if not 0 <= frame < self.count:
            raise ValueError(f"expected a frame from 0 to {self.count - 1}, got {frame}")
        if self.clip is not None:
            return self.clip[frame]
        try:
            image = read_image(self._files[frame])
        except SetupError as error:
            raise ValueError(str(error)) from error
        size = image.shape[1], image.shape[0]
        if (labelled := self.label_file.size(frame)) not in (None, size):
            raise ValueError(f"{self._files[frame]}: expected a picture of {labelled} as its labels say, got {size}")
        self.sizes[frame] = size
        return image

    def title(self, frame: int) -> str:
        return self._files[frame].name if self._files else ""

    def save(self, changed: Iterable[int], surely: bool = False) -> None:
        self.label_file.write(self.key_frames.frames, self.sizes, changed, surely)

    def states(self) -> str:
        """A letter a frame: k(ey), c(arried), d(oubtful: a hand was lost), or . where nothing is labelled."""
        states = bytearray(b"." * self.count)
        for frame, labels in self.key_frames.frames.items():
            if labels.labelled:
                states[frame] = ord("k" if labels.exact else "c")
            elif labels.hands:
                states[frame] = ord("d")
        return states.decode()

    def fresh_id(self) -> int:
        ids = [hand.id for labels in self.key_frames.frames.values() for hand in labels.hands]
        return max((id_ for id_ in ids if isinstance(id_, int)), default=0) + 1

    def _grey(self, frame: int) -> np.ndarray:
        return grey(self.image(frame))


class Session:
    """All that is labelled at once, and which frame of each was shown last. Raises LabelError."""

    def __init__(
        self, clips: Sequence[Clip], pictures: Sequence[tuple[str, list[Path]]], folder: Path, every: int = 1
    ) -> None:
        self.folder, self.every = folder, every
        self.find: Finder = find_nothing
        self.file = folder / ".annotate"
        clip_list = ClipList(folder)
        self.items = [Item(clip.path.stem, clip_list.label_file(clip), clip) for clip in clips]
        for name, files in pictures:
            taken = [item.label_file.file.stem for item in self.items if item.clip is None]
            self.items.append(Item(name, LabelFile(folder / fitting(free(name, taken), ".jsonl"), files), files))
        self.positions = self._read_positions()

    def state(self) -> dict[str, Any]:
        """What the page begins with."""
        names = [str(item.label_file.file) for item in self.items]
        clips = [
            {
                "name": item.name,
                "frames": item.count,
                "fps": item.fps,
                "moving": item.clip is not None,
                "at": min(self.positions["at"].get(name, self._first(item)), item.count - 1),
            }
            for item, name in zip(self.items, names, strict=True)
        ]
        start = names.index(self.positions["open"]) if self.positions["open"] in names else 0
        return {"folder": str(self.folder), "every": self.every, "kinds": list(KINDS), "clips": clips, "start": start}

    def show(self, given: dict[str, Any]) -> dict[str, Any]:
        """A frame is shown. ValueError."""
        item, frame = self._item(given), self._frame(given)
        item.image(frame)
        if frame not in item.key_frames.frames:
            item.key_frames.show(frame)
            item.save({frame})
        self.positions["open"], self.positions["at"][str(item.label_file.file)] = str(item.label_file.file), frame
        write_file(self.file, json.dumps(self.positions))
        return self._reply(item, frame, bool(given.get("find")))

    def edit(self, given: dict[str, Any]) -> dict[str, Any]:
        """A frame's hands are corrected. ValueError."""
        item, frame = self._item(given), self._frame(given)
        height, width = item.image(frame).shape[:2]
        hands = edited(given.get("hands"), item.key_frames.show(frame).hands, width, height, list(KINDS))
        item.save(item.key_frames.edit(frame, hands), surely=True)
        return self._reply(item, frame, True)

    def undo(self, given: dict[str, Any]) -> dict[str, Any]:
        """The last edit is taken back. ValueError."""
        item = self._item(given)
        undone = item.key_frames.undo()
        if undone is None:
            raise ValueError(f"{item.name}: there is nothing left to undo")
        frame, changed = undone
        item.save(changed, surely=True)
        return self._reply(item, frame, True)

    def picture(self, given: dict[str, str]) -> bytes:
        """A frame as a JPEG. ValueError."""
        item = self._item({"clip": int(given["clip"])})
        return page_jpeg(item.image(int(given["frame"])), SIZE, QUALITY)

    def _reply(self, item: Item, frame: int, find: bool) -> dict[str, Any]:
        labels = item.key_frames.frames.get(frame, FrameLabels())
        width, height = item.sizes[frame]
        return {
            "clip": self.items.index(item), "frame": frame, "width": width, "height": height,
            "title": item.title(frame),
            "hands": [hand.json() for hand in labels.hands], "exact": labels.exact, "labelled": labels.labelled,
            "found": not_yet_labelled(self.find(item.image(frame)), labels.hands) if find else [],
            "states": item.states(), "fresh": item.fresh_id(), "undo": item.key_frames.undoable,
        }  # fmt: skip

    def _item(self, given: dict[str, Any]) -> Item:
        number = given.get("clip")
        if not isinstance(number, int) or not 0 <= number < len(self.items):
            raise ValueError(f"expected a clip from 0 to {len(self.items) - 1}, got {number!r}")
        return self.items[number]

    def _frame(self, given: dict[str, Any]) -> int:
        frame = given.get("frame")
        if not isinstance(frame, int) or isinstance(frame, bool):
            raise ValueError(f"expected a frame as a whole number, got {frame!r}")
        return frame

    def _first(self, item: Item) -> int:
        """Of pictures, the first one without a label."""
        return 0 if item.clip else next((n for n in range(item.count) if n not in item.key_frames.frames), 0)

    def _read_positions(self) -> dict[str, Any]:
        try:
            left = json.loads(self.file.read_text("utf-8"))
            return {"open": str(left["open"]), "at": {str(name): max(0, int(at)) for name, at in left["at"].items()}}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {"open": "", "at": {}}  # nothing hangs on it


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
