"""Labels on disk -> pictures with hand boxes: COCO, YOLO, CVAT, or JSON lines, a picture or a frame of a clip a line.

    {"image", "width", "height", "hands": [{"box": [x, y, w, h], "kind": "open"}], "source", "group", "licence"}

`image` is relative to the label file. A clip's frames are lines {"frame", "width", "height", "hands"} in a file named
as the clip is; `clips.jsonl` beside it lists clips by {"clip", "labels", "group"},
and with a "path" those that lie elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from handflow.errors import LabelError
from handflow.training.targets import COARSE, IGNORE, KINDS, UNKNOWN

from .coco import coco
from .cvat import cvat
from .foreign import Labels, read_json
from .images import read_clip, read_image
from .yolo import yolo, yolo_names


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

    @property
    def hands(self) -> np.ndarray:
        """Which of the boxes are hands and not ignored regions, (n,) bool."""
        return self.kinds != IGNORE

    def read(self) -> np.ndarray:
        """The picture, (height, width, 3) BGR. Shared: do not write into it."""
        if self.frame is None:
            image = read_image(self.path)
        else:
            frames = read_clip(self.path)
            if not 0 <= self.frame < len(frames):
                raise LabelError(f"{self.path}: no frame {self.frame}; the clip has {len(frames)}")
            image = frames[self.frame]
        if image.shape[:2] != (self.height, self.width):
            found, expected = f"{image.shape[1]}x{image.shape[0]}", f"{self.width}x{self.height}"
            raise LabelError(f"{self.path}: the picture is {found}, its label says {expected}")
        return image


def read_labels(paths: Iterable[Path | str]) -> list[LabelledPicture]:
    """Every picture of label files, or of folders of them (with their clips). Raises LabelError."""
    pictures: list[LabelledPicture] = []
    for path in map(Path, paths):
        if not path.exists():
            raise LabelError(f"{path}: no such file or folder")
        if not path.is_dir():
            pictures += read_file(path)
            continue
        files = sorted(path.glob("*.jsonl"))
        if (path / "clips" / "clips.jsonl").exists():
            files.append(path / "clips" / "clips.jsonl")
        found = [picture for file in files for picture in read_file(file)]
        found += [] if files else [read_line(*labels) for labels in read_folder(path)]
        if not found:
            what = "JSON lines (*.jsonl), COCO (*.json), CVAT (*.xml) or YOLO (data.yaml, classes.txt or obj.names)"
            raise LabelError(f"{path}: no labelled pictures in this folder; {what} expected")
        pictures += found
    if not pictures:
        raise LabelError(f"{', '.join(map(str, paths))}: no labelled pictures found")
    return pictures


def read_file(file: Path, clip: dict | None = None) -> list[LabelledPicture]:
    """The pictures of one label file; a list of clips brings its clips' frames."""
    if clip is None and (foreign := read_foreign(file)) is not None:
        return [read_line(*labels) for labels in foreign]
    pictures: list[LabelledPicture] = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{file}: cannot be read as text ({error})") from None
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        where = f"{file}:{number}"
        try:
            line = json.loads(text)
        except json.JSONDecodeError as error:
            raise LabelError(f"{where}: not JSON: {error}") from None
        if not isinstance(line, dict):
            raise LabelError(f"{where}: an object was expected, found {text[:40]!r}")
        if "clip" in line:
            name = Path(line["clip"]).stem
            path = file.parent / line.get("path", f"{name}.mp4")
            pictures += read_file(file.parent / f"{name}.jsonl", {**line, "path": path})
        elif line.get("labelled", True) and not between_moves(line):
            pictures.append(read_line(line, where, file, clip))
    return pictures


def read_folder(folder: Path) -> list[Labels]:
    """The labels in a folder that has none of ours: YOLO's, or COCO's and CVAT's files in it or in `annotations`."""
    if yolo_names(folder) is not None:
        return list(yolo(folder))
    found: list[Labels] = []
    for file in sorted([*folder.glob("*.json"), *folder.glob("*.xml"), *folder.glob("annotations/*.json")]):
        if file.name != "kinds.json":
            found += read_foreign(file) or []
    return found


def read_foreign(file: Path) -> list[Labels] | None:
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
            raise LabelError(f"{file}: neither JSON lines nor COCO: an object with images, annotations and categories")
        return list(coco(read, file))
    if file.suffix in (".yaml", ".yml", ".txt", ".names"):
        raise LabelError(f"{file}: no labels; of a YOLO data set name the folder")
    return None


