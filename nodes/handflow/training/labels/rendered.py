"""A folder of rendered pictures and clips with their labels, which is gone on with where it ends.

rendered.jsonl, pictures/…          a line a picture
clips/clips.jsonl, clips/clip_0000.mp4, clips/clip_0000.jsonl
rendered.json                       what it was made with: all of it must be the same to go on
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from handflow.errors import SetupError
from handflow.runtime.files import replacing, whole_lines

from .line import HandLabel, LabelLine
from .people import parse_people

SOURCE = "rendered"
QUALITY = 92  # of JPEG


class RenderedFolder:
    """Where rendered pictures go. `made_with`: settings on which all of them depend. SetupError, OSError."""

    def __init__(self, folder: Path, made_with: dict[str, Any]) -> None:
        self.folder = folder
        try:
            (folder / "pictures").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"{folder}: cannot be a folder for pictures: {error.strerror}") from error
        self.lines, self.clip_lines = folder / "rendered.jsonl", folder / "clips/clips.jsonl"
        self._check(made_with)

    def _check(self, made_with: dict[str, Any]) -> None:
        file = self.folder / "rendered.json"
        if not file.exists():
            if self.lines.exists():
                raise SetupError(f"{self.folder}: has labels that were not rendered; take a folder of its own")
            with replacing(file) as part:
                part.write_text(json.dumps(made_with, indent=1) + "\n", "utf-8")
            return
        before = json.loads(file.read_text("utf-8"))
        for name in made_with.keys() | before.keys():
            if before.get(name) != made_with.get(name):
                was, now = before.get(name), made_with.get(name)
                raise SetupError(f"{self.folder}: was made with {name} {was}, not {now}; take another folder to change")

    def pictures(self) -> int:
        """How many there are; a line that was cut off in writing is dropped."""
        return whole_lines(self.lines)

    def clips(self) -> int:
        return whole_lines(self.clip_lines)

    def add_picture(self, number: int, image: np.ndarray, line: LabelLine) -> None:
        """Writes the picture, then its line."""
        name = f"pictures/{number:06d}.jpg"
        packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        with replacing(self.folder / name) as part:
            part.write_bytes(packed.tobytes())
        line.image, line.source = name, SOURCE
        _append(self.lines, line.json())

    def add_clip(self, number: int, frames: Iterable[tuple[np.ndarray, LabelLine]], fps: float) -> None:
        """Writes a clip frame by frame; it counts when it is whole."""
        self.clip_lines.parent.mkdir(exist_ok=True)
        file = self.clip_lines.parent / f"clip_{number:04d}.mp4"
        part = file.with_name(f".{file.stem}.part.mp4")
        lines: list[str] = []
        writer, group = None, ""
        try:
            for image, line in frames:
                writer = writer or _writer(part, image, fps)
                writer.write(image)
                line.frame, group = len(lines), line.group
                lines.append(json.dumps(line.json()))
            if writer is None:
                return
            writer.release()
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)
        with replacing(file.with_suffix(".jsonl")) as labels:
            labels.write_text("\n".join(lines) + "\n", "utf-8")
        _append(self.clip_lines, {"clip": file.name, "labels": f"{file.stem}.jsonl", "group": group})


def _writer(file: Path, image: np.ndarray, fps: float) -> cv2.VideoWriter:
    size = (image.shape[1], image.shape[0])
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise SetupError(f"{file}: cannot be written as a video")
    return writer


def label_line(image: np.ndarray, hands: list[dict], people: list[dict], group: str, **rest: Any) -> LabelLine:
    """The line of a picture of which everything is known."""
    height, width = image.shape[:2]
    labels = [
        HandLabel(
            box=hand["box"],
            kind=hand["kind"],
            id=hand.get("id"),
            labelled_by=hand["labelled_by"],
            kind_by=hand["kind_by"],
            rest={name: hand[name] for name in ("visible", "pose")},
        )
        for hand in hands
    ]
    return LabelLine(
        width,
        height,
        labels,
        group=group,
        people=parse_people(people, SOURCE),
        people_complete=True,
        rendered=True,
        rest=rest,
    )


def _append(file: Path, values: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as opened:
        opened.write(json.dumps(values) + "\n")
