"""Two hosts and a link that is slow, loses packets and is cut for ten seconds. Needs root: see two_hosts.py."""

import ast
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.graphs import until
from support.two_hosts import MACHINES, TwoHosts, two_hosts
from support.two_machines import NODES

pytestmark = pytest.mark.slow

GRAPH = f"""\
{MACHINES}nodes:
  ticker: {{run: ticker.py}}
  tap: {{run: tap.py, in: {{frame: {{from: ticker, jpeg: 95}}}}, on: play, with: {{file: out}}}}
"""
# Every picture is read, and recorded, on the other host.
LOSSLESS = (
    GRAPH.replace("jpeg: 95", "jpeg: 95, keep: all")
    + """\
  recorder: {run: record, in: {ticker: ticker}, on: play, with: {file: whole.mcap}}
"""
)


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    with two_hosts() as made:
        yield made


class Graph:
    """The graph, running on both hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def lines(self) -> list[Any]:
        """(seq, age ms, error of the picture, its shape, ...) of each frame that reached the other host."""
        out = self.folder / "out"
        written = out.read_text().rpartition("\n")[0] if out.exists() else ""  # the last line may be half there
        return [ast.literal_eval(line) for line in written.splitlines()]

    def rows(self) -> dict[str, dict[str, Any]]:
        command = [sys.executable, "-m", "handflow", "top", "--json", "--graph", "graph.yaml", "--on", "play"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        return {row["node"]: row for row in json.loads(done.stdout)} if done.returncode == 0 else {}

    def memory(self) -> int:
        processes = [p for s in self.started for p in (psutil.Process(s.pid), *psutil.Process(s.pid).children(True))]
        return sum(process.memory_info().rss for process in processes)


@pytest.fixture
def running(hosts: TwoHosts, tmp_path: Path) -> Iterator[Callable[..., Graph]]:
    with ExitStack() as ends:

        def start(clock_ahead_s: float = 0, text: str = GRAPH) -> Graph:
            for name, source in NODES.items():
                (tmp_path / name).write_text(source)
            (tmp_path / "graph.yaml").write_text(text)
            graph = Graph(tmp_path)
            for host, name in enumerate(("eye", "play")):
                code = "import sys, time; ahead = float(sys.argv.pop(1)); real = time.time_ns;"
                code += "time.time_ns = lambda: real() + int(ahead * 1e9);"
                code += "from handflow.__main__ import main; sys.exit(main())"
                command = [*hosts.inside(host), sys.executable, "-c", code, str(clock_ahead_s * host)]
                command += ["run", "graph.yaml", "--on", name]
                with open(tmp_path / f"{name}.log", "w") as log:
                    started = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, text=True)
                graph.started.append(started)
                ends.callback(started.wait, 20)
                ends.callback(started.terminate)
            until(lambda: len(graph.lines()) > 20, "nothing crosses", 60)
            return graph

        yield start


def test_a_slow_link_that_loses_packets_is_survived_and_the_clocks_are_measured(
    hosts: TwoHosts, running: Callable[..., Graph]
) -> None:
    hosts.link.delay_s, hosts.link.loss = 0.04, 0.02
    graph = running(clock_ahead_s=7)
    until(lambda: len(graph.lines()) > 150, "it does not go on", 60)
    lines = graph.lines()
    assert all(off < 3 for _, _, off, *_ in lines)
    assert [line[0] for line in lines] == sorted({line[0] for line in lines})  # none twice, none back
    ages = sorted(age for _, age, *_ in lines[100:])
    assert 35 < ages[len(ages) // 2] < 400  # the delay, by a clock that is seven seconds ahead
    assert ages[-1] < 2500
    eye = graph.rows()["ticker"]
    assert eye["on"] == "eye"
    assert abs(eye["clock_ms"] + 7000) < 30  # here is ahead, so the other is behind
    assert 30 < eye["clock_error_ms"] < 200  # half of what it takes there and back


def test_a_link_cut_for_ten_seconds_comes_back_with_new_pictures_and_no_more_memory(
    hosts: TwoHosts, running: Callable[..., Graph]
) -> None:
    hosts.link.delay_s = 0.01
    graph = running()
    until(lambda: len(graph.lines()) > 100, "it does not go on", 60)
    memory = graph.memory()
    hosts.link.cut, cut = True, time.monotonic()
    time.sleep(5)
    before = len(graph.lines())
    assert graph.rows()["ticker"]["state"] == "unreachable"
    time.sleep(10 - (time.monotonic() - cut))
    assert len(graph.lines()) == before
    growth = graph.memory() - memory
    hosts.link.cut = False
    until(lambda: len(graph.lines()) > before, "it does not come back", 60)
    until(lambda: len(graph.lines()) > before + 60, "it does not go on", 60)
    after = graph.lines()[before:]
    assert max(age for _, age, *_ in after) < 5000  # nothing of before the cut
    assert after[0][0] - graph.lines()[before - 1][0] > 150  # 20 fps for 10 s
    assert growth < 8 * 2**20
    assert graph.memory() - memory < 8 * 2**20
    until(lambda: graph.rows().get("ticker", {}).get("state") == "running", "the other is not told of", 20)
    assert "does not answer" in (graph.folder / "play.log").read_text()
    assert "is reachable again" in (graph.folder / "play.log").read_text()


def test_a_link_too_slow_for_all_pictures_carries_new_ones(hosts: TwoHosts, running: Callable[..., Graph]) -> None:
    graph = running()
    until(lambda: len(graph.lines()) > 40, "it does not go on", 60)
    hosts.link.rate = 16_000  # pictures of 2 kB, 20 a second, and all else that is said
    time.sleep(10)
    before = len(graph.lines())
    time.sleep(10)
    lines = graph.lines()[before:]
    ages = sorted(age for _, age, *_ in lines)
    assert len(lines) > 20  # of 200
    assert lines[-1][0] - lines[0][0] > 150  # the newest ones
    assert ages[len(ages) // 2] < 1000


def test_what_is_read_whole_on_another_host_loses_nothing_but_what_it_counts_while_the_link_is_cut(
    hosts: TwoHosts, running: Callable[..., Graph]
) -> None:
    hosts.link.delay_s, hosts.link.loss = 0.02, 0.01
    graph = running(text=LOSSLESS)
    until(lambda: len(graph.lines()) > 100, "it does not go on", 60)
    seqs = [line[0] for line in graph.lines()]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    hosts.link.cut = True
    time.sleep(10)
    before = len(graph.lines())
    hosts.link.cut = False
    until(lambda: len(graph.lines()) > before + 60, "it does not come back", 60)
    until(lambda: graph.rows()["ticker"]["state"] == "running", "the other is not told of", 20)
    assert "tap, on another machine, has read nothing for 1 s" in (graph.folder / "eye.log").read_text()
    assert "ticker: messages were lost; `handflow top` counts them" in (graph.folder / "play.log").read_text()
    graph.started[0].terminate()
    graph.started[0].wait(20)
    time.sleep(2)  # a status comes once a second
    rows = graph.rows()
    seqs = [line[0] for line in graph.lines()]
    missing = seqs[-1] - seqs[0] + 1 - len(seqs)
    print(f"{missing} of {seqs[-1]} messages were lost, by the longest gap {max(b - a for a, b in pairwise(seqs))}")
    assert seqs == sorted(set(seqs))
    assert missing > 100  # 20 fps for 10 s
    assert rows["tap"]["lost"] == missing
    graph.started[1].terminate()
    graph.started[1].wait(20)
    command = [sys.executable, "-m", "handflow", "info", "whole.mcap", "--json"]
    done = subprocess.run(command, cwd=graph.folder, capture_output=True, text=True, check=True)
    (recorded,) = json.loads(done.stdout)["outputs"]
    assert recorded["lost"] == rows["recorder"]["lost"] > 100
    assert recorded["messages"] > 100
