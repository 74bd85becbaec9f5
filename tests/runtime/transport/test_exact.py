"""Exact graphs: the same messages joined each time, however busy the machine is."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.graphs import Run, until

from handflow import SetupError
from handflow.capture.files import read_frames
from handflow.messages import Frame, Hands
from handflow.runtime.inline import InlineGraph, InlineNode
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.wire import decode
from handflow.stages.camera import Camera
from handflow.stages.flow import OpticalFlow
from handflow.stages.heatmap import HeatmapNode
from handflow.stages.tracker import Tracker
from handflow.synthetic.scene import Scene

FRAMES = 24
TAP = """
import struct
from handflow import Node, Packed
from handflow.runtime.transport.wire import encode

class Tap(Node):
    file: str

    def start(self):
        self.out = open(self.file, "wb")

    def process(self, message: Packed) -> None:
        data = encode(message, None)
        self.out.write(struct.pack("<I", len(data)) + data)

    def stop(self):
        self.out.close()
"""
TAPS = """
from handflow import Hands, Node

class Taps(Node):
    def start(self):
        self.out = open("out", "w")

    def process(self, **hands: Hands) -> None:
        for name, each in hands.items():
            print(name, each.width, each.height, file=self.out)

    def stop(self):
        self.out.close()
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hands of the demo."""
    file = tmp_path_factory.mktemp("clip") / "demo.mp4"
    scene = Scene(seed=5, hands=3, size=(640, 360))
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 360))
    image = np.empty((360, 640, 3), np.uint8)
    for frame in range(FRAMES):
        scene.draw(2 + frame / 10, image)
        writer.write(image)
    writer.release()
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tap.py").write_text(TAP)
    return tmp_path


def graph(folder: Path, *lines: str) -> Path:
    file = folder / "graph.yaml"
    file.write_text("nodes:\n" + "".join(f"  {line}\n" for line in lines))
    return file


def pipeline(clip: Path, out: str) -> list[str]:
    return [
        f"camera: {{run: camera, with: {{source: {json.dumps(str(clip))}, size: [640, 360]}}}}",
        "flow: {run: flow, in: camera}",
        "heatmap: {run: heatmap, in: {frame: camera, prior: tracker}, with: {precision: fp32, prior_gain: 0.5}}",
        "tracker: {run: tracker, in: {heatmap: heatmap, flow: flow}}",
        f"tap: {{run: tap.py, in: tracker, with: {{file: {out}}}}}",
    ]


def told(file: Path) -> list[Hands]:
    data, got = file.read_bytes(), []
    while data:
        size = int.from_bytes(data[:4], "little")
        hands = decode(data[4 : 4 + size], Hands, Rings())[0]
        assert isinstance(hands, Hands)
        got.append(hands)
        data = data[4 + size :]
    return got


def bits(hands: Hands, first: Hands) -> tuple:
    """All of a message but the moment of its run."""
    header = (hands.stream, hands.seq, hands.captured_ns - first.captured_ns, hands.width, hands.height)
    arrays = (hands.id, hands.state, hands.xy, hands.velocity, hands.radius, hands.score, hands.open, hands.age)
    return *header, *(array.tobytes() for array in arrays)


def run_exact(run: Callable[..., Run], folder: Path, clip: Path, out: str) -> list[tuple]:
    started = run("run", graph(folder, *pipeline(clip, out)), "--exact", cwd=folder)
    assert started.end(60) == 0
    assert started.err == []
    hands = told(folder / out)
    return [bits(each, hands[0]) for each in hands]


@pytest.fixture
def busy() -> Iterator[Callable[[], None]]:
    """Keeps every core busy."""
    with ExitStack() as ends:

        def start() -> None:
            for _ in range(os.cpu_count() or 1):
                worker = subprocess.Popen([sys.executable, "-c", "while True: pass"])
                ends.callback(worker.wait)
                ends.callback(worker.kill)

        yield start


@pytest.mark.slow
def test_cameras_through_one_network_give_the_same_hands_each_time(run: Callable[..., Run], folder: Path) -> None:
    """Two of different rates, one of which ends before the other, in one heatmap and one fusion."""
    lines = [
        "a: {run: demo, with: {seed: 1, frames: 12, size: [640, 360]}}",
        "b: {run: demo, with: {seed: 2, frames: 5, fps: 20, size: [640, 360]}}",
        "heatmap: {run: heatmap, in: {frame: [a, b], prior: [ta, tb]}, with: {prior_gain: 0.5}}",
        "ta: {run: tracker, in: {from: heatmap, stream: a}}",
        "tb: {run: tracker, in: {from: heatmap, stream: b}}",
        "fusion: {run: fusion, in: [ta, tb], with: {place: {ta: [0, 0, 0.5, 1], tb: [0.5, 0, 0.5, 1]}}}",
    ]
    results = []
    for out in ("first", "second"):
        ends = [f"tap: {{run: tap.py, in: fusion, with: {{file: {out}}}}}",
                f"tapb: {{run: tap.py, in: {{from: heatmap, stream: b}}, with: {{file: {out}b}}}}"]  # fmt: skip
        started = run("run", graph(folder, *lines, *ends), "--exact", cwd=folder)
        assert started.end(60) == 0
        assert started.err == []
        hands = told(folder / out)
        assert len(hands) == 12
        assert len({each.stream for each in hands}) == 1
        assert [each.seq for each in hands] == list(range(1, 13))
        results.append(([bits(each, hands[0]) for each in hands], (folder / f"{out}b").stat().st_size))
    assert results[0] == results[1]


@pytest.mark.slow
def test_two_runs_give_the_same_hands_to_the_bit_also_on_a_busy_machine(
    run: Callable[..., Run], folder: Path, clip: Path, busy: Callable[[], None]
) -> None:
    """And the same as the stages give in one process."""
    first = run_exact(run, folder, clip, "first")
    busy()
    second = run_exact(run, folder, clip, "second")
    assert len(first) == FRAMES
    assert first == second
    nodes = {
        "flow": InlineNode(OpticalFlow(), {"frame": ""}),
        "heatmap": InlineNode(HeatmapNode(precision="fp32", prior_gain=0.5), {"frame": "", "prior": "tracker"}),
        "tracker": InlineNode(Tracker(), {"heatmap": "heatmap", "flow": "flow"}),
    }
    inline = []
    with InlineGraph(nodes) as stages:
        for number, picture in enumerate(read_frames(str(clip)), 1):
            frame = Frame(image=picture.image, captured_ns=picture.captured_ns, stream=1, seq=number)
            inline.append(stages.push(frame)["tracker"])
    assert [bits(each, inline[0]) for each in inline] == first
    assert sum(len(hands.id) for hands in inline) > FRAMES  # there was something to get wrong


SOURCE = """
from collections.abc import Iterator
from handflow import Hands, Node

