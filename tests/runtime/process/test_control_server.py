"""A running graph is asked and changed: set, get, save; what is wrong changes nothing."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.graphs import Run, until

from handflow.__main__ import main
from handflow.errors import RunError
from handflow.runtime.graph.parse import read
from handflow.runtime.process.control_client import ask

SOURCE = """
from collections.abc import Iterator
from handflow import Hands, Node, ticks

class Source(Node):
    height: int = 7

    def start(self):
        self.started_with = self.height

    def process(self) -> Iterator[Hands]:
        for number, _ in enumerate(ticks(50)):
            yield Hands(width=number, height=self.started_with)
"""
GAIN = """
import threading
from concurrent.futures import Future
from typing import Annotated
from handflow import Hands, Node, Range, SetupError

class Gain(Node):
    \"\"\"Counts what it has seen, from its start on.\"\"\"
    gain: Annotated[int, Range(0, 9), "of everything"] = 1
    lot: str = "fine"

    def __post_init__(self):
        if self.lot == "never":
            raise SetupError("lot never cannot be")

    def start(self):
        self.count = 0
        if self.lot == "broken":
            raise OSError("the lot is broken")

        self.commands = {"lift": self.lift, "later": self.later}

    def lift(self, by: int) -> int:
        if by > 9:
            raise SetupError("that is too much")
        self.gain += by
        return self.gain

    def later(self, value: str) -> Future:
        answer = Future()
        threading.Timer(0.2, answer.set_result, [value]).start()
        return answer

    def changed(self, name: str) -> bool:
        return name == "lot"

    def process(self, hands: Hands) -> Hands:
        self.count += 1
        return Hands(width=self.gain, height=hands.height, zones=[str(self.count)])
"""
TAP = """
from handflow import Hands, Node

class Tap(Node):
    def start(self):
        self.out = open("out", "a", buffering=1)

    def process(self, hands: Hands) -> None:
        print(hands.width, hands.height, *hands.zones, file=self.out)
"""
GRAPH = """# what somebody wrote
nodes:
  source: {run: source.py}
  gain:          # in the middle
    run: gain.py
    in: source
    with:
      gain: 2    # twice
  tap: {run: tap.py, in: gain}
"""


def written(folder: Path) -> Path:
    for name, text in (("source.py", SOURCE), ("gain.py", GAIN), ("tap.py", TAP), ("graph.yaml", GRAPH)):
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Path]]:
    """A graph that runs for several tests, in their order; and its folder."""
    folder = written(tmp_path_factory.mktemp("shared"))
    running = Run("run", "graph.yaml", cwd=folder)
    try:
        until(lambda: last(folder), "nothing is delivered")
        yield running, folder
    finally:
        running.stop()


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if "shared" in request.fixturenames:
        folder: Path = request.getfixturevalue("shared")[1]
        return folder
    return written(tmp_path)


def last(folder: Path) -> list[int]:
    """The gain, the source's height and how many messages the gain has seen."""
    file = folder / "out"
    lines = file.read_text().splitlines() if file.exists() else []
    return [int(word) for word in lines[-1].split()] if lines else []


@pytest.fixture
def asked(command: Callable[..., list[str]], folder: Path) -> Callable[..., list[str]]:
    return lambda *arguments: command(*arguments, "--graph", "graph.yaml", cwd=folder)


