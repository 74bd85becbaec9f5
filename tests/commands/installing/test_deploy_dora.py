"""A graph as a dora dataflow: dora starts our nodes and carries their messages."""

import importlib.util
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from ruamel.yaml import YAML
from support.graphs import Game, left, until
from support.needed import need
from support.two_hosts import ADDRESSES, two_hosts

from handflow.__main__ import main
from handflow.synthetic.scene import Scene

FRAMES = 24
GRAPH = """nodes:
  camera: {run: camera, with: {source: demo, size: [640, 360], fps: 10}}
  flow: {run: flow, in: camera}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}
  tracker: {run: tracker, in: {heatmap: heatmap, flow: flow}}
  osc: {run: osc, in: tracker, with: {targets: [{protocol: hands, port: PORT}]}}
"""
TAP = """from handflow import Hands, Node
from handflow.messages import layout_of

class Tap(Node):
    file: str
    keep = "all"

    def start(self):
        self.out = open(self.file, "w")

    def process(self, hands: Hands) -> None:
        arrays = [getattr(hands, name).tobytes().hex() for name in layout_of(Hands).arrays]
        print(hands.seq, *arrays, sep=",", file=self.out)

    def stop(self):
        self.out.close()
"""


def program() -> str:
    found = shutil.which("dora", path=Path(sys.executable).parent) or shutil.which("dora")
    need(importlib.util.find_spec("dora") and found, "pip install 'dora-rs==1.1.*' 'dora-rs-cli==1.1.*'")
    return str(found)


class Dora:
    """A command of dora's that runs, and the processes of its nodes."""

    def __init__(self, *arguments: str, cwd: Path, within: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*within, program(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd
        )
        self.said: list[bytes] = []
        assert self.process.stdout is not None
        self.reader = threading.Thread(target=self.said.extend, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        self.seen: set[int] = set()

    def node(self, name: str) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                command = child.cmdline()
            except psutil.NoSuchProcess:
                continue
            if "node" in command and command[command.index("node") + 1] == name:
                self.seen.add(child.pid)
                return child
        return None

    def end(self) -> int:
        self.process.wait(60)
        self.reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.returncode

    def text(self) -> str:
        return b"".join(self.said).decode(errors="replace")


@pytest.fixture
def dora() -> Iterator[Callable[..., Dora]]:
    """Starts dora's commands, and sees to it that no process outlives the test."""
    with ExitStack() as ends:

        def start(*arguments: str, cwd: Path, within: Sequence[str] = ()) -> Dora:
            started = Dora(*arguments, cwd=cwd, within=within)

            def end() -> None:
                if started.process.poll() is None:
                    started.process.send_signal(signal.SIGINT)
                    started.end()
                until(lambda: not left(started.seen), "processes are left behind")

            ends.callback(end)
            return started

        yield start


def deployed(folder: Path, text: str, *more: str) -> Path:
    (folder / "floor.yaml").write_text(text)
    assert main(["deploy", str(folder / "floor.yaml"), "--to", "dora", "-o", str(folder / "flow"), *more]) == 0
    return folder / "flow" / "dataflow.yaml"


def nodes_of(file: Path) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in YAML(typ="safe", pure=True).load(file)["nodes"]}


def test_each_node_is_one_of_dora_s_and_one_that_fails_is_started_again(tmp_path: Path) -> None:
    text = GRAPH.replace("in: tracker, with", "in: {from: tracker, keep: all}, with")
    nodes = nodes_of(deployed(tmp_path, text.replace("PORT", "7000")))
    lossless = {"queue_size": 64, "queue_policy": "backpressure"}
    assert list(nodes) == ["camera", "flow", "heatmap", "tracker", "osc"]
    assert nodes["tracker"]["inputs"] == {
        "out-heatmap": {"source": "heatmap/out", "queue_size": 8},
        "out-flow": {"source": "flow/out", "queue_size": 8},
        "read-osc": {"source": "osc/read", **lossless},
    }
    assert nodes["osc"]["inputs"] == {"out-tracker": {"source": "tracker/out", **lossless}}
    assert nodes["osc"]["outputs"] == ["out", "read"]
    assert {node["restart_policy"] for node in nodes.values()} == {"on-failure"}
    assert "deploy" not in nodes["camera"]


def test_on_several_machines_each_node_is_placed_and_dora_carries_what_crosses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GRAPH.replace("camera, with: {", "camera, on: booth, with: {").replace("PORT", "7000")
    text = text.replace("{frame: camera,", "{frame: {from: camera, jpeg: 80, keep: all},")
    machines = "machines:\n  stage: {host: 10.0.0.1, port: 5600}\n  booth: {host: 10.0.0.2, port: 5600}\n"
    nodes = nodes_of(deployed(tmp_path, f"{machines}insecure: true\n{text}"))
    assert nodes["camera"]["deploy"] == {"machine": "booth", "working_dir": str(tmp_path)}
    assert nodes["heatmap"]["deploy"]["machine"] == "stage"
    assert nodes["heatmap"]["args"].endswith("--on stage --dora")
    assert "heatmap: jpeg and size do nothing there" in capsys.readouterr().err


def test_what_cannot_be_exact_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "two.yaml").write_text(
        "nodes:\n  a: {run: camera}\n  b: {run: camera}\n  flow: {run: flow, in: a}\n  more: {run: flow, in: b}\n"
    )
    for engine, said in (("dora", "expected one source, got a, b"), ("compose", "expected --to dora")):
        out = str(tmp_path / engine)
        assert main(["deploy", str(tmp_path / "two.yaml"), "--to", engine, "-o", out, "--exact"]) == 1
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


