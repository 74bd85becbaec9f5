"""Whole graphs in real processes: they deliver, end, restart, and leave nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from support.graphs import Game, Run, left, memory_files, until

from handflow.__main__ import VERBS, main
from handflow.runtime.transport.rundir import RunDir

NODES = {
    "ticker.py": """
from collections.abc import Iterator
from handflow import Frame, Node, ticks

class Ticker(Node):
    fps: float = 30
    frames: int = 0

    def process(self) -> Iterator[Frame]:
        for number, _ in enumerate(ticks(self.fps)):
            if self.frames and number >= self.frames:
                return
            image = self.empty((90, 1600, 3), "uint8")  # too big to travel inside the message
            image[:] = number % 256
            yield Frame(image=image)
""",
    "tap.py": """
import time
from handflow import Message, Node, {kind}

class Tap(Node):
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, message: {kind}) -> None:
        print(time.monotonic(), message.seq, [hop.node for hop in message.hops], file=self.out)
""",
    "passer.py": """
import time
from handflow import Frame, Node

class Passer(Node):
    broken: str = ""

    def start(self):
        if self.broken == "start":
            raise OSError("the passer is broken")
        if self.broken == "slow":
            time.sleep(0.6)

    def process(self, frame: Frame) -> Frame:
        if self.broken == "process" and frame.seq % 10 == 0:
            raise ValueError("ten\\nis too many")
        return Frame(image=frame.image)
""",
    "server.py": """
import socket
from handflow import Frame, Node

class Server(Node):
    port: int

    def start(self):
        self.socket = socket.create_server(("127.0.0.1", self.port))

    def process(self, frame: Frame) -> None: ...
""",
    "frozen.py": """
import time
from handflow import Frame, Node

class Frozen(Node):
    def process(self, frame: Frame) -> None:
        time.sleep(60)
""",
}


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of nodes, whose graphs take the path that the test asks for."""
    (tmp_path / "transport").write_text(getattr(request, "param", "auto"))
    for name, text in NODES.items():
        if name == "tap.py":
            for kind in ("Frame", "Flow", "Heatmap", "Hands"):
                (tmp_path / f"tap_{kind.lower()}.py").write_text(text.replace("{kind}", kind))
        else:
            (tmp_path / name).write_text(text)
    return tmp_path


BOTH = pytest.mark.parametrize("folder", ["auto", "portable"], indirect=True)
BOTH_IF_SLOW = pytest.mark.parametrize(
    "folder", ["auto", pytest.param("portable", marks=pytest.mark.slow)], indirect=True
)


def graph(folder: Path, *lines: str) -> Path:
    file = folder / "graph.yaml"
    transport = folder / "transport"
    head = f"transport: {transport.read_text()}\n" if transport.exists() else ""
    file.write_text(f"{head}nodes:\n" + "".join(f"  {line}\n" for line in lines))
    return file


def tapped(folder: Path, name: str = "out") -> list[tuple[float, int]]:
    """When which frame reached the tap."""
    file = folder / name
    lines = file.read_text().splitlines() if file.exists() else []
    return [(float(line.split()[0]), int(line.split()[1])) for line in lines]


TICKER = "ticker: {run: ticker.py, with: {fps: 10, frames: 8}}"
PASSER = "passer: {run: passer.py, in: ticker}"
TAP = "tap: {run: tap_frame.py, in: passer, with: {file: out}}"


@BOTH
def test_a_finite_source_ends_the_run_once_everything_has_been_read(run: Callable[..., Run], folder: Path) -> None:
    late = "passer: {run: passer.py, in: ticker, with: {broken: slow}}"
    started = run("run", graph(folder, TICKER, late, TAP), cwd=folder)
    assert started.end() == 0
    assert started.err == []
    assert [seq for _, seq in tapped(folder)] == list(range(1, 9))  # the source waited for those that listen to it
    assert "['ticker', 'passer']" in (folder / "out").read_text()


def test_for_ends_the_run(run: Callable[..., Run], folder: Path) -> None:
    started = run("run", graph(folder, "ticker: {run: ticker.py}"), "--for", "0.5", cwd=folder)
    assert started.end() == 0


