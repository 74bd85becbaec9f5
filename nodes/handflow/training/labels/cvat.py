"""CVAT's labels -> lines of ours: `CVAT for images 1.1` and `CVAT for video 1.1`.

A shape's attribute `kind` counts before its label.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from handflow.errors import LabelError

from .foreign_formats import NONE, ForeignLine, Kinds, find_picture, group_of, source_of
from .line import HandLabel, LabelLine
from .pictures import ClipEntry


def cvat(file: Path) -> Iterator[ForeignLine]:
    """The pictures of a file, or a clip's frames."""
    try:
        root = ET.parse(file).getroot()
    except ET.ParseError as error:
        raise LabelError(f"{file}: not whole XML: {error}") from None
    if root.tag != "annotations":
        raise LabelError(f"{file}: expected CVAT's <annotations>, got <{root.tag}>")
    kinds = Kinds(file.parent)
    try:
        if root.find("track") is not None or root.find("meta//original_size") is not None:
            yield from cvat_video(root, kinds, file)
        for image in root.findall("image"):
            name = image.attrib["name"]
            where = f"{file}: {name}"
            hands = [hand for shape in image for hand in cvat_hand(shape, shape.get("label", ""), kinds, where)]
            line = LabelLine(
                image=find_picture(name, file),
                width=int(image.attrib["width"]),
                height=int(image.attrib["height"]),
                hands=hands,
                source=source_of(file),
                group=group_of(name, file),
            )
            yield ForeignLine(line, where, file)
    except (KeyError, ValueError) as error:
        raise LabelError(f"{file}: not as CVAT has it: {type(error).__name__} {error}") from None


def cvat_video(root: ET.Element, kinds: Kinds, file: Path) -> Iterator[ForeignLine]:
    """A clip's frames, those without a hand too."""
    said = {
        name: root.findtext(f"meta//{name}", "") for name in ("source", "name", "size", "start_frame", "stop_frame")
    }
    width, height = (int(root.findtext(f"meta//original_size/{side}", "0")) for side in ("width", "height"))
    first = int(said["start_frame"] or 0)
    last = int(said["stop_frame"] or first + int(said["size"] or 0) - 1)
    step = int((root.findtext("meta//frame_filter") or "step=1").split("step=")[-1])
    frames: dict[int, list[HandLabel]] = {number: [] for number in range(first, last + 1, step)}
    for track in root.findall("track"):
        for number, hand in track_hands(track, kinds, file):
            frames.setdefault(number, []).append(hand)
    name = said["source"] or f"{file.stem}.mp4"
    group = f"{source_of(file)}:{said['source'] or said['name'] or file.stem}"
    path = Path(find_picture(name, file))
    for number, hands in sorted(frames.items()):
        where = f"{file}: frame {number}"
        if path.is_file():
            yield ForeignLine(LabelLine(width, height, hands, frame=number), where, file, ClipEntry(path, group))
        else:
            image = frame_picture(number, file) or str(path)
            yield ForeignLine(LabelLine(width, height, hands, image, None, source_of(file), group), where, file)


def track_hands(track: ET.Element, kinds: Kinds, file: Path) -> Iterator[tuple[int, HandLabel]]:
    """The hand of a track in each frame. Between key frames its box moves evenly."""
    name, label = f"track {track.get('id')}", track.get("label", "")
    shapes = sorted((shape for shape in track if "frame" in shape.attrib), key=lambda s: int(s.attrib["frame"]))
    for shape, then in zip(shapes, [*shapes[1:], None], strict=True):
        if shape.get("outside") == "1":
            continue
        now = int(shape.attrib["frame"])
        where = f"{file}: {name}, frame {now}"
        until = now + 1 if then is None else int(then.attrib["frame"])
        for hand in cvat_hand(shape, label, kinds, where):
            ends = then is None or then.get("outside") == "1"
            goal = hand if then is None or ends else next(iter(cvat_hand(then, label, kinds, where)), hand)
            for number in range(now, until):
                share = (number - now) / (until - now)
                moved = np.array(hand.box) * (1 - share) + np.array(goal.box) * share
                yield number, replace(hand, box=moved.tolist(), id=name)


def frame_picture(number: int, file: Path) -> str | None:
    """The picture of a frame, where a clip was exported as pictures."""
    places = [find_picture(f"frame_{number:06d}{suffix}", file) for suffix in (".png", ".PNG", ".jpg")]
    return next((place for place in places if Path(place).is_file()), None)


def cvat_hand(shape: ET.Element, label: str, kinds: Kinds, where: str) -> list[HandLabel]:
    """The hand in one shape; tags and attributes are none."""
    if shape.tag in ("tag", "attribute"):
        return []
    own = next((a.text or "" for a in shape.findall("attribute") if a.get("name") == "kind"), "")
    kind = kinds.of(own or label, where)
    if kind == NONE:
        return []
    if shape.tag == "box":
        corners = [[float(shape.attrib[f"{axis}{end}"]) for axis in "xy"] for end in ("tl", "br")]
    elif shape.tag == "ellipse":
        cx, cy, rx, ry = (float(shape.attrib[name]) for name in ("cx", "cy", "rx", "ry"))
        corners = [[cx - rx, cy - ry], [cx + rx, cy + ry]]
    elif shape.tag == "polygon":
        corners = [[float(v) for v in point.split(",")] for point in shape.attrib["points"].split(";")]
    else:
        raise LabelError(f"{where}: expected a box, an ellipse or a polygon, got {shape.tag}")
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return [HandLabel([*low.tolist(), *(high - low).tolist()], kind, labelled_by="class")]