@pytest.mark.slow  # dora is in an extra
def test_a_node_that_is_not_started_by_dora_says_so_in_one_line(tmp_path: Path) -> None:
    program()
    deployed(tmp_path, GRAPH.replace("PORT", "7000"))
    command = [sys.executable, "-m", "handflow", "node", "osc", "--graph", str(tmp_path / "floor.yaml"), "--dora"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("expected to be started by dora")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_hands_arrive_under_dora_and_a_node_that_is_killed_comes_back(
    tmp_path: Path, game: Game, dora: Callable[..., Dora]
) -> None:
    file = deployed(tmp_path, GRAPH.replace("PORT", str(game.port)))
    flow = dora("run", str(file), cwd=file.parent)
    until(lambda: game.ids(), "no hands arrive")
    before = flow.node("tracker")
    assert before is not None
    before.kill()
    until(lambda: (now := flow.node("tracker")) and now.pid != before.pid, "dora does not start the node again")
    game.heard.clear()
    until(lambda: game.ids(), "no hands arrive after dora has started the node again")
    for name in ("camera", "flow", "heatmap", "osc"):
        flow.node(name)
    flow.process.send_signal(signal.SIGINT)
    assert flow.end() == 0, flow.text()


@pytest.mark.slow
def test_an_exact_dataflow_gives_the_same_hands_to_the_bit_as_our_own_run(
    tmp_path: Path, dora: Callable[..., Dora]
) -> None:
    clip = tmp_path / "demo.mp4"
    scene = Scene(seed=5, hands=3, size=(640, 360))
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 360))
    image = np.empty((360, 640, 3), np.uint8)
    for number in range(FRAMES):
        scene.draw(2 + number / 10, image)
        writer.write(image)
    writer.release()
    (tmp_path / "tap.py").write_text(TAP)
    head, _, _ = GRAPH.replace("source: demo, size: [640, 360], fps: 10", f"source: {clip}").partition("  osc:")
    hands = []
    for engine in ("handflow", "dora"):
        out = tmp_path / engine
        text = f"{head}  tap: {{run: tap.py, in: tracker, with: {{file: {out}}}}}\n"
        if engine == "dora":
            flow = dora("run", str(deployed(tmp_path, text, "--exact")), cwd=tmp_path)
            assert flow.end() == 0, flow.text()
        else:
            (tmp_path / "ours.yaml").write_text(text)
            command = [sys.executable, "-m", "handflow", "run", str(tmp_path / "ours.yaml"), "--exact"]
            subprocess.run(command, check=True, capture_output=True, timeout=100)
        hands.append(out.read_text().splitlines())
    assert len(hands[0]) == FRAMES
    assert any(len(line) > 100 for line in hands[0])
    assert hands[1] == hands[0]


@pytest.mark.slow
def test_hands_cross_from_one_daemon_s_host_to_another_s(tmp_path: Path, dora: Callable[..., Dora]) -> None:
    """Two network namespaces. The lines are read by a node that loses none."""
    program()
    out = tmp_path / "hands.jsonl"
    (tmp_path / "floor.yaml").write_text(f"""machines:
  eye: {{host: {ADDRESSES[0]}, port: 5600}}
  play: {{host: {ADDRESSES[1]}, port: 5600}}
insecure: true
nodes:
  camera: {{run: camera, with: {{source: demo, size: [640, 360], fps: 10}}}}
  heatmap: {{run: heatmap, in: camera, on: play}}
  tracker: {{run: tracker, in: heatmap, on: play}}
  lines: {{run: json_lines, in: tracker, on: play, with: {{file: {out}}}}}
""")
    file = deployed(tmp_path, (tmp_path / "floor.yaml").read_text())
    where = ["--coordinator-addr", ADDRESSES[0]]
    with two_hosts() as hosts, ExitStack() as ends:

        def start(host: int, *arguments: str) -> Dora:
            started = dora(*arguments, cwd=tmp_path, within=hosts.inside(host))
            ends.callback(lambda: (started.process.terminate(), started.end()))
            return started

        coordinator = start(0, "coordinator", "--interface", ADDRESSES[0], "--store", "memory")
        until(lambda: "istening on port" in coordinator.text(), "there is no coordinator")
        daemons = [start(host, "daemon", "--machine-id", name, *where) for host, name in enumerate(("eye", "play"))]
        until(lambda: coordinator.text().count("running dataflow(s)") == 2, "the daemons are not there")
        flow = start(0, "start", str(file), "--name", "floor", "--attach", *where)
        until(lambda: out.exists() and '"id"' in out.read_text(), "no hands arrive")
        assert [daemon.node("camera") is not None for daemon in daemons] == [True, False]
        assert [daemon.node("tracker") is not None for daemon in daemons] == [False, True]
        assert start(1, "stop", "--name", "floor", *where).end() == 0
        assert flow.end() == 0, flow.text()