@BOTH_IF_SLOW
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_cleanly_with_status_0(run: Callable[..., Run], folder: Path, how: int) -> None:
    endless = "ticker: {run: ticker.py}"
    started = run("run", graph(folder, endless, PASSER, TAP), cwd=folder)
    until(lambda: len(tapped(folder)) > 3, "nothing is delivered")
    before = started.children()
    assert started.stop(how) == 0
    assert not left({child.pid for child in before.values()})
    assert started.err == []


@BOTH_IF_SLOW
def test_a_second_run_of_the_same_graph_is_refused(run: Callable[..., Run], folder: Path) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    run("run", file, cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")
    second = run("run", file, cwd=folder)
    assert second.end() == 1
    assert len(second.err) == 1
    assert "graph.yaml already runs" in second.err[0]


@BOTH_IF_SLOW
def test_the_same_node_twice_is_refused(run: Callable[..., Run], folder: Path) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    run("run", file, cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")
    second = run("node", "passer", "--graph", file, cwd=folder)
    assert second.end() == 1
    assert len(second.err) == 1
    assert "node 'passer'" in second.err[0]
    assert "already runs" in second.err[0]


@BOTH
def test_stages_started_by_hand_find_each_other(run: Callable[..., Run], folder: Path) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    for name in ("tap", "passer", "ticker"):
        run("node", name, "--graph", file, cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")


@BOTH_IF_SLOW
def test_a_stage_that_cannot_start_ends_the_run_with_its_line(run: Callable[..., Run], folder: Path) -> None:
    broken = "passer: {run: passer.py, in: ticker, with: {broken: start}}"
    started = run("run", graph(folder, TICKER, broken, TAP), cwd=folder)
    assert started.end() == 1
    assert started.err == ["passer: OSError: the passer is broken\n"]


def test_a_port_in_use_is_one_line(run: Callable[..., Run], folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = f"server: {{run: server.py, in: ticker, with: {{port: {port}}}}}"
        started = run("run", graph(folder, TICKER, server), cwd=folder)
        assert started.end() == 1
    assert len(started.err) == 1
    assert "server: OSError: [Errno 98] Address already in use" in started.err[0]


@BOTH_IF_SLOW
def test_a_stage_that_fails_is_started_again_and_why_is_said(run: Callable[..., Run], folder: Path) -> None:
    broken = "passer: {run: passer.py, in: ticker, with: {broken: process}}"
    started = run("run", graph(folder, "ticker: {run: ticker.py}", broken, TAP), cwd=folder)
    until(lambda: any(seq > 10 for _, seq in tapped(folder)), "it does not go on")
    started.stop()
    text = "".join(started.err)
    assert "passer failed (ValueError: ten is too many); restart 1 in 0.1 s\n" in started.err
    assert "passer.py" in text  # and where, for whoever wrote it


@BOTH_IF_SLOW
@pytest.mark.slow
def test_a_stage_that_hangs_is_killed_and_started_again(run: Callable[..., Run], folder: Path) -> None:
    started = run("run", graph(folder, "ticker: {run: ticker.py}", "frozen: {run: frozen.py, in: ticker}"), cwd=folder)
    until(lambda: any("frozen has been at one message for" in line for line in started.err), "it is not noticed", 30)
    until(lambda: any("frozen was killed by SIGKILL; restart 1" in line for line in started.err), "it is not restarted")


@BOTH_IF_SLOW
def test_a_silent_stage_is_noticed_even_when_stopped_by_a_signal(run: Callable[..., Run], folder: Path) -> None:
    started = run("run", graph(folder, "ticker: {run: ticker.py}", PASSER, TAP), cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")
    os.kill(started.children()["passer"].pid, signal.SIGSTOP)
    assert started.stop() == 0  # killed after two seconds: nothing waits for it for ever
    assert any("passer did not stop in 2 s; killing it" in line for line in started.err)


@BOTH
@pytest.mark.parametrize("who", ["the supervisor", "everything"])
def test_after_kill_9_nothing_is_left_and_the_next_start_works(run: Callable[..., Run], folder: Path, who: str) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    started = run("run", file, cwd=folder)
    until(lambda: tapped(folder), "nothing is delivered")
    children = started.children()
    shared = memory_files(children.values())
    started.process.kill()
    if who == "everything":
        for child in children.values():
            child.kill()
    started.end()
    until(lambda: not left({child.pid for child in children.values()}), "orphans are left", 3)
    assert not [path for path in shared if os.path.exists(path)]
    (folder / "out").unlink()
    run("run", file, cwd=folder)
    until(lambda: len(tapped(folder)) > 3, "the next start does not work")
    rings = list(RunDir(file).path.glob("*.ring"))
    assert len(rings) == ((folder / "transport").read_text() == "portable")  # the ticker's; the dead one's is gone


@BOTH_IF_SLOW
def test_top_tells_of_every_stage(run: Callable[..., Run], folder: Path) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    started = run("run", file, cwd=folder)
    until(lambda: any("30" in line for line in started.out[1:]), "no table is printed")
    top = run("top", "--json", "--graph", file)
    assert top.end() == 0
    rows = json.loads("".join(top.out))
    assert [row["node"] for row in rows] == ["ticker", "passer", "tap"]
    contract = {"node", "pid", "state", "fps_in", "fps_out", "work_ms", "age_ms", "skipped", "restarts", "cpu_percent"}
    for row, child in zip(rows, started.children().values(), strict=True):
        assert contract | {"rss_mb"} <= row.keys()
        assert psutil.pid_exists(row["pid"])
        assert row["state"] == "running"
        assert row["age_ms"]["p50"] <= row["age_ms"]["p99"]
        assert child.pid in {r["pid"] for r in rows}
    ages = [row["age_ms"]["p50"] for row in rows]
    assert ages == sorted(ages)  # older with every hop
    assert rows[1]["fps_in"] > 0
    assert rows[2]["fps_out"] == 0
    table = run("top", "--once", "--graph", file)
    assert table.end() == 0
    assert "passer" in "".join(table.out)


@pytest.mark.parametrize("transport", ["auto", "portable"])
def test_two_graphs_do_not_disturb_each_other_and_top_asks_which(
    run: Callable[..., Run], tmp_path: Path, transport: str
) -> None:
    files = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "transport").write_text(transport)
        for node, text in NODES.items():
            (folder / node.replace("tap", "tap_frame")).write_text(text.replace("{kind}", "Frame"))
        files.append(graph(folder, "ticker: {run: ticker.py}", PASSER, TAP))
        run("run", files[-1], cwd=folder)
    until(lambda: all(len(tapped(file.parent)) > 3 for file in files), "one of them delivers nothing")
    top = run("top", "--once")
    assert top.end() == 1
    assert len(top.err) == 1
    assert all(str(file) in top.err[0] for file in files)


def test_top_without_a_running_graph_is_one_line(run: Callable[..., Run], folder: Path) -> None:
    top = run("top", "--once", "--graph", graph(folder, TICKER))
    assert top.end() == 1
    assert top.err == [f"{folder}/graph.yaml is not running\n"]


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
    until(lambda: (folder / "ages").exists() and len((folder / "ages").read_text().split()) >= 12, "nothing is read")
    lines = [line.split() for line in (folder / "ages").read_text().splitlines()]
    assert np.median([float(age) for age, _ in lines]) < 0.1  # ZeroMQ alone would have been 2 s behind
    assert [whole for _, whole in lines[2:]] == ["True"] * len(lines[2:])  # copied once the first was torn
    assert len(tapped(folder)) >= 2  # and what it makes of them gets through


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of the demo's hands."""
    from handflow.synthetic.scene import Scene

    file = tmp_path_factory.mktemp("clip") / "demo.mp4"
    scene = Scene(seed=5, hands=3, size=(640, 360))
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 360))
    image = np.empty((360, 640, 3), np.uint8)
    for frame in range(40):
        scene.draw(2 + frame / 10, image)
        writer.write(image)
    writer.release()
    return file


def pipeline(clip: Path, game: Game, *lines: str) -> list[str]:
    camera = {"source": str(clip), "loop": True, "size": [640, 360], "fps": 10}
    targets = [{"protocol": "hands", "host": "127.0.0.1", "port": game.port}]
    return [
        f"camera: {{run: camera, with: {json.dumps(camera)}}}",
        "flow: {run: flow, in: camera}",
        "heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}",
        "tracker: {run: tracker, in: {heatmap: heatmap, flow: flow}}",
        f"osc: {{run: osc, in: tracker, with: {{targets: {json.dumps(targets)}}}}}",
        *lines,
    ]


@BOTH_IF_SLOW
def test_hands_reach_the_game(run: Callable[..., Run], folder: Path, clip: Path, game: Game) -> None:
    started = run("run", graph(folder, *pipeline(clip, game)), cwd=folder)
    until(lambda: len(game.ids()) >= 2, "no hands arrive")
    seqs = [frame.values[0] for frame in game.frames()]
    assert seqs == sorted(set(seqs))
    assert started.stop() == 0
    last_alive = [h.values for h in game.heard if h.address == "/hands/alive"][-1]
    assert last_alive == []  # on stopping, no hand stays behind in the game


def test_a_graph_without_flow_works(run: Callable[..., Run], folder: Path, clip: Path, game: Game) -> None:
    lines = [line for line in pipeline(clip, game) if not line.startswith("flow")]
    lines[2] = "tracker: {run: tracker, in: heatmap}"
    run("run", graph(folder, *lines), cwd=folder)
    until(lambda: game.ids(), "no hands arrive")


AFTER = {  # what a stage's death takes with it for a moment: all that is driven by it
    "camera": {"camera", "flow", "heatmap", "tracker"},
    "flow": {"flow"},
    "heatmap": {"heatmap", "tracker"},
    "tracker": {"tracker"},
    "osc": set(),
}


@BOTH_IF_SLOW
@pytest.mark.slow
def test_kill_9_of_any_stage(run: Callable[..., Run], folder: Path, clip: Path, game: Game) -> None:
    """Those not fed by it keep their frame rate, it is back within 2 s, tracking goes on and no id is used again."""
    kinds = {"camera": "frame", "flow": "flow", "heatmap": "heatmap", "tracker": "hands"}
    taps = [
        f"tap-{node}: {{run: tap_{kind}.py, in: {node}, with: {{file: out-{node}}}}}" for node, kind in kinds.items()
    ]
    started = run("run", graph(folder, *pipeline(clip, game, *taps)), cwd=folder)
    until(lambda: len(game.frames()) > 10 and game.ids(), "nothing is delivered")
    interval = 1 / 10
    for node, fed in AFTER.items():
        time.sleep(0.5)
        ids, killed = set(game.ids()), time.monotonic()
        old = started.kill(node)
        back = kinds.get(node) and f"out-{node}"
        until(
            lambda back=back, killed=killed: (
                tapped(folder, back)[-1][0] > killed + 0.1 if back else game.frames()[-1].at > killed + 0.2
            ),
            f"{node} is not back within 2 s",
            2,
        )
        assert started.children()[node].pid != old
        heard = len(game.frames())
        until(lambda heard=heard: len(game.frames()) > heard + 5, f"nothing reaches the game after {node}'s death")
        for other in kinds.keys() - fed:
            times = [at for at, _ in tapped(folder, f"out-{other}") if killed - 0.3 < at]
            assert max(np.diff(times)) <= 2 * interval + 0.03, f"{other} stalled when {node} died"
        if node == "tracker":
            fresh = set(game.ids()) - ids
            assert min(fresh, default=max(ids) + 1) > max(ids)
    assert sum(" was killed by SIGKILL; restart 1 in 0.1 s" in line for line in started.err) == len(AFTER)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("heatmap.model=nothing", "model"),
        ("heatmap.model=graph.yaml", "model"),
        ("camera.source=nowhere.mp4", "nowhere.mp4"),
        ("camera.source=graph.yaml", "graph.yaml"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    run: Callable[..., Run], folder: Path, clip: Path, game: Game, setting: str, expected: str
) -> None:
    started = run("run", graph(folder, *pipeline(clip, game)), "--set", setting, cwd=folder)
    assert started.end() == 1
    assert len(started.err) == 1
    assert started.err[0].startswith(setting.split(".")[0] + ": ")
    assert expected in started.err[0]


def test_help_names_every_verb_in_its_group() -> None:
    done = subprocess.run([sys.executable, "-m", "handflow", "--help"], capture_output=True, text=True, check=True)
    for group, verbs in VERBS.items():
        listed = done.stdout.partition(f"\n{group}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in listed.splitlines()] == list(verbs)


@pytest.mark.parametrize("verb", [verb for verbs in VERBS.values() for verb in verbs])
def test_every_verb_has_help_of_its_own(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: handflow {verb} ")
