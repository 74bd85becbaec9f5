"""Faults and crowds: what is stopped stops nobody else, graphs do not disturb each other, nothing grows."""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import zmq
from support.graphs import Game, Run, left, until
from support.quiet import in_a_quiet_moment

from handflow.runtime.process.control_client import ask
from handflow.runtime.transport.rundir import RunDir

pytestmark = pytest.mark.slow
SOAK_S = float(os.environ.get("SOAK_S", "20"))  # thirty minutes: SOAK_S=1800
TAP = """
import time
from handflow import Frame, Node, now_ns

class Tap(Node):
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, frame: Frame) -> None:
        print(time.monotonic(), frame.seq, (frame.hops[0].sent_ns - frame.captured_ns) / 1e6, file=self.out)
"""
AGED = TAP.replace("Frame", "Hands").replace("hops[0]", "hops[-1]")
KEEPER = TAP.replace("class Tap(Node):", 'class Keeper(Node):\n    keep = "all"')


def lines(folder: Path, name: str) -> np.ndarray:
    """Time, seq and the age in ms at which the source sent it, of each frame that a tap has read."""
    file = folder / name
    text = file.read_text().splitlines(keepends=True) if file.exists() else []
    return np.array([[float(word) for word in line.split()] for line in text if line.endswith("\n")]).reshape(-1, 3)


def times(folder: Path, name: str, since: float) -> np.ndarray:
    """When each frame was read, from `since` on."""
    found = lines(folder, name)[:, 0]
    return found[found >= since]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tap.py").write_text(TAP)
    (tmp_path / "keeper.py").write_text(KEEPER)
    return tmp_path


def test_a_sink_that_is_stopped_for_five_seconds_stops_nobody(run: Callable[..., Run], folder: Path) -> None:
    """Whether it reads the newest or every message; compared with the five seconds before, for the machine is busy."""
    names = ["one", "two", "all"]
    (folder / "graph.yaml").write_text(
        "nodes:\n"
        "  camera: {run: camera, with: {source: demo, size: [1280, 720], fps: 30}}\n"
        "  one: {run: tap.py, in: camera, with: {file: one}}\n"
        "  two: {run: tap.py, in: camera, with: {file: two}}\n"
        "  all: {run: keeper.py, in: camera, with: {file: all}}\n"
    )
    started = run("run", "graph.yaml", cwd=folder)
    until(lambda: all(len(lines(folder, name)) > 30 for name in names), "nothing is delivered")

    def go_on_without(stopped: str) -> None:
        before = time.monotonic()
        time.sleep(5)
        child, at = started.children()[stopped], time.monotonic()
        child.send_signal(signal.SIGSTOP)
        time.sleep(5)
        child.send_signal(signal.SIGCONT)
        end = time.monotonic()
        until(lambda: len(times(folder, stopped, end)) > 30, f"{stopped} does not go on")
        for other in set(names) - {stopped}:
            seen = times(folder, other, before)
            calm, faulty = (
                np.diff(seen[(seen >= since) & (seen < until_)]) for since, until_ in ((before, at), (at, end))
            )
            print(
                f"{stopped} stopped: {other} at {1 / calm.mean():.1f} then {1 / faulty.mean():.1f} fps, "
                f"longest gap {1000 * calm.max():.0f} then {1000 * faulty.max():.0f} ms"
            )
            assert len(faulty) > 0.9 * len(calm)
            assert faulty.max() < max(2 / 30, calm.max()) + 0.1  # who waited for the stopped one would wait a second

    for stopped in names:
        # Two stretches of five seconds are alike only where nothing else begins meanwhile.
        in_a_quiet_moment(partial(go_on_without, stopped))


def test_a_source_that_was_held_up_sends_no_old_picture(run: Callable[..., Run], folder: Path) -> None:
    (folder / "graph.yaml").write_text(
        "nodes:\n"
        "  camera: {run: camera, with: {source: demo, size: [1280, 720], fps: 30}}\n"
        "  tap: {run: tap.py, in: camera, with: {file: out}}\n"
    )
    started = run("run", "graph.yaml", cwd=folder)
    until(lambda: len(lines(folder, "out")) > 10, "nothing is delivered")
    camera = started.children()["camera"]

    def held_up() -> None:
        before = len(lines(folder, "out"))
        for number in range(15):  # at another moment of its work each time
            camera.send_signal(signal.SIGSTOP)
            time.sleep(0.15)
            camera.send_signal(signal.SIGCONT)
            time.sleep(0.1 + number / 300)
        ages = lines(folder, "out")[before:, 2]
        print(f"oldest of {len(ages)} pictures when sent: {ages.max():.1f} ms")
        assert ages.max() <= 100
        assert len(ages) > 30

    in_a_quiet_moment(held_up)