def between_moves(line: dict) -> bool:
    """Whether a clip's frame has a hand whose box was interpolated through a fast move: it may lie anywhere near."""
    hands = line.get("hands")
    return isinstance(hands, list) and any(
        isinstance(hand, dict) and hand.get("fast_segment") and not hand.get("exact") for hand in hands
    )


def read_line(line: dict, where: str, file: Path, clip: dict | None) -> LabelledPicture:
    """One line of a label file, checked."""
    needed = ("frame", "width", "height", "hands") if "frame" in line else ("image", "width", "height", "hands")
    for name in needed:
        if name not in line:
            raise LabelError(f"{where}: no {name!r} in this line; it has {', '.join(line)}")
    width, height = line["width"], line["height"]
    if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
        raise LabelError(f"{where}: width {width!r} and height {height!r} found, whole numbers of pixels expected")
    if not isinstance(line["hands"], list) or not all(isinstance(hand, dict) for hand in line["hands"]):
        raise LabelError(f'{where}: hands must be a list of {{"box", "kind"}}')
    boxes, kinds, polygons, ids = [], [], [], []
    for hand in line["hands"]:
        kind, box = hand.get("kind"), hand.get("box")
        if kind not in KINDS:
            raise LabelError(f"{where}: unknown kind {kind!r}; one of {', '.join(KINDS)} was expected")
        if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, int | float) for v in box):
            raise LabelError(f"{where}: box {box} found, [x, y, width, height] expected")
        x, y, w, h = box
        if not (w > 0 and h > 0):
            raise LabelError(f"{where}: box {box} is empty")
        if not (x < width and y < height and x + w > 0 and y + h > 0):  # in part outside is fine: the hand leaves
            raise LabelError(f"{where}: box {box} lies outside its picture of {width}x{height} pixels")
        boxes.append(box)
        # A box derived from a person's joints is off by up to half a hand.
        guessed = KINDS[kind] == UNKNOWN and (hand.get("labelled_by") == "derived" or hand.get("auto") == "pose")
        kinds.append(COARSE if guessed else KINDS[kind])
        polygons.append(points_on(hand, where))
        ids.append(str(hand["id"]) if hand.get("id") is not None else None)
    path = clip["path"] if clip else file.with_suffix(".mp4") if "frame" in line else file.parent / line["image"]
    if not path.is_file():
        raise LabelError(f"{where}: no such {'clip' if 'frame' in line else 'picture'}: {path}")
    source = f"clips/{path.stem}" if "frame" in line else line.get("source", file.stem)
    return LabelledPicture(
        path=path,
        width=width,
        height=height,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        kinds=np.array(kinds, np.int64),
        source=source,
        group=(clip or line).get("group", f"{file}:{line.get('image', '')}"),
        frame=line.get("frame"),
        polygons=polygons,
        ids=ids,
    )


def points_on(hand: dict, where: str) -> np.ndarray | None:
    """A hand's landmarks, (21, 2)."""
    if "landmarks" not in hand:
        return None
    try:
        return np.array(hand["landmarks"], np.float32).reshape(21, 2)
    except (TypeError, ValueError):
        raise LabelError(f"{where}: landmarks must be 21 pairs of x, y") from None


def split(
    pictures: list[LabelledPicture], share: float, fold: int = 0
) -> tuple[list[LabelledPicture], list[LabelledPicture]]:
    """(the rest, about `share` of the pictures): whole groups, chosen by their names, so a new picture moves none.

    Folds 0, 1, 2… hold other groups each, until after 1 / `share` of them every group has been held once.
    """
    places = [int(hashlib.sha256(p.group.encode()).hexdigest()[:8], 16) / 2**32 for p in pictures]
    held = [(place - fold * share) % 1 < share for place in places]
    return [p for p, h in zip(pictures, held, strict=True) if not h], [
        p for p, h in zip(pictures, held, strict=True) if h
    ]


def fingerprint(pictures: list[LabelledPicture]) -> str:
    """A short hash of all labels, so that a model can say what it was trained on."""
    digest = hashlib.sha256()
    for p in sorted(pictures, key=lambda p: (str(p.path.name), p.frame or 0)):
        digest.update(f"{p.path.name} {p.frame} {p.boxes.tolist()} {p.kinds.tolist()}".encode())
    return digest.hexdigest()[:16]
