"""CVAT's tracks -> the hands in each frame of its clips. Between key frames a shape moves and turns evenly."""

import os
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from handflow.capture.images import is_image
from handflow.errors import LabelError
from handflow.training.labels.images import first_frame
from handflow.training.labels.line import HandLabel, LabelLine
from handflow.training.labels.omissions import Omissions
from handflow.training.labels.pictures import ClipEntry

from .cvat_shapes import SHAPES, CvatHands, CvatShape, hand_of, is_outside
from .cvat_tasks import CvatTask
from .foreign_formats import ForeignLine, source_of


class KeyShape(NamedTuple):
    """A shape of a track at a frame of its clip; none where the hand is not there, or could not be read (`lost`)."""

    number: int
    shape: CvatShape | None = None
    kind: str = ""
    lost: bool = False


class TaskFrames(NamedTuple):
    """What was read of the frames of one task."""

    hands: dict[int, list[HandLabel]]
    lost: set[int]  # frames of which a box was left out


def task_of(element: ET.Element, tasks: dict[str, CvatTask]) -> CvatTask | None:
    """The task that a picture or a track is of; None where the file does not say."""
    named = element.get("task_id")
    if named is not None or len(tasks) != 1:
        return tasks.get(named or "")
    return next(iter(tasks.values()))


def video_frames(
    tracks: list[ET.Element], tasks: dict[str, CvatTask], hands: CvatHands, file: Path, omissions: Omissions
) -> Iterator[ForeignLine]:
    """The frames of all tasks' clips, those without a hand too. Raises LabelError."""
    found = {task: TaskFrames({number: [] for number in task.frames}, set()) for task in tasks.values()}
    for track in tracks:
        task = task_of(track, tasks)
        if task is None:
            told = f"{file}: track {track.get('id')}: expected the id of a task in <meta>, got {track.get('task_id')}"
            omissions.leave_out("box", told)
        else:
            track_hands(track, task, hands, found[task], file, omissions)
    of_clip: dict[Path, list[CvatTask]] = defaultdict(list)
    for task in found:
        of_clip[task.clip].append(task)
    for task, frames in found.items():
        others = [other for other in of_clip[task.clip] if other is not task and set(other.frames) & set(task.frames)]
        where = f"{file}: {task.name}"
        if others and os.path.isfile(task.clip):
            why = f"{where}: several tasks label the same frames of this clip, or of clips with one name"
            omissions.leave_out("picture", why, len(frames.hands))
        elif os.path.isfile(task.clip):
            yield from clip_frames(task, frames, where, file, omissions)
        elif pictures := frame_pictures(file, task.subset):
            yield from frames_as_pictures(task, frames, pictures, where, file, omissions)
        elif frames.hands:
            why = f"{where}: no such clip: {task.clip}, nor its frames as pictures"
            omissions.leave_out("picture", why, len(frames.hands))


def track_hands(
    track: ET.Element, task: CvatTask, hands: CvatHands, frames: TaskFrames, file: Path, omissions: Omissions
) -> None:
    """Adds the hand of a track to each frame that it is in. Raises LabelError."""
    name = f"track {track.get('id')}"
    keys: list[KeyShape] = []
    for element in track:
        if element.tag != "attribute":
            where = f"{file}: {name}, frame {element.get('frame')}"
            with omissions.guarding("box", where, "CVAT"):
                keys.append(key_shape(element, track.get("label", ""), task, hands, where))
    keys.sort(key=lambda key: key.number)
    for key, then in pairwise([*keys, KeyShape(keys[-1].number + 1)] if keys else []):
        if key.shape is not None and key.number == then.number:
            omissions.leave_out("box", f"{file}: {name}, frame {key.number + task.offset}: two shapes at one frame")
            frames.lost.add(key.number)
        for number in task.within(key.number, then.number):
            if key.lost or (then.lost and number > key.number):
                frames.lost.add(number)
            elif key.shape is not None:
                share = (number - key.number) / (then.number - key.number)
                shape = key.shape if then.shape is None else key.shape.towards(then.shape, share)
                frames.hands.setdefault(number, []).append(replace(hand_of(shape, key.kind), id=name))


def key_shape(element: ET.Element, label: str, task: CvatTask, hands: CvatHands, where: str) -> KeyShape:
    """A shape of a track. Raises LabelError; KeyError and ValueError where it is not as CVAT has it."""
    number = int(element.attrib["frame"]) - task.offset
    if is_outside(element):
        # It may end a track behind the last frame.
        return KeyShape(min(number, task.frames[-1] + 1) if task.frames else number)
    if number not in task:
        raise LabelError(f"{where}: not a frame of {task.name}, which are {task.shown()}")
    found = hands.shape(element, label, where)
    if found is None:
        return KeyShape(number, lost=element.tag in SHAPES and not hands.is_none(element, label, where))
    return KeyShape(number, *found)


def clip_frames(
    task: CvatTask, frames: TaskFrames, where: str, file: Path, omissions: Omissions
) -> Iterator[ForeignLine]:
    """The frames of a clip that is there. Raises LabelError."""
    size = (task.width, task.height)
    with omissions.guarding("picture", where, "CVAT"):
        if not all(size):
            size = first_frame(task.clip).shape[1::-1]
        for number, hands in sorted(frames.hands.items()):
            line = LabelLine(*size, hands, frame=number)
            clip = ClipEntry(task.clip, task.group)
            yield ForeignLine(line, f"{where}, frame {number}", file, clip, number in frames.lost)


def frames_as_pictures(
    task: CvatTask, frames: TaskFrames, pictures: dict[int, Path], where: str, file: Path, omissions: Omissions
) -> Iterator[ForeignLine]:
    """The frames of a clip that was exported as pictures; those that were deleted in CVAT are not there. LabelError."""
    for number, hands in sorted(frames.hands.items()):
        picture = pictures.get(number + task.offset)
        if picture is not None:
            line = LabelLine(task.width, task.height, hands, str(picture), None, source_of(file), task.group)
            yield ForeignLine(line, f"{where}, frame {number}", file, lost=number in frames.lost)
        elif hands:
            told = f"{where}, frame {number}: no such picture: frame_{number + task.offset:06d}"
            omissions.leave_out("picture", told)


def frame_pictures(file: Path, subset: str) -> dict[int, Path]:
    """The pictures of frames, by the number in their names, in the first of the usual folders that has any."""
    for folder in dict.fromkeys([file.parent / "images" / subset, file.parent / subset, file.parent]):
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        numbered = {name: re.fullmatch(r"frame_(\d{6,})\.\w+", name) for name in names if is_image(name)}
        if found := {int(match[1]): folder / name for name, match in numbered.items() if match}:
            return found
    return {}
