"""Pictures that label files name: where they lie, how large they are, and which way EXIF turns them."""

import os
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, TiffImageFile

from handflow.capture.images import SUFFIXES, is_image
from handflow.errors import LabelError
from handflow.runtime.names import named

from .foreign.shapes import around
from .images import read_image
from .line import HandLabel, LabelLine

ENDINGS = [*sorted(SUFFIXES), *sorted(suffix.upper() for suffix in SUFFIXES)]
ORIENTATION = 274  # EXIF's tag: how the stored picture is to be turned for upright
JPEG = ("JPEG", "MPO")
TURNED = (5, 6, 7, 8)  # those that swap width and height


class StoredPicture(NamedTuple):
    """A picture as its file has it, before EXIF turns it."""

    width: int
    height: int
    orientation: int = 1  # EXIF's: 1 upright, 2 to 8 turned or mirrored

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as OpenCV, and any viewer, shows it."""
        return (self.height, self.width) if self.orientation in TURNED else (self.width, self.height)


@lru_cache(maxsize=1 << 16)
def stored_picture(path: Path) -> StoredPicture:
    """Size and turn by the file's first bytes; only what they do not tell is decoded. LabelError."""
    stored, sure = None, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                stored = _header(opened)
                # Of other formats OpenCV's versions differ in what they turn.
                sure = opened.format in JPEG or (opened.format != "TIFF" and stored.orientation == 1)
    except Exception:  # Pillow raises anything on files that are not whole
        stored = None
    if stored is not None and sure:
        return stored
    height, width = read_image(path).shape[:2]
    return stored if stored is not None and stored.upright == (width, height) else StoredPicture(width, height)


def _header(image: Image.Image) -> StoredPicture:
    """Size and turn as the file says them. Not by XMP, which OpenCV does not read."""
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        return StoredPicture(tags[IMAGEWIDTH], tags[IMAGELENGTH], _orientation(tags.get(ORIENTATION)))
    exif = Image.Exif()
    if "exif" in image.info:
        exif.load(image.info["exif"])
    return StoredPicture(*image.size, _orientation(exif.get(ORIENTATION)))


def _orientation(said: object) -> int:
    return said if isinstance(said, int) and said in range(1, 9) else 1


def uprighted(line: LabelLine, path: Path) -> LabelLine:
    """The line with its boxes as they lie in the picture that is shown: its size tells on which they were drawn.

    A line without a size is taken as drawn on the picture as shown. LabelError if the picture has another size.
    """
    stored = stored_picture(path)
    if not (line.width and line.height):
        line.width, line.height = stored.upright
    if (line.width, line.height) == stored.upright:
        return line
    if (line.width, line.height) == (stored.width, stored.height):
        line.width, line.height = stored.upright
        line.hands = [_turned(hand, stored) for hand in line.hands]
        for person in line.people or []:
            person.box = _turned_box(person.box, stored)
            person.joints = {
                name: [*_turned_points([at], stored)[0], seen] for name, (*at, seen) in person.joints.items()
            }
        return line
    expected, found = f"{line.width}x{line.height}", "{}x{}".format(*stored.upright)
    raise LabelError(f"{path}: expected a picture of {expected} as its label says, got {found}")


def is_ambiguous(path: Path) -> bool:
    """Whether EXIF turns a picture in a way that its size does not tell."""
    stored = stored_picture(path)
    return stored.orientation != 1 and stored.upright == (stored.width, stored.height)


def _turned(hand: HandLabel, stored: StoredPicture) -> HandLabel:
    hand.box = _turned_box(hand.box, stored)
    if hand.landmarks is not None:
        hand.landmarks = _turned_points(hand.landmarks, stored)
    return hand


def _turned_box(box: list[float], stored: StoredPicture) -> list[float]:
    x, y, width, height = box
    return around(_turned_points([[x, y], [x + width, y + height]], stored))


def _turned_points(points: list[list[float]], stored: StoredPicture) -> list[list[float]]:
    """Points of the stored picture where EXIF's orientations 5 to 8 bring them (CIPA DC-008, 4.6.4)."""
    right, down = stored.orientation in (6, 7), stored.orientation in (7, 8)
    return [[stored.height - y if right else y, stored.width - x if down else x] for x, y in points]


class PictureFiles:
    """Finds the pictures that one label file names: beside it, in `images`, or in a folder of its own name."""

    def __init__(self, file: Path, names: Iterable[str]) -> None:
        self._file = file
        # How many of the pictures end on these folders and this name: what several end on tells none of them.
        self._ends = Counter(end for name in set(map(_plain, names)) for end in tails(name))
        parent, above = file.parent, file.parent.parent
        words = {file.stem, *file.stem.replace(".", "_").split("_"), file.stem.split("_", 1)[-1]} - {""}
        own = [at / word for at in (parent, parent / "images", above, above / "images") for word in sorted(words)]
        # instances_val2017.json is about val2017/
        self._folders = [*filter(os.path.isdir, own), parent, parent / "images", above, above / "images"]

    def find(self, name: str) -> Path:
        """Where the picture lies that the file calls `name`. LabelError if it is not there, or cannot be told."""
        plain = _plain(name)
        for path in self._places(name, plain):
            if os.path.isfile(path):
                return path.resolve()
        shared = [end for end in tails(plain)[1:] if self._ends[end] > 1]
        if not self._has_folder(plain) and any(os.path.isfile(at / end) for end in shared for at in self._folders):
            raise LabelError(f"several pictures of {self._file.name} are called {Path(plain).name}: expected {name}")
        raise LabelError(f"no such picture: {self._file.parent / name}")

    def place(self, name: str) -> Path:
        """Where it lies, or where it would."""
        try:
            return self.find(name)
        except LabelError:
            return self._file.parent / name

    def _places(self, name: str, plain: str) -> Iterator[Path]:
        """Where it may lie: under its whole name first, then with folders of another machine cut off."""
        # Where its folder is there but not the picture in it, one of that name elsewhere is another.
        cut = [] if self._has_folder(plain) else tails(plain)[1:]
        ends = [plain, *(end for end in cut if self._ends[end] <= 1)]
        # macOS stores a and its dots apart, others as one character.
        composed = [unicodedata.normalize("NFC", end) for end in ends]
        spelt = [*ends, *composed, *(unicodedata.normalize("NFD", end) for end in ends)]
        yield from (self._file.parent / each for each in (name, named(name)))
        yield from (folder / end for end in dict.fromkeys(spelt) for folder in self._folders)
        if not is_image(plain):  # CVAT leaves the ending out
            yield from (folder / f"{end}{ending}" for end in ends for folder in self._folders for ending in ENDINGS)

    def _has_folder(self, plain: str) -> bool:
        inner = str(Path(plain).parent)
        return inner != "." and any(os.path.isdir(folder / inner) for folder in self._folders)


def _plain(name: str) -> str:
    """A name from any system: C:\\hands\\a.jpg and ./hands/a.jpg are hands/a.jpg."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "/".join(part for part in parts if part not in ("/", "//", ".", "..") and not part.endswith(":"))


def tails(name: str) -> list[str]:
    """A path, and what is left of it without its first folders: a/b/c.jpg, b/c.jpg, c.jpg."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ["/".join(parts[n:]) for n in range(len(parts))]
