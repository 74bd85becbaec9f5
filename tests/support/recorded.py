"""Recordings made by hand, whole and damaged."""

import json
from pathlib import Path

import numpy as np
from mcap.writer import Writer

from handflow import Frame, Hands, Hop
from handflow.recording.channels import output_of
from handflow.recording.message_format import pack
from handflow.recording.metadata import RecordingMetadata
from handflow.recording.writer import Recorder
from handflow.runtime.transport.wire import VERSION

STEP_NS = 33_000_000


def frame(number: int, size: tuple[int, int] = (45, 80)) -> Frame:
    image = np.full((*size, 3), number % 200, np.uint8)
    image[number % size[0], :, 1] = 255
    at = number * STEP_NS
    return Frame(image=image, stream=7, seq=number, captured_ns=at, sent=number, hops=[Hop("camera", at, at + 1000)])


def hands(number: int, x: float = 0.5, id_: int = 1) -> Hands:
    at = number * STEP_NS
    return Hands(
        id=[id_], state=[1], xy=[[x, 0.5]], velocity=[[0, 0]], radius=[0.1], score=[0.9], open=[0.2], is_open=[False],
        age=[1], width=80, height=45, stream=7, seq=number, captured_ns=at, sent=number,
        hops=[Hop("camera", at, at + 1000), Hop("tracker", at + 2000, at + 5_000_000)],
    )  # fmt: skip


def write(
    file: Path,
    messages: int = 30,
    each_chunk: int = 5,
    metadata: RecordingMetadata = RecordingMetadata(),  # noqa: B008 (immutable)
    pictures: bool = True,
) -> Path:
    """A recording of `camera` and `tracker`, `messages` of each."""
    outputs = [output_of("camera", Frame, "camera"), output_of("tracker", Hands, "tracker")]
    recorder = Recorder(file, metadata, outputs if pictures else outputs[1:])
    for number in range(1, messages + 1):
        for name, message in (("camera", frame(number)), ("tracker", hands(number))):
            if pictures or name == "tracker":
                recorder.add(name, pack(message), message.hops[-1].sent_ns, message.hops[-1].sent_ns, number)
        if number % each_chunk == 0:
            recorder.flush()
    recorder.close()
    return file


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    other_version = write(folder / "version.mcap", metadata=RecordingMetadata(handflow="9.9", wire=VERSION + 70))
    foreign = folder / "foreign.mcap"
    with open(foreign, "wb") as opened:
        writer = Writer(opened)
        writer.start("ros2", "rosbag2")
        channel = writer.register_channel("/image", "cdr", 0)
        writer.add_message(channel, 1, b"x", 1)
        writer.finish()
    text, empty, cut = folder / "text.mcap", folder / "empty.mcap", folder / "cut.mcap"
    text.write_text("hello, this is no recording " * 10)
    empty.touch()
    cut.write_bytes(other_version.read_bytes()[:40])
    return {
        "version": (other_version, f"expected messages of version {VERSION}, got {VERSION + 70}"),
        "foreign": (foreign, "expected a recording of handflow, got one of 'rosbag2'"),
        "text": (text, "expected an MCAP file, as of `handflow record`"),
        "empty": (empty, "expected a recording, got an empty file"),
        "cut": (cut, "breaks off before the first message"),
        "absent": (folder / "absent.mcap", "No such file"),
        "folder": (folder, "cannot be read"),
    }


NODES = {
    "counting.py": """
import time
from collections.abc import Iterator
from handflow import Frame, Node


class Numbers(Node):
    count: int = 1000000
    fps: float = 30.0

    def process(self) -> Iterator[Frame]:
        for number in range(1, self.count + 1):
            image = self.empty((180, 320, 3), "uint8")
            image[:] = number % 251
            yield Frame(image=image)
            time.sleep(1 / self.fps)
""",
    "spot.py": """
from handflow import Frame, Hands, Node


class Spot(Node):
    def process(self, frame: Frame) -> Hands:
        x = (frame.seq % 100) / 100
        return Hands(
            id=[1], state=[1], xy=[[x, 0.5]], velocity=[[0, 0]], radius=[0.1], score=[0.9], open=[0.2],
            is_open=[False], age=[1], width=320, height=180,
        )
""",
}


def graph_in(folder: Path, more: str = "", **settings: float) -> Path:
    """A graph of a source of numbered pictures and a stage that makes hands of them."""
    for name, text in NODES.items():
        (folder / name).write_text(text)
    graph = folder / "graph.yaml"
    graph.write_text(
        f"nodes:\n  numbers: {{run: counting.py, with: {json.dumps(settings)}}}\n"
        f"  spot: {{run: spot.py, in: numbers}}\n{more}"
    )
    return graph