def pipeline(folder: Path, size: str, fps: int, port: int) -> Path:
    targets = json.dumps([{"protocol": "hands", "host": "127.0.0.1", "port": port}])
    file = folder / "graph.yaml"
    file.write_text(
        "nodes:\n"
        f"  camera: {{run: camera, with: {{source: demo, size: {size}, fps: {fps}}}}}\n"
        "  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}, with: {precision: int8}}\n"
        "  tracker: {run: tracker, in: heatmap}\n"
        f"  osc: {{run: osc, in: tracker, with: {{targets: {targets}}}}}\n"
    )
    return file


def test_ten_graphs_at_once_do_not_disturb_each_other(run: Callable[..., Run], tmp_path: Path) -> None:
    """480p at 5 fps each. One is killed and one is stopped; the others notice nothing."""
    games, graphs, files = [Game() for _ in range(10)], [], []
    try:
        for number, game in enumerate(games):
            folder = tmp_path / f"graph{number}"
            folder.mkdir()
            files.append(pipeline(folder, "[640, 480]", 5, game.port))
            graphs.append(run("run", files[-1], cwd=folder))
            until(lambda game=game: len(game.frames()) > 3, f"graph {number} delivers nothing", 60)
        assert len({RunDir(file).path for file in files}) == 10
        doomed = [child.pid for child in graphs[0].children().values()]
        graphs[0].process.kill()
        graphs[0].end()
        assert graphs[1].stop() == 0
        until(lambda: not left(set(doomed)), "orphans are left", 5)
        marks = [len(game.frames()) for game in games]
        time.sleep(10)
        for number, game in enumerate(games):
            frames = game.frames()
            seqs = [frame.values[0] for frame in frames]
            assert seqs == sorted(seqs), f"graph {number} hears another"
            came = len(frames) - marks[number]
            assert came == 0 if number < 2 else came > 25, f"graph {number}: {came} frames in 10 s at 5 fps"
        for number in range(2, 10):
            rows = ask(files[number], "top")
            assert {row["restarts"] for row in rows} == {0}
            assert sum(row["refused"] for row in rows) == 0
    finally:
        for game in games:
            game.close()


@pytest.mark.timeout(SOAK_S + 100)
def test_viewers_that_come_and_go_leave_nothing_behind(run: Callable[..., Run], tmp_path: Path, game: Game) -> None:
    """The demo at 30 fps for SOAK_S seconds: no process grows, no descriptor is left; how old the oldest hands were."""
    (tmp_path / "aged.py").write_text(AGED)
    file = pipeline(tmp_path, "[1280, 720]", 30, game.port)
    file.write_text(file.read_text() + "  aged: {run: aged.py, in: tracker, with: {file: ages}}\n")
    started = run("run", file, cwd=tmp_path)
    until(lambda: len(game.frames()) > 60, "nothing is delivered")
    directory = RunDir(file)
    children = started.children()
    processes = {"supervisor": psutil.Process(started.process.pid), **children}

    def look() -> None:
        """A viewer for a moment: pictures, heatmaps, hands and the table."""
        with zmq.Context() as context:
            sockets = []
            for node in ("camera", "heatmap", "tracker"):
                socket = context.socket(zmq.SUB)
                socket.setsockopt(zmq.SUBSCRIBE, b"")
                directory.address(node).connect(socket)
                sockets.append(socket)
            for socket in sockets:
                assert socket.poll(5000)
                socket.close(0)
        ask(file, "top")

    for _ in range(30):
        look()
    time.sleep(2)
    before = {name: (p.memory_info().rss, p.num_fds()) for name, p in processes.items()}
    deadline = time.monotonic() + SOAK_S
    while time.monotonic() < deadline:
        look()
        time.sleep(0.2)
    time.sleep(1)
    told = lines(tmp_path, "ages")  # read once: the file grows
    ages = told[told[:, 0] > deadline - SOAK_S, 2]
    print(
        f"{len(ages)} times hands were sent; {(ages > 100).sum()} were older than 100 ms, the oldest {ages.max():.0f}"
    )
    assert {name: child.pid for name, child in started.children().items()} == {n: c.pid for n, c in children.items()}
    for name, (rss, descriptors) in before.items():
        now, open_now = processes[name].memory_info().rss, processes[name].num_fds()
        print(f"{name}: {rss / 2**20:.1f} -> {now / 2**20:.1f} MB, descriptors {descriptors} -> {open_now}")
        assert open_now <= descriptors, name
        assert now - rss < max(0.02 * rss, 2 * 2**20), name
    seqs = [frame.values[0] for frame in game.frames()]
    assert seqs == sorted(seqs)
