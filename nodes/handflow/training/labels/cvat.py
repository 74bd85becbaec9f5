"""CVAT's labels -> lines as ours: `CVAT for images 1.1` and `CVAT for video 1.1`.

A shape's attribute `kind` counts before its label.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from handflow.errors import LabelError

from .foreign import NONE, Kinds, Labels, find_picture, group_of, source_of


def cvat(file: Path) -> Iterator[Labels]:
    """The pictures of a file, or a clip's frames."""
    try:
        root = ET.parse(file).getroot()
    except ET.ParseError as error:
        raise LabelError(f"{file}: not whole XML: {error}") from None
    if root.tag != "annotations":
        raise LabelError(f"{file}: <{root.tag}> found, CVAT's <annotations> expected")
    kinds = Kinds(file.parent)
    try:
        if root.find("track") is not None or root.find("meta//original_size") is not None:
            yield from cvat_video(root, kinds, file)
        for image in root.findall("image"):
            name = image.attrib["name"]
            where = f"{file}: {name}"
            hands = [hand for shape in image for hand in cvat_hand(shape, shape.get("label", ""), kinds, where)]
            size = {"width": int(image.attrib["width"]), "height": int(image.attrib["height"])}
            line = {"image": find_picture(name, file), **size, "hands": hands, "source": source_of(file)}
            yield Labels(line | {"group": group_of(name, file)}, where, file)
    except (KeyError, ValueError) as error:
        raise LabelError(f"{file}: not as CVAT has it: {type(error).__name__} {error}") from None


def cvat_video(root: ET.Element, kinds: Kinds, file: Path) -> Iterator[Labels]:
    """A clip's frames, those without a hand too. Between key frames a box moves evenly."""
    said = {
        name: root.findtext(f"meta//{name}", "") for name in ("source", "name", "size", "start_frame", "stop_frame")
    }
    size = {side: int(root.findtext(f"meta//original_size/{side}", "0")) for side in ("width", "height")}
    first = int(said["start_frame"] or 0)
    last = int(said["stop_frame"] or first + int(said["size"] or 0) - 1)
    step = int((root.findtext("meta//frame_filter") or "step=1").split("step=")[-1])
    frames: dict[int, list[dict]] = {number: [] for number in range(first, last + 1, step)}
    for track in root.findall("track"):
        shapes = sorted((shape for shape in track if "frame" in shape.attrib), key=lambda s: int(s.attrib["frame"]))
        for shape, then in zip(shapes, [*shapes[1:], None], strict=True):
            if shape.get("outside") == "1":
                continue
            now = int(shape.attrib["frame"])
            where = f"{file}: track {track.get('id')}, frame {now}"
            until = now + 1 if then is None else int(then.attrib["frame"])
            for hand in cvat_hand(shape, track.get("label", ""), kinds, where):
                goal = (
                    []
                    if then is None or then.get("outside") == "1"
                    else cvat_hand(then, track.get("label", ""), kinds, where)
                )
                for number in range(now, until):
                    share = (number - now) / (until - now)
                    moved = np.array(hand["box"]) * (1 - share) + np.array((goal or [hand])[0]["box"]) * share
                    frames.setdefault(number, []).append(
                        hand | {"box": moved.tolist(), "id": f"track {track.get('id')}"}
                    )
    name = said["source"] or f"{file.stem}.mp4"
    group = f"{source_of(file)}:{said['source'] or said['name'] or file.stem}"
    path = Path(find_picture(name, file))
    for number, hands in sorted(frames.items()):
        where = f"{file}: frame {number}"
        if path.is_file():
            frame = {"frame": number, **size, "hands": hands}
            yield Labels(frame, where, file, {"path": path, "group": group})
        else:
            line = {"image": frame_picture(number, file) or str(path), **size, "hands": hands}
            yield Labels(line | {"source": source_of(file), "group": group}, where, file)


def frame_picture(number: int, file: Path) -> str | None:
    """The picture of a frame, where a clip was exported as pictures."""
    places = [find_picture(f"frame_{number:06d}{suffix}", file) for suffix in (".png", ".PNG", ".jpg")]
    return next((place for place in places if Path(place).is_file()), None)


def cvat_hand(shape: ET.Element, label: str, kinds: Kinds, where: str) -> list[dict]:
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
        raise LabelError(f"{where}: a {shape.tag} found; boxes, ellipses and polygons are read")
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return [{"box": [*low.tolist(), *(high - low).tolist()], "kind": kind, "labelled_by": "class"}]
