"""CVAT's labels -> lines of ours: `CVAT for images 1.1` and `CVAT for video 1.1`, of a task, a job or a project.

A shape's attribute `kind` counts before its label.
"""

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from handflow.errors import LabelError
from handflow.training.labels.line import LabelLine
from handflow.training.labels.omissions import MISSHAPEN, Omissions, misshapen
from handflow.training.labels.picture_files import PictureFiles
from handflow.training.labels.pictures import ClipEntry
from handflow.training.labels.text import read_text

from .cvat_shapes import CvatHands
from .cvat_tasks import CvatTask, tasks_in
from .cvat_tracks import task_of, video_frames
from .foreign_formats import ForeignLine, Kinds, group_of, source_of


def cvat(file: Path, omissions: Omissions) -> Iterator[ForeignLine]:
    """The pictures of a file, or its clips' frames. LabelError if it is not CVAT's."""
    root = parsed(file)
    images = root.findall("image")
    sources = [source.text or "" for source in root.findall("meta//source")]
    files = PictureFiles(file, [*sources, *map(name_of, images)])
    kinds = Kinds(file.parent)
    hands = CvatHands(kinds, omissions)
    try:
        tasks = tasks_in(root, file, files)
    except MISSHAPEN as error:
        raise LabelError(misshapen(str(file), "CVAT", error)) from None
    tracks = root.findall("track")
    if tracks or not images:
        yield from video_frames(tracks, tasks, hands, file, omissions)
    for image in images:
        where = f"{file}: {image.get('name')}"
        before = omissions["box"]
        found = [hand for shape in image for hand in hands.of(shape, shape.get("label", ""), where)]
        with omissions.guarding("picture", where, "CVAT"):
            name = name_of(image)
            width, height = (int(image.attrib[side]) for side in ("width", "height"))
            lost = omissions["box"] > before
            try:
                path = str(files.find(name))
            except LabelError:
                if (frame := clips_frame(image, tasks)) is None:
                    raise
                task, number = frame
                line = LabelLine(width, height, found, frame=number)
                yield ForeignLine(line, where, file, ClipEntry(task.clip, task.group), lost)
                continue
            line = LabelLine(
                width, height, found, image=path, source=source_of(file), group=group_of(image.attrib["name"], file)
            )
            yield ForeignLine(line, where, file, lost=lost)
    kinds.tell_if_handless(file, omissions)


def parsed(file: Path) -> ET.Element:
    """The root of a file. Raises LabelError."""
    try:
        root = ET.parse(file).getroot()
    except (ET.ParseError, LookupError, ValueError):
        # An encoding that it does not say, or says wrongly.
        text = re.sub(r"^\s*<\?xml[^>]*\?>", "", read_text(file))
        try:
            root = ET.fromstring(text)
        except (ET.ParseError, ValueError) as error:
            raise LabelError(f"{file}: not whole XML: {error}") from None
    if root.tag != "annotations":
        raise LabelError(f"{file}: expected CVAT's <annotations>, got <{root.tag}>")
    return root


def name_of(image: ET.Element) -> str:
    """A picture's name, with the folder of its subset where a project has several."""
    return "/".join(filter(None, [image.get("subset"), image.get("name", "")]))


def clips_frame(image: ET.Element, tasks: dict[str, CvatTask]) -> tuple[CvatTask, int] | None:
    """Whose frame a picture is, where the clip is there and not its pictures: CVAT calls them frame_000017."""
    number = re.fullmatch(r"frame_(\d+)(\.\w+)?", Path(image.attrib["name"]).name)
    task = task_of(image, tasks)
    if number is None or task is None or not os.path.isfile(task.clip):
        return None
    return task, int(number[1]) - task.offset
