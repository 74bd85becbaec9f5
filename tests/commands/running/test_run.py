"""Whole graphs in real processes: they deliver, end, and are there once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.graphs import Run, until
from support.numbered import BOTH_IF_SLOW, PASSER, TAP, TICKER, graph, tapped, with_nodes
from support.quiet import in_a_quiet_moment


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return with_nodes(tmp_path, getattr(request, "param", "auto"))


@BOTH_IF_SLOW
def test_a_finite_source_ends_the_run_once_everything_has_been_read(run: Callable[..., Run], folder: Path) -> None:
    late = "passer: {run: passer.py, in: ticker, with: {broken: slow}}"

    def observe() -> None:
        (folder / "out").unlink(missing_ok=True)
        started = run("run", graph(folder, TICKER, late, TAP), cwd=folder)
        assert started.end() == 0
        assert started.err == []
        # The source waited for those that listen to it: for 3 s, in which a busy machine may not start them.
        assert [seq for _, seq in tapped(folder)] == list(range(1, 9))
        assert "['ticker', 'passer']" in (folder / "out").read_text()

    in_a_quiet_moment(observe)


def test_for_ends_the_run(run: Callable[..., Run], folder: Path) -> None:
    started = run("run", graph(folder, "ticker: {run: ticker.py}"), "--for", "0.5", cwd=folder)
    assert started.end() == 0


@BOTH_IF_SLOW
def test_a_second_run_of_the_graph_or_of_a_node_is_refused(run: Callable[..., Run], folder: Path) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    run("run", file, cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")
    second, node = run("run", file, cwd=folder), run("node", "passer", "--graph", file, cwd=folder)
    assert (second.end(), node.end()) == (1, 1)
    assert len(second.err) == len(node.err) == 1
    assert "graph.yaml already runs" in second.err[0]
    assert "node 'passer'" in node.err[0]
    assert "already runs" in node.err[0]


@BOTH_IF_SLOW
def test_stages_started_by_hand_find_each_other(run: Callable[..., Run], folder: Path) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    for name in ("tap", "passer", "ticker"):
        run("node", name, "--graph", file, cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")


@BOTH_IF_SLOW
def test_a_slow_stage_reads_new_pictures_and_none_of_them_torn(run: Callable[..., Run], folder: Path) -> None:
    (folder / "slow.py").write_text("""
import time
from handflow import Frame, Node, now_ns

class Slow(Node):
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, frame: Frame) -> Frame:
        age_s = (now_ns() - frame.captured_ns) / 1e9
        time.sleep(0.4)  # longer than the ring of 8 slots holds a picture at 60 fps
        whole = (frame.image == (frame.seq - 1) % 256).all()
        print(f"{age_s} {whole}", file=self.out)
        return Frame(image=frame.image)
""")
    slow = "slow: {run: slow.py, in: ticker, with: {file: ages}}"
    tap = "tap: {run: tap_frame.py, in: slow, with: {file: out}}"
    run("run", graph(folder, "ticker: {run: ticker.py, with: {fps: 60}}", slow, tap), cwd=folder)

    def read() -> list[list[str]]:
        file = folder / "ages"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def newest() -> None:
        before = len(read())
        until(lambda: len(read()) >= before + 5, "nothing is read")
        # ZeroMQ alone would have been 2 s behind.
        assert np.median([float(age) for age, *_ in read()[before : before + 5]]) < 0.1

    in_a_quiet_moment(newest)
    lines = read()
    assert [whole for _, whole in lines[2:]] == ["True"] * len(lines[2:])  # copied once the first was torn
    assert len(tapped(folder)) >= 2  # and what it makes of them gets through
