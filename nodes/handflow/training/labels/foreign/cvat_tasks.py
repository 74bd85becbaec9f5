"""The tasks of a CVAT file: which clip each is of, and how its frames are numbered."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from handflow.training.labels.picture_files import PictureFiles

from .foreign_formats import source_of

LONGEST = 500_000  # frames of one clip: four hours


@dataclass(frozen=True)
class CvatTask:
    """A task, or a job of one."""

    name: str
    clip: Path
    group: str
    width: int
    height: int
    frames: range  # as the clip counts them; empty where the file does not say
    offset: int  # by which the file counts them higher
    subset: str = ""

    def __contains__(self, number: int) -> bool:
        """Whether a frame of the clip belongs to the task."""
        return number in self.frames if self.frames else 0 <= number < LONGEST

    def within(self, first: int, end: int) -> range:
        """Those of the task's frames that lie from `first` to before `end`."""
        if not self.frames:
            return range(first, min(end, LONGEST))
        start, step = self.frames.start, self.frames.step
        # Up to the next frame that the task has.
        begin = first + (start - first) % step
        return range(max(begin, start), min(end, self.frames.stop), step)

    def shown(self) -> str:
        """Its frames, to be read."""
        return f"{self.frames[0]} to {self.frames[-1]}" if self.frames else f"0 to {LONGEST - 1}"


def tasks_in(root: ET.Element, file: Path, files: PictureFiles) -> dict[str, CvatTask]:
    """The tasks that a file describes, by their ids. ValueError.

    A project numbers the frames of a subset's tasks one after the other, in the order of their ids, as if each clip
    ended with its last labelled frame. Source: _init_task_frame_offsets in https://github.com/cvat-ai/cvat,
    cvat/apps/dataset_manager/bindings.py.
    """
    project = root.find("meta/project")
    if project is None:
        described = next((found for name in ("task", "job") if (found := root.find(f"meta/{name}")) is not None), None)
        described = root if described is None else described
        return {described.findtext("id", ""): _task(described, file, files, 0)}
    tasks: dict[str, CvatTask] = {}
    offsets: dict[str, int] = {}
    elements = project.findall("tasks/task")
    for element in sorted(elements, key=lambda task: int(task.findtext("id", "0"))):
        task = _task(element, file, files, offsets.get(element.findtext("subset") or "", 0))
        tasks[element.findtext("id", "")] = task
        start = task.frames.start if task.frames else 0
        offsets[task.subset] = task.offset + start + len(task.frames) * task.frames.step
    return tasks


def _task(element: ET.Element, file: Path, files: PictureFiles, offset: int) -> CvatTask:
    width, height = (int(element.findtext(f".//original_size/{side}") or 0) for side in ("width", "height"))
    first = int(element.findtext(".//start_frame") or 0)
    size = int(element.findtext(".//size") or 0)
    step = int((element.findtext(".//frame_filter") or "step=1").split("step=")[-1])
    last = int(element.findtext(".//stop_frame") or first + (size - 1) * step)
    if step < 1 or not 0 <= first <= last + 1 or last >= LONGEST:
        raise ValueError(f"frames {first} to {last}, each {step}.")
    source, name = element.findtext(".//source") or "", element.findtext(".//name") or ""
    return CvatTask(
        name=source or name or file.stem,
        clip=files.place(source or f"{file.stem}.mp4"),
        group=f"{source_of(file)}:{source or name or file.stem}",
        width=width,
        height=height,
        frames=range(first, last + 1, step),
        offset=offset,
        subset=element.findtext("subset") or "",
    )
