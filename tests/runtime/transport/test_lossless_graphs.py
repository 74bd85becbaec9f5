"""Edges with `keep: all` in graphs that run, and those that are refused."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.graphs import Run, until
from support.quiet import in_a_quiet_moment

from handflow.__main__ import main

TICKER = """
from collections.abc import Iterator
from handflow import Frame, Node

class Ticker(Node):
    frames: int = 0

    def process(self) -> Iterator[Frame]:
        for number in range(self.frames):
            image = self.empty((90, 1600, 3), "uint8")
            image[:] = number % 251
            yield Frame(image=image, captured_ns=number + 1)
"""
PASSER = """
from handflow import Frame, Node

class Passer(Node):
    def process(self, frame: Frame) -> Frame:
        return frame
"""
KEEPER = """
from handflow import Node, Packed

class Keeper(Node):
    keep = "all"
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, **messages: Packed) -> None:
        (name, message), = messages.items()
        whole = (message.fields["image"] == (message.seq - 1) % 251).all()
        print(name, message.seq, whole, file=self.out)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("ticker", TICKER), ("passer", PASSER), ("keeper", KEEPER)):
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def graph(folder: Path, *lines: str) -> Path:
    file = folder / "graph.yaml"
    file.write_text("nodes:\n" + "".join(f"  {line}\n" for line in lines))
    return file


def kept(folder: Path) -> list[tuple[str, int, str]]:
    file = folder / "out"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [(line[0], int(line[1]), line[2]) for line in lines]


def test_a_node_may_take_all_there_is(run: Callable[..., Run], folder: Path) -> None:
    """Two producers at full speed, one of which passes on what the other sent; every message arrives, whole."""
    file = graph(
        folder,
        "ticker: {run: ticker.py, with: {frames: 300}}",
        "passer: {run: passer.py, in: {frame: {from: ticker, keep: all}}}",
        "keeper: {run: keeper.py, in: {raw: ticker, passed: passer}, with: {file: out}}",
    )

    def observe() -> None:
        """A reader that did not run for a second is not waited for, and loses messages."""
        (folder / "out").unlink(missing_ok=True)
        started = run("run", file, cwd=folder)
        assert started.end() == 0
        assert started.err == []
        for name in ("raw", "passed"):
            assert [(seq, whole) for each, seq, whole in kept(folder) if each == name] == [
                (seq, "True") for seq in range(1, 301)
            ]

    in_a_quiet_moment(observe)


def test_a_stopped_reader_of_everything_stops_nobody(run: Callable[..., Run], folder: Path) -> None:
    file = graph(
        folder,
        "camera: {run: camera, with: {source: demo, size: [320, 240], fps: 30}}",
        "keeper: {run: keeper.py, in: camera, with: {file: out}}",
        "passer: {run: passer.py, in: camera}",
    )
    (folder / "keeper.py").write_text(
        KEEPER.replace('(message.fields["image"] == (message.seq - 1) % 251).all()', "True")
    )
    started = run("run", file, cwd=folder)
    until(lambda: len(kept(folder)) > 5, "nothing is kept")
    keeper = started.children()["keeper"]
    os.kill(keeper.pid, signal.SIGSTOP)
    line = "camera: keeper has read nothing for 1 s: not waiting for it any longer, it loses messages\n"
    until(lambda: line in started.err, "it is not said")
    os.kill(keeper.pid, signal.SIGCONT)
    until(lambda: "camera: keeper is reading again\n" in started.err, "it does not come back")
    count = len(kept(folder))
    until(lambda: len(kept(folder)) > count + 10, "it reads no more")
    last = [seq for _, seq, _ in kept(folder)[-10:]]
    assert last == list(range(last[0], last[0] + 10))


WITH = "with: {file: out}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"keeper: {{run: keeper.py, {WITH}}}", "expected at least one input of type Packed, got none"),
        (
            f"keeper: {{run: keeper.py, in: {{a: {{from: ticker, keep: same}}}}, {WITH}}}",
            "keep of a, which drives: expected newest or all, got same",
        ),
        (
            "two: {run: two.py, in: {a: ticker, b: {from: ticker, keep: all}}}",
            "keep of b, which does not drive: expected newest or same, got all",
        ),
        (f"keeper: {{run: keeper.py, in: nobody, {WITH}}}", "got 'nobody'"),
    ],
)
def test_a_wrong_edge_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str], line: str, expected: str) -> None:
    (folder / "two.py").write_text(
        "from handflow import Frame, Node\n\nclass Two(Node):\n    def process(self, a: Frame, b: Frame) -> None: ...\n"
    )
    assert main(["check", str(graph(folder, "ticker: {run: ticker.py}", line))]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert expected in said
    assert "graph.yaml:3:" in said