class Source(Node):
    frames: int = 200

    def process(self) -> Iterator[Hands]:
        for number in range(self.frames):
            yield Hands(width=number)
"""
STAGES = {
    "rare.py": ("hands: Hands", "return Hands(width=hands.width) if hands.width % 50 == 0 else None"),
    "twice.py": ("hands: Hands", "yield Hands(width=1); yield Hands(width=hands.width)"),
    "slow.py": ("hands: Hands", "time.sleep(0.002 * (hands.width % 5)); return hands"),
    "back.py": (
        "hands: Hands, prior: Hands | None",
        "return Hands(width=hands.width, height=prior.width if prior else -1)",
    ),
    "join.py": (
        "first: Hands, second: Hands | None",
        "return Hands(width=first.width, height=second.width if second else -1)",
    ),
    "need.py": ("first: Hands, second: Hands", "return Hands(width=first.width, height=second.width)"),
    "fails.py": ("hands: Hands", "assert hands.width < 10"),
}  # fmt: skip


@pytest.fixture
def stages(folder: Path) -> Path:
    (folder / "source.py").write_text(SOURCE)
    for name, (arguments, body) in STAGES.items():
        gives = "Iterator[Hands]" if "yield" in body else "Hands"
        (folder / name).write_text(
            "import time\nfrom collections.abc import Iterator\nfrom handflow import Hands, Node\n\n"
            f"class Stage(Node):\n    def process(self, {arguments}) -> {gives}:\n        {body}\n"
        )
    return folder


JOINED = {  # nodes, and what the first of them tells: (width, height) of each message
    # What is rare is waited for where it comes, and known not to come where it does not; 50 is more than the credit.
    "a: {run: join.py, in: {first: s, second: rare}}": [(n, n if n % 50 == 0 else -1) for n in range(200)],
    "b: {run: join.py, in: {first: rare, second: s}}": [(n, n) for n in range(0, 200, 50)],
    "c: {run: need.py, in: {first: s, second: rare}}": [(n, n) for n in range(0, 200, 50)],
    # Of several messages for a frame the last counts.
    "d: {run: join.py, in: {first: s, second: twice}}": [(n, n) for n in range(200)],
    "e: {run: join.py, in: {first: twice, second: s}}": [(width, n) for n in range(200) for width in (1, n)],
    # A loop brings the frame before, though what closes it is slow, or has nothing.
    "f: {run: back.py, in: {hands: s, prior: slow}}": [(n, n - 1) for n in range(200)],
    "g: {run: back.py, in: {hands: s, prior: few}}": [(n, n - 1 if n % 50 == 1 else -1) for n in range(200)],
}


OTHERS = {  # what those read; by which of them
    "s: {run: source.py}": "abcdefg",
    "rare: {run: rare.py, in: s}": "abc",
    "twice: {run: twice.py, in: s}": "de",
    "slow: {run: slow.py, in: f}": "f",
    "few: {run: rare.py, in: g}": "g",
}


@pytest.mark.parametrize("names", ["af", pytest.param("abcdefg", marks=pytest.mark.slow)])
def test_inputs_are_joined_by_frame(run: Callable[..., Run], stages: Path, names: str) -> None:
    others = [line for line, readers in OTHERS.items() if set(readers) & set(names)]
    joined = {line: expected for line, expected in JOINED.items() if line[0] in names}
    (stages / "taps.py").write_text(TAPS)
    tap = f"tap: {{run: taps.py, in: {{{', '.join(f'{name}: {name}' for name in names)}}}}}"
    started = run("run", graph(stages, *others, *joined, tap), "--exact", cwd=stages)
    assert started.end(60) == 0
    assert started.err == []
    told = [line.split() for line in (stages / "out").read_text().splitlines()]
    for name, expected in zip(names, joined.values(), strict=True):
        assert [(int(width), int(height)) for each, width, height in told if each == name] == expected, name


def test_a_stage_that_fails_ends_an_exact_run_with_its_line(run: Callable[..., Run], stages: Path) -> None:
    started = run("run", graph(stages, "s: {run: source.py}", "f: {run: fails.py, in: s}"), "--exact", cwd=stages)
    assert started.end(60) == 1
    assert started.err[-1] == "f failed (AssertionError: ); an exact run ends here, since its results would differ\n"


@pytest.mark.slow
def test_a_reader_that_is_stopped_for_long_changes_nothing(run: Callable[..., Run], stages: Path) -> None:

    file = graph(
        stages, "s: {run: source.py}", "slow: {run: slow.py, in: s}", "tap: {run: tap.py, in: slow, with: {file: out}}"
    )
    started = run("run", file, "--exact", cwd=stages)
    until(lambda: (stages / "out").exists(), "it does not start")
    process = started.children()["tap"]
    process.suspend()
    time.sleep(1.5)  # longer than a silent reader would have credit in another graph
    process.resume()
    assert started.end(60) == 0
    assert [hands.width for hands in told(stages / "out")] == list(range(200))


def test_an_exact_run_of_a_camera_is_refused() -> None:
    line = "source: expected a file, a folder or demo in an exact run, got 0; no camera repeats itself"
    node = Camera(source="0")
    node.exact = True
    with pytest.raises(SetupError, match=f"^{line}$"):
        node.start()