@pytest.fixture
def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Says a command that cannot be carried out; the line that comes of it."""
    monkeypatch.chdir(folder)

    def say(*arguments: str, status: int = 1) -> str:
        try:
            got: object = main([*arguments, "--graph", "graph.yaml"])
        except SystemExit as error:  # argparse's
            got = error.code
        assert got == status
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return say


def test_settings_are_set_shown_and_saved(
    run: Callable[..., Run], command: Callable[..., list[str]], asked: Callable[..., list[str]], folder: Path
) -> None:
    started = run("run", "graph.yaml", cwd=folder)
    until(lambda: last(folder), "nothing is delivered")
    assert asked("get") == ["source.height=7", "gain.gain=2", "gain.lot=fine"]
    before = last(folder)[2]
    asked("set", "gain.gain=5")
    until(lambda: last(folder)[0] == 5, "it has no effect")
    assert last(folder)[2] > before  # and what the node had gathered is still there
    asked("set", "source.height=9")  # takes a stop and a start
    until(lambda: last(folder)[1] == 9, "it has no effect")
    assert asked("get", "gain.gain") == ["5"]
    assert json.loads(asked("get", "source", "--json")[0]) == {"source": {"height": 9}}

    until(lambda: last(folder)[2] > before + 50, "it does not go on")
    before = last(folder)[2]
    started.kill("gain")  # what was set outlives a crash
    until(lambda: last(folder)[2] < before, "it does not come back")
    assert last(folder)[:2] == [5, 9]

    (folder / "elsewhere").mkdir()
    asked("save", "elsewhere/saved.yaml")
    text = (folder / "elsewhere" / "saved.yaml").read_text()
    assert "# what somebody wrote\n" in text
    assert "      gain: 5    # twice\n" in text
    saved = read(folder / "elsewhere" / "saved.yaml").nodes
    assert (saved["source"].settings, saved["gain"].run) == ({"height": 9}, "../gain.py")
    command("check", "elsewhere/saved.yaml", cwd=folder)
    assert (folder / "graph.yaml").read_text() == GRAPH
    assert started.stop() == 0


def test_what_is_wrong_changes_nothing_and_is_one_line(
    shared: tuple[Run, Path], asked: Callable[..., list[str]], folder: Path, refused: Callable[..., str]
) -> None:
    said = len(shared[0].err)
    assert refused("set", "gain.gain=12") == "gain: gain: expected int <= 9, got 12"
    assert "gain: expected int, got '3'" in refused("set", "gain.gain='3'")
    assert "did you mean 'gain'" in refused("set", "gain.gian=3")
    assert "there is no node 'gian' (did you mean 'gain'?)" in refused("set", "gian.gain=3")
    assert "expected NODE.KEY=VALUE, got 'gain'" in refused("set", "gain", status=2)
    assert refused("set", "gain.lot=never") == "gain: lot never cannot be"
    assert refused("set", "gain.lot=broken") == "gain: the lot is broken; lot stays 'fine'"
    assert "no setting 'lots' (did you mean 'lot'?)" in refused("get", "gain.lots")
    assert "cannot be written" in refused("save", "nowhere/graph.yaml")
    count = last(folder)[2]
    until(lambda: last(folder)[2] > count, "it does not go on")
    assert asked("get", "gain.lot") == ["fine"]
    assert shared[0].err[said:] == []


@pytest.mark.slow
def test_the_file_is_followed_while_the_graph_runs(run: Callable[..., Run], folder: Path) -> None:
    def write(text: str) -> None:
        (folder / "graph.yaml").write_text(text)

    running = run("run", "graph.yaml", "--watch", cwd=folder)
    until(lambda: last(folder), "nothing is delivered")
    until(lambda: ask(folder / "graph.yaml", "top")[1]["state"] == "running", "it does not run")
    write(GRAPH.replace("gain: 2 ", "gain: 12 "))
    until(lambda: len(running.err) == 1, "what is wrong is not told")
    assert "gain: expected int <= 9, got 12" in running.err[0]
    write(GRAPH.replace("gain: 2 ", "gain: 5 "))
    until(lambda: last(folder)[0] == 5, "it has no effect")
    (folder / "gain.py").write_text(GAIN.replace("width=self.gain,", "width=self.gain + 100,"))
    until(lambda: last(folder)[0] == 105, "the stage that was edited does not run")
    assert ask(folder / "graph.yaml", "get", node="gain", key="gain") == {"gain": {"gain": 5}}
    assert running.stop() == 0
    assert running.err[1:] == ["graph.yaml: gain.gain=5\n", "graph.yaml: gain runs gain.py\n"]


def test_nodes_carry_out_commands_of_their_own(shared: tuple[Run, Path], folder: Path) -> None:
    def command(name: str, value: object, **more: object) -> dict:
        return ask(folder / "graph.yaml", "command", 10, name=name, value=value, **more)

    until(lambda: command("lift", 0), "it does not say that it takes commands")
    assert command("lift", 3) == {"gain": {"answer": 5}}
    until(lambda: last(folder)[0] == 5, "it has no effect")
    assert command("later", {"a": [1, None]}) == {"gain": {"answer": {"a": [1, None]}}}
    assert command("lift", 10) == {"gain": {"error": "gain: that is too much"}}
    assert command("nothing", 1) == {}  # no node takes it
    assert command("lift", "x")["gain"]["error"].startswith("gain: TypeError: ")  # and it goes on
    answers = command("lift", 1, nodes=["gain", "tap"])
    assert answers == {
        "gain": {"answer": 6},
        "tap": {"error": "tap: no command 'lift'; it has none"},
    }
    with pytest.raises(RunError, match=r"there is no node 'gian' \(did you mean 'gain'"):
        command("lift", 1, nodes=["gian"])

    assert command("lift", 7, retain=True) == {"gain": {"answer": 13}}
    shared[0].kill("gain")
    until(lambda: last(folder)[0] == 9, "what it was sent is not sent again")  # 2 and 7


def test_what_is_no_command_is_refused(shared: tuple[Run, Path], folder: Path) -> None:
    for wrong in ({}, {"name": "lift", "within_s": "long"}, {"name": "lift", "nodes": [[1]]}, {"name": "lift", "x": 1}):
        with pytest.raises(RunError, match="expected a request that this version of handflow knows"):
            ask(folder / "graph.yaml", "command", **wrong)
    with pytest.raises(RunError, match="gain cannot be attached"):
        ask(folder / "graph.yaml", "attach", node="gain", pid=1)
