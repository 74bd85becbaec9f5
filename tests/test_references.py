"""Recordings through each stage, and through the whole graph: what comes out is what came out before.

If a change of output is meant, this accepts it: python tests/test_references.py
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from support.references import FOLDER, recorded

from handflow import Flow, Frame, Hands, Heatmap, Hop, Message
from handflow.errors import RecordingError
from handflow.messages import layout_of
from handflow.recording.channels import output_of
from handflow.recording.message_format import pack
from handflow.recording.metadata import PictureFormat, RecordingMetadata
from handflow.recording.reader import Recording
from handflow.recording.writer import Recorder
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.synthetic.camera_noise import CameraNoise
from handflow.synthetic.scene import Scene

SCENES: dict[str, Callable[[], Scene]] = {
    "three-hands": lambda: Scene(seed=0, hands=3, size=(384, 216)),
    "two-cross": lambda: Scene(
        seed=7, hands=2, size=(384, 216), paths=[lambda t: (0.3 + 0.25 * t, 0.45), lambda t: (0.7 - 0.25 * t, 0.55)]
    ),
}
FRAMES = 42
# What another processor's last bits may make of the same pictures and the fp32 model: largest difference, and the share
# of the values that may differ by more.
TOLERANCE = {
    "Flow.vectors": (0.004, 0.01),
    "Heatmap.values": (0.03, 0.001),
    "Heatmap.open": (0.03, 0.001),
    "Heatmap.radius": (0.5, 0.01),  # cells; where there is a hand
    "Heatmap.offset": (0.3, 0.01),
    "Hands.xy": (0.004, 0.02),
    "Hands.velocity": (0.15, 0.02),
    "Hands.radius": (0.004, 0.02),
    "Hands.score": (0.04, 0.02),
    "Hands.open": (0.05, 0.02),
    "Hands.age": (0.001, 0.02),
}
EXACT = (0.0, 0.02)
KEPT = {Flow: {"vectors": 2048}, Heatmap: {"values": 128, "open": 128, "radius": 8, "offset": 8}}  # steps in 1


def stages(frames: list[Frame], given: dict[str, list[Message]] | None) -> Iterator[tuple[str, Message]]:
    """(output, message) of every stage alone and of the whole graph. `given`: what the tracker alone is given."""
    flow, heatmap = OpticalFlow(), HeatmapNode(precision="fp32")
    alone = {"flow": InlineNode(flow, {"frame": ""}), "heatmap": InlineNode(heatmap, {"frame": "", "prior": "none"})}
    made: dict[str, list[Message]] = {"flow": [], "heatmap": []}
    with InlineGraph(alone) as nodes:
        for frame in frames:
            for name, message in nodes.push(frame).items():
                if name and message is not None:
                    made[name].append(kept(message))
                    yield name, made[name][-1]
    flows = {message.seq: message for message in (given or made)["flow"]}
    tracker = Tracker()
    tracker.start()
    for heat in (given or made)["heatmap"]:
        hands = tracker.process(heat, flows.get(heat.seq))  # type: ignore[arg-type]
        yield "tracker", with_header(hands, heat)
    graph = {
        "flow": InlineNode(OpticalFlow(), {"frame": ""}),
        "heatmap": InlineNode(HeatmapNode(precision="fp32"), {"frame": "", "prior": "graph"}),
        "graph": InlineNode(Tracker(), {"heatmap": "heatmap", "flow": "flow"}),
    }
    with InlineGraph(graph) as nodes:
        for frame in frames:
            yield "graph", nodes.push(frame)["graph"]


def kept(message: Message) -> Message:
    """As much of a map as a reference needs, so that the files are small: coarse, and only where there is a hand."""
    values = {key: np.round(getattr(message, key) * steps) / steps for key, steps in KEPT[type(message)].items()}
    if isinstance(message, Heatmap):
        nobody = values["values"] < 0.15
        for key in ("radius", "offset"):
            values[key][nobody] = 0
    return replace(message, **values)


def with_header(message: Message, of: Message) -> Message:
    message.stream, message.seq, message.captured_ns = of.stream, of.seq, of.captured_ns
    return message


@dataclass
class Count:
    """One field of one output, compared."""

    values: int = 0
    beyond: int = 0
    largest: float = 0.0
    shapes: int = 0  # arrays of another shape
    first: int = 0  # frame with a value beyond

    def add(self, got: np.ndarray, expected: np.ndarray, most: float, frame: int) -> None:
        if got.shape != expected.shape:
            self.shapes += 1
        else:
            apart = np.abs(got.astype(float) - expected)
            self.values, self.beyond = self.values + apart.size, self.beyond + int((apart > most).sum())
            self.largest = max(self.largest, float(apart.max(initial=0)))
        if (self.beyond or self.shapes) and not self.first:
            self.first = frame


def differences(got: dict[str, list[Message]], expected: dict[str, list[Message]]) -> list[str]:
    """A line for each field whose values differ by more than another processor may make them differ."""
    lines = []
    for output in sorted(expected):
        counts: dict[str, Count] = {}
        frames = [message.seq for message in got.get(output, [])], [message.seq for message in expected[output]]
        if frames[0] != frames[1]:
            lines.append(f"{output}: {len(frames[0])} messages, {len(frames[1])} expected")
            continue
        for one, other in zip(got[output], expected[output], strict=True):
            for key in layout_of(type(other)).arrays:
                field = f"{type(other).__name__}.{key}"
                most, _ = TOLERANCE.get(field, EXACT)
                counts.setdefault(field, Count()).add(getattr(one, key), getattr(other, key), most, one.seq)
        for field, count in counts.items():
            most, share = TOLERANCE.get(field, EXACT)
            if count.shapes:
                lines.append(f"{output}: {field}: {count.shapes} have another shape; first in frame {count.first}")
            if count.beyond > share * count.values:
                lines.append(
                    f"{output}: {field}: {count.beyond} of {count.values} values differ by more than {most:g}, at most "
                    f"by {count.largest:.4g}; first in frame {count.first}"
                )
    return lines


def references(name: str) -> dict[str, list[Message]]:
    recording = Recording(FOLDER / f"{name}.reference.mcap")
    return {output: list(recording.messages(output)) for output in recording.names()}


def grouped(outputs: Iterator[tuple[str, Message]]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = {}
    for output, message in outputs:
        found.setdefault(output, []).append(message)
    return found


@pytest.mark.parametrize("name", ["three-hands", pytest.param("two-cross", marks=pytest.mark.slow)])
def test_every_stage_gives_what_it_gave_before(name: str) -> None:
    expected = references(name)
    lines = differences(grouped(stages(recorded(name), expected)), expected)
    assert not lines, "\n".join([*lines, "if this is meant, accept it: python tests/test_references.py"])


@pytest.mark.parametrize("name", SCENES)
def test_the_references_are_of_hands_that_were_found(name: str) -> None:
    hands = references(name)["graph"]
    there = [len(message.id) for message in hands if isinstance(message, Hands)]
    assert max(there) == len(SCENES[name]().hands)
    assert np.median(there) >= 2


def test_a_change_is_told_by_field_and_frame() -> None:
    expected = references("three-hands")
    changed = {output: list(messages) for output, messages in expected.items()}
    for at in range(20, 30):
        hands = changed["graph"][at]
        assert isinstance(hands, Hands)
        changed["graph"][at] = replace(hands, radius=hands.radius + 0.02)
    (line,) = differences(changed, expected)
    assert line.startswith("graph: Hands.radius: ")
    assert line.endswith(" differ by more than 0.004, at most by 0.02; first in frame 21")
    changed["tracker"] = changed["tracker"][1:]
    assert "tracker: 41 messages, 42 expected" in differences(changed, expected)


def test_the_recordings_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1.5e6


def write(file: Path, outputs: list[tuple[str, Message]]) -> None:
    kinds = {output: type(message) for output, message in outputs}
    recorder = Recorder(file, RecordingMetadata(), [output_of(output, kind) for output, kind in kinds.items()])
    for number, (output, message) in enumerate(outputs, 1):
        message.hops = [Hop(output, message.captured_ns, message.captured_ns)]
        recorder.add(output, pack(message, PictureFormat("jpeg", 80)), message.captured_ns, message.captured_ns, number)
    recorder.close()


def rendered(scene: Scene) -> Iterator[tuple[str, Message]]:
    noise = CameraNoise(2.5, (scene.width, scene.height))
    for number in range(FRAMES):
        image = np.empty((scene.height, scene.width, 3), np.uint8)
        scene.draw(number / 30, image)
        noise.add(number / 30, image)
        yield "camera", Frame(image=image, stream=1, seq=number + 1, captured_ns=10**18 + round(number / 30 * 1e9))


def accept() -> None:
    """Writes the references anew from what the stages give now; renders what cannot be read."""
    for name, scene in SCENES.items():
        try:
            recorded(name)
        except RecordingError as error:
            print(f"rendered: {error}")
            write(FOLDER / f"{name}.mcap", list(rendered(scene())))
        outputs = list(stages(recorded(name), None))
        try:
            told = differences(grouped(iter(outputs)), references(name))
        except RecordingError as error:
            told = [str(error)]
        write(FOLDER / f"{name}.reference.mcap", outputs)
        print("\n".join([f"{name}: accepted", *told]))


if __name__ == "__main__":
    sys.exit(accept())
