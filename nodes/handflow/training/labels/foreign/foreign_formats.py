"""What all label formats of other programs share: what their classes mean, and where their pictures lie.

What a class or category is called says the hand's kind, by the table NAMES; a file `kinds.json` beside the labels (or
in a folder above) says it for other names: {"mano": "unknown", "pugno": "other", "cara": "none"}. `none` is not read.
"""

from pathlib import Path
from typing import NamedTuple

from handflow.errors import LabelError
from handflow.training.labels.line import LabelLine
from handflow.training.labels.omissions import Omissions
from handflow.training.labels.pictures import ClipEntry
from handflow.training.labels.text import read_json
from handflow.training.targets import KINDS

NONE = "none"  # of a class that is no hand
NAMES = {
    "open": ("open", "open hand", "open palm", "hand open", "palm"),
    "other": (
        "other",
        "back",
        "closed",
        "closed fist",
        "closed hand",
        "fist",
        "hand closed",
        "point",
        "pointing",
        "thumbs up",
    ),
    "unknown": ("unknown", "hand", "hands", "left hand", "right hand", "lefthand", "righthand"),
    "ignore": ("ignore", "crowd", "dont care", "dontcare"),
    NONE: ("none", "arm", "body", "face", "head", "person"),
}


class ForeignLine(NamedTuple):
    """The labels of one picture in another program's file, as a line of ours; not yet checked."""

    line: LabelLine
    where: str  # for complaints
    file: Path
    clip: ClipEntry | None = None  # of a clip's frame
    lost: bool = False  # whether a box of it has been left out


class Kinds:
    """What the classes of one data set mean."""

    def __init__(self, folder: Path) -> None:
        self._used: dict[str, str] = {}  # kinds of the classes that were asked for
        self.known = {name: kind for kind, names in NAMES.items() for name in names}
        self.file = next(
            (f / "kinds.json" for f in (folder, *folder.parents[:2]) if (f / "kinds.json").is_file()), None
        )
        if self.file is not None:
            own = read_json(self.file)
            if not isinstance(own, dict) or not all(kind in (*KINDS, NONE) for kind in own.values()):
                raise LabelError(f'{self.file}: expected {{"class": "kind"}}; kinds are {", ".join(KINDS)} and {NONE}')
            self.known |= {plain(name): kind for name, kind in own.items()}

    def of(self, name: str, where: str) -> str:
        """The kind that a class stands for. Raises LabelError."""
        if plain(name) not in self.known:
            raise LabelError(
                f"{where}: unknown kind {name!r}; say in a file kinds.json beside the labels which of "
                f'{", ".join(KINDS)} or {NONE} it is: {{"{name}": "other"}}'
            )
        self._used[name] = self.known[plain(name)]
        return self._used[name]

    def tell_if_handless(self, place: Path, omissions: Omissions) -> None:
        """Says so where no class of a data set is a hand: all its pictures are then read as without hands."""
        if self._used and set(self._used.values()) == {NONE}:
            classes = ", ".join(sorted(self._used))[:80]
            omissions.note(f"{place}: no class of it is a hand ({classes}): its pictures are read as without hands")


def plain(name: str) -> str:
    """Open_Palm and open-palm are one name."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").replace("'", "").split())


def group_of(name: str, file: Path) -> str:
    """Copies of a picture belong together (Roboflow calls them a.rf.1.jpg), and so do the frames of a folder."""
    path = Path(name.replace("\\", "/"))
    folder = "" if path.parent.name in ("", "images", "train", "valid", "val", "test") else f"{path.parent.name}/"
    return f"{file.parent.resolve().name}:{folder or path.name.split('.rf.')[0]}"


def source_of(file: Path) -> str:
    """The data set's name: of the folder that holds it."""
    folder = file.parent.resolve()
    return (folder.parent if folder.name in ("annotations", "labels", "train", "valid", "val", "test") else folder).name
