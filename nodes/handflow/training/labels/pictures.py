"""Labelled pictures, and sets of them."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handflow.errors import LabelError
from handflow.runtime.names import read_back
from handflow.training.targets import COARSE, IGNORE, KINDS, UNKNOWN, PeopleLabelled

from .images import clip_beside, read_clip, read_image, read_once
from .line import HandLabel, LabelLine, check_line
from .omissions import Omissions
from .people import parts_of


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """One labelled picture, not yet read."""

    path: Path
    width: int
    height: int
    boxes: np.ndarray  # (n, 4) float32: x, y, width, height in pixels
    kinds: np.ndarray  # (n,) int: targets.OPEN, OTHER, UNKNOWN, IGNORE, COARSE
    source: str
    group: str  # pictures of one group never lie on both sides of a split
    frame: int | None = None  # number of the frame, where `path` is a clip
    polygons: list[np.ndarray | None] = field(default_factory=list)  # (21, 2) points on the hand where known
    ids: list[str | None] = field(default_factory=list)  # which hand of the clip each box is, where known
    parts: np.ndarray = field(default_factory=lambda: np.zeros((0, 5), np.float32))  # of people: boxes and kinds
    people: PeopleLabelled = PeopleLabelled.NOBODY
    rendered: bool = False
    dataset: str = ""  # which of a recipe's data sets it is of

    @property
    def hands(self) -> np.ndarray:
        """Which of the boxes are hands and not ignored regions, (n,) bool."""
        return self.kinds != IGNORE

    def read(self) -> np.ndarray:
        """The picture, (height, width, 3) BGR. Shared: do not write into it."""
        if self.frame is None:
            # Of rendered pictures there are too many to keep, and each is drawn a few times only.
            image = read_once(self.path) if self.rendered else read_image(self.path)
        else:
            frames = read_clip(self.path)
            if not 0 <= self.frame < len(frames):
                why = f" ({frames.fault})" if frames.fault else ""
                raise LabelError(f"{self.path}: no frame {self.frame}; the clip has {len(frames)}{why}")
            image = frames[self.frame]
        if image.shape[:2] != (self.height, self.width):
            expected, found = f"{self.width}x{self.height}", f"{image.shape[1]}x{image.shape[0]}"
            raise LabelError(f"{self.path}: expected a picture of {expected} as its label says, got {found}")
        return image


class ClipEntry(NamedTuple):
    """A clip in a list of clips."""

    path: Path
    group: str | None = None


def picture_of(line: LabelLine, where: str, file: Path, clip: ClipEntry | None = None) -> LabelledPicture:
    """The picture, or the frame of `clip`, that a line of the label file `file` is about. Raises LabelError."""
    check_line(line, where)
    return picture_at(path_of(line, where, file, clip), line, file, clip)


def picture_at(path: Path, line: LabelLine, file: Path, clip: ClipEntry | None = None) -> LabelledPicture:
    """The same for a line that is right, and a picture or clip that is there."""
    group = clip.group if clip is not None else line.group
    return LabelledPicture(
        path=path,
        width=line.width,
        height=line.height,
        boxes=np.array([hand.box for hand in line.hands], np.float32).reshape(-1, 4),
        kinds=np.array([_kind_of(hand) for hand in line.hands], np.int64),
        source=str(line.source or file.stem) if line.frame is None else f"clips/{path.stem}",
        group=str(group or f"{file}:{line.image or ''}"),
        frame=line.frame,
        polygons=[None if hand.landmarks is None else np.array(hand.landmarks, np.float32) for hand in line.hands],
        ids=[None if hand.id is None else str(hand.id) for hand in line.hands],
        parts=parts_of(line.people or []),
        people=_whose_parts(line),
        rendered=line.rendered,
    )


def _whose_parts(line: LabelLine) -> PeopleLabelled:
    if line.people is None:
        return PeopleLabelled.NOBODY
    return PeopleLabelled.EVERYBODY if line.people_complete else PeopleLabelled.SOME


def path_of(line: LabelLine, where: str, file: Path, clip: ClipEntry | None = None) -> Path:
    """Where the picture lies, or the clip. Raises LabelError if nothing is there."""
    if line.frame is not None:
        path = clip.path if clip is not None else clip_beside(file)
    else:
        name = str(line.image)
        # As it is written, with bytes that are no text, or with another system's slashes.
        tried = [read_back(name, file.parent), file.parent / name.replace("\\", "/")]
        path = next(filter(os.path.isfile, tried), tried[0])
    if not os.path.isfile(path):
        raise LabelError(f"{where}: no such {'picture' if line.frame is None else 'clip'}: {path}")
    return path


def images_of(
    pictures: Iterable[LabelledPicture], strict: bool = False
) -> Iterator[tuple[LabelledPicture, np.ndarray]]:
    """Each picture with its image; those that cannot be read are told and left out, or a LabelError if `strict`."""
    omissions = Omissions(strict)
    for picture in pictures:
        try:
            image = picture.read()
        except LabelError as error:
            omissions.leave_out("picture", str(error))
        else:
            yield picture, image
    omissions.summarise()


def _kind_of(hand: HandLabel) -> int:
    return COARSE if hand.coarse and KINDS[hand.kind] == UNKNOWN else KINDS[hand.kind]


def split(
    pictures: list[LabelledPicture], share: float, fold: int = 0
) -> tuple[list[LabelledPicture], list[LabelledPicture]]:
    """(the rest, about `share` of the pictures): whole groups, chosen by their names, so a new picture moves none.

    Folds 0, 1, 2… hold other groups each, until after 1 / `share` of them every group has been held once.
    """
    places = [int(hashlib.sha256(p.group.encode(errors="surrogatepass")).hexdigest()[:8], 16) / 2**32 for p in pictures]
    held = [(place - fold * share) % 1 < share for place in places]
    return [p for p, h in zip(pictures, held, strict=True) if not h], [
        p for p, h in zip(pictures, held, strict=True) if h
    ]


def fingerprint(pictures: list[LabelledPicture]) -> str:
    """A short hash of all labels, so that a model can say what it was trained on."""
    digest = hashlib.sha256()
    for p in sorted(pictures, key=lambda p: (str(p.path.name), p.frame or 0)):
        digest.update(f"{p.path.name} {p.frame} {p.boxes.tolist()} {p.kinds.tolist()}".encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]
