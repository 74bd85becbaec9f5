"""`run --watch`: the graph's file is followed; what is wrong in it changes nothing."""

import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handflow.errors import Refused
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.process.changes import graph_watch
from handflow.runtime.process.changes.graph_watch import GraphWatch
from handflow.runtime.process.running_graph import RunningGraph

GAIN = """
from typing import Annotated
from handflow import Hands, Node, Range

class Gain(Node):
    gain: Annotated[float, Range(0, 9), "of everything"] = 1
    lot: str = "fine"

    def process(self, hands: Hands) -> Hands:
        return hands
"""
SOURCE = """
from collections.abc import Iterator
from handflow import Hands, Node

class Source(Node):
    def process(self) -> Iterator[Hands]:
        yield Hands()
"""
GRAPH = """nodes:
  source: {run: source.py}
  gain: {run: gain.py, in: source, with: {gain: 2, lot: a}}
"""


class Followed:
    """A graph whose file is written to; what would be done to it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "graph.yaml"
        self.said: list[str] = []
        self.begun: list[tuple[Any, ...]] = []
        self.refusal, self.waits = "", False
        self.under_way: dict[str, object] = {}
        self.answers: list[Callable[[str], None]] = []
        self.steps = itertools.count()
        self.write(GRAPH)
        self.running = RunningGraph(self.read(), resolve(self.read()), self.said.append)
        self.watch = GraphWatch(self.running, self, self, self.read)  # type: ignore[arg-type]

    def read(self) -> Graph:
        graph = read(self.file)
        graph.set("gain", "lot", "set", "--set")
        return graph

    def write(self, text: str, file: str = "graph.yaml") -> None:
        path = self.file.with_name(file)
        path.write_text(text)
        self.moment = getattr(self, "moment", 10**18) + 10**9
        os.utime(path, ns=(self.moment, self.moment))

    def begin(self, *arguments: Any) -> None:
        """In the place of both SettingChanges and Swaps."""
        if self.refusal:
            raise Refused(self.refusal)
        done = next(each for each in arguments if callable(each))
        if self.waits:
            self.answers.append(done)
        else:
            done("")
        self.begun.append(tuple(each for each in arguments if not callable(each)))

    def look(self, times: int = 3) -> None:
        for _ in range(times):
            self.watch.step(100 + next(self.steps) * 2 * graph_watch.LOOK_S)

    def after(self, text: str, file: str = "graph.yaml") -> list[tuple[Any, ...]]:
        """What is done once a file says this."""
        self.write(text, file)
        self.begun.clear()
        self.said.clear()
        self.look()
        return self.begun


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    for name, text in (("gain.py", GAIN), ("other.py", GAIN), ("source.py", SOURCE)):
        (tmp_path / name).write_text(text)
    return Followed(tmp_path)


def test_a_changed_setting_is_applied_once_and_told(followed: Followed) -> None:
    assert followed.after(GRAPH) == []
    assert followed.after(GRAPH.replace("gain: 2", "gain: 3")) == [("gain", {"gain": 3}, [])]
    assert followed.said == ["graph.yaml: gain.gain=3"]
    followed.running.graph.nodes["gain"].settings["gain"] = 3
    followed.begun.clear()
    followed.look()
    assert followed.begun == []


def test_a_file_that_is_being_written_is_read_when_it_rests(followed: Followed) -> None:
    followed.write("nodes:\n")
    followed.look(1)
    followed.write(GRAPH.replace("gain: 2", "gain: 3"))
    followed.look()
    assert (followed.begun, followed.said) == (
        [("gain", {"gain": 3}, [])],
        ["graph.yaml: gain.gain=3"],
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GRAPH.replace("gain: 2", "gain: 12"), r"graph\.yaml:3:49: gain: gain: expected a number <= 9\.0, got 12$"),
        (GRAPH.replace("gain: 2", "gian: 3, gain: x"), r"gain: no setting 'gian'.* \(and 1 more: handflow check\)$"),
        (GRAPH.replace("gain.py", "gone.py"), r"gain: there is no file .*gone\.py$"),
        (GRAPH.replace("{run: source.py}", "{run: "), r"graph\.yaml:\d+:\d+: .*$"),
        ("", "expected 'nodes:' with at least one node, got an empty file$"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_changes_nothing_and_is_told_in_a_line(followed: Followed, text: str, why: str) -> None:
    assert followed.after(text) == []
    (line,) = followed.said
    assert line.startswith("graph.yaml was changed and nothing is taken over: ")
    assert re.search(why, line), line
    assert followed.after(GRAPH) == [] == followed.said


def test_a_file_that_is_gone_is_told_and_followed_again(followed: Followed) -> None:
    followed.file.unlink()
    followed.look()
    (line,) = followed.said
    assert "cannot be read: No such file" in line
    assert followed.after(GRAPH.replace("gain: 2", "gain: 3")) == [("gain", {"gain": 3}, [])]


def test_what_was_set_otherwise_stays_unless_the_file_changes_the_same(followed: Followed) -> None:
    running = followed.running.graph.nodes["gain"].settings
    running["gain"] = 7
    assert followed.after(GRAPH + "# a remark\n") == []
    assert followed.after(GRAPH.replace("gain: 2", "gain: 7")) == []  # as `save` writes it
    assert followed.after(GRAPH.replace("gain: 2, ", "")) == [("gain", {}, ["gain"])]
    assert followed.after(GRAPH.replace("lot: a", "lot: b")) == [("gain", {"gain": 2}, [])]  # --set beats the file


def test_another_stage_and_an_edited_one_are_swapped(followed: Followed) -> None:
    followed.running.graph.nodes["gain"].settings["gain"] = 7
    assert followed.after(GAIN + "# edited\n", "gain.py") == [("gain", "gain.py", {"gain": 7, "lot": "set"})]
    assert followed.said == ["graph.yaml: gain runs gain.py"]
    followed.waits = True
    other = GRAPH.replace("gain.py", "other.py").replace("gain: 2", "gain: 4")
    assert followed.after(other) == [("gain", "other.py", {"gain": 4, "lot": "set"})]
    followed.answers[0]("gain was not swapped: it did not start in time")
    assert followed.said == ["graph.yaml: gain was not swapped: it did not start in time"]
    assert followed.after(GAIN + "class", "other.py") == []
    assert "gain: other.py cannot be loaded: SyntaxError" in followed.said[0]
    assert followed.after(GAIN + "# mended\n", "other.py") == [("gain", "other.py", {"gain": 4, "lot": "set"})]


def test_other_nodes_and_edges_take_a_new_start(followed: Followed) -> None:
    more = GRAPH.replace("gain: 2", "gain: 3") + "  two: {run: other.py, in: gain}\n"
    assert followed.after(more) == [("gain", {"gain": 3}, [])]
    told = "other nodes or edges; start the graph again for that"
    assert followed.said == [f"graph.yaml: two: {told}", "graph.yaml: gain.gain=3"]
    assert followed.after(more.replace("in: source", "in: {from: source, keep: all}")) == []
    assert followed.said == [f"graph.yaml: gain, two: {told}"]


def test_what_is_refused_is_told_and_what_is_under_way_is_waited_for(followed: Followed) -> None:
    followed.refusal = "gain: the lot is broken; lot stays 'fine'"
    assert followed.after(GRAPH.replace("gain: 2", "gain: 3")) == []
    assert followed.said == [f"graph.yaml: {followed.refusal}"]
    followed.refusal, followed.waits = "", True
    assert followed.after(GRAPH.replace("gain: 2", "gain: 4")) == [("gain", {"gain": 4}, [])]
    assert followed.after(GRAPH.replace("gain: 2", "gain: 5")) == []  # gain has not answered yet
    followed.answers[0]("")
    followed.look()
    assert followed.begun == [("gain", {"gain": 5}, [])]
