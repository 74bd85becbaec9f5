"""Two hosts, one of which dies while it runs nodes that the other can take over. Needs root: see two_hosts.py."""

import ast
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from support.graphs import until
from support.two_hosts import MACHINES, TwoHosts, two_hosts

pytestmark = pytest.mark.slow

GRAPH = f"""\
{MACHINES}nodes:
  camera: {{run: camera, on: CAMERA, with: {{source: demo, size: [320, 180], fps: 10}}}}
  heatmap: {{run: heatmap, in: {{frame: camera, prior: tracker}}, on: [eye, play]}}
  tracker: {{run: tracker, in: heatmap, on: play}}
  listener: {{run: listener.py, in: tracker, on: play, with: {{file: out}}}}
"""
LISTENER = """
import time
from handflow import Hands, Node, State

class Listener(Node):
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, hands: Hands) -> None:
        there = hands.id[(hands.id > 0) & (hands.state != State.LEAVING)]
        print((time.monotonic(), there.tolist()), file=self.out)
"""
TIMEOUT_S = 60  # of a busy machine


class Told(NamedTuple):
    at: float  # monotonic seconds
    ids: list[int]


class Graph:
    """The graph, running on both hosts."""

    def __init__(self, hosts: TwoHosts, folder: Path) -> None:
        self.hosts, self.folder = hosts, folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [*self.hosts.inside(("eye", "play").index(name)), sys.executable, "-m", "handflow"]
        with open(self.folder / f"{name}.log", "a") as log:
            self.running[name] = subprocess.Popen(
                [*command, "run", "graph.yaml", "--on", name], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=log
            )

    def kill(self, name: str) -> None:
        """kill -9 of all its processes, and no packet says so."""
        self.hosts.link.cut = True
        started = self.running[name]
        for process in (psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        started.wait()

    def come_back(self, name: str) -> None:
        self.hosts.link.cut = False
        self.start(name)

    def stop(self) -> None:
        for started in self.running.values():
            started.terminate()
        for started in self.running.values():
            started.wait(TIMEOUT_S)

    def told(self, after: float = 0) -> list[Told]:
        """What the game has been told, of hands that there were."""
        out = self.folder / "out"
        written = out.read_text().rpartition("\n")[0] if out.exists() else ""  # the last line may be half there
        told = [Told(*ast.literal_eval(line)) for line in written.splitlines()]
        return [each for each in told if each.ids and each.at > after]

    def rows(self) -> dict[str, dict[str, Any]]:
        command = [sys.executable, "-m", "handflow", "top", "--json", "--graph", "graph.yaml", "--on", "play"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        return {row["node"]: row for row in json.loads(done.stdout)}

    def moves(self) -> list[str]:
        """The moves of nodes so far, as the log of `play` has them."""
        log = (self.folder / "play.log").read_text().splitlines()
        return [line.partition(" now")[0] for line in log if " runs on " in line]

    def moved(self, *moves: str) -> None:
        """Waits until nodes have moved, and hands are told again."""
        until(lambda: set(moves) <= set(self.moves()), f"not seen: {moves}", TIMEOUT_S)
        moved = time.monotonic()
        until(lambda: len(self.told(moved)) > 5, "no hands", TIMEOUT_S)

    def gap_s(self, after: float) -> float:
        """The longest time without a hand since then."""
        times = [each.at for each in self.told()]
        return max(b - a for a, b in pairwise(times) if b > after)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[[str], Graph]]:
    with two_hosts() as hosts, contextlib.ExitStack() as ends:

        def start(camera: str) -> Graph:
            (tmp_path / "listener.py").write_text(LISTENER)
            (tmp_path / "graph.yaml").write_text(GRAPH.replace("CAMERA", camera))
            graph = Graph(hosts, tmp_path)
            ends.callback(graph.stop)
            graph.start("play")
            graph.start("eye")
            until(lambda: len(graph.told()) > 15, "no hands", TIMEOUT_S)
            until(lambda: graph.rows()["heatmap"]["next"] == "standby on play", "no spare", TIMEOUT_S)
            return graph

        yield start


def test_a_spare_runs_what_a_dead_machine_ran_until_it_has_come_back(running: Callable[[str], Graph]) -> None:
    graph = running("[eye, play]")  # as a camera on the network
    assert graph.moves() == []
    graph.kill("eye")
    died = time.monotonic()
    before = {each for told in graph.told() for each in told.ids}
    graph.moved("camera runs on play", "heatmap runs on play")
    rows = graph.rows()
    assert [rows[name]["on"] for name in ("camera", "heatmap", "tracker")] == ["play"] * 3
    assert rows["heatmap"]["fault"].startswith("spare: runs on play, for eye is gone")
    time.sleep(max(0.0, died + 10 - time.monotonic()))
    print(f"without hands for {graph.gap_s(died):.2f} s when the camera's machine died")
    graph.come_back("eye")
    back = time.monotonic()
    graph.moved("camera runs on eye", "heatmap runs on eye")
    print(f"without hands for {graph.gap_s(back):.2f} s when it had come back")
    tracker = graph.rows()["tracker"]
    assert (tracker["state"], tracker["restarts"]) == ("running", 0)
    assert len(graph.moves()) == 4
    # Nobody is taken for somebody of before: whoever was gone for longer than hands are believed in is new.
    new = {each for told in graph.told(died + 1) for each in told.ids} - before
    assert new
    assert min(new) > max(before)


def test_a_machine_that_is_stopped_hands_over_and_hands_keep_their_ids(running: Callable[[str], Graph]) -> None:
    graph = running("play")
    began = time.monotonic()
    graph.running["eye"].terminate()
    graph.moved("heatmap runs on play")
    graph.running["eye"].wait(TIMEOUT_S)
    stopped = time.monotonic()
    graph.start("eye")
    graph.moved("heatmap runs on eye")
    for since, until_s in ((began, stopped), (stopped, time.monotonic())):
        told = [each for each in graph.told(since - 1) if each.at < until_s]
        gap_s = max(b.at - a.at for a, b in pairwise(told))
        print(f"without hands for {gap_s:.2f} s")
        # On a machine that is too busy, longer than hands are believed in.
        assert gap_s > 0.9 or all(set(a.ids) & set(b.ids) for a, b in pairwise(told))
