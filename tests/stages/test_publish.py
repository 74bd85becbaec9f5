"""The publish node, heard by real ZeroMQ readers: in this process, and the examples' in three languages."""

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq
from support.clocks import StillClock
from support.graphs import Run, until
from support.needed import need

from handflow import Hands, SetupError, State
from handflow.outputs import live_lines
from handflow.stages.publish import Publish

EXAMPLES = Path(__file__).parents[2] / "nodes" / "examples"
DEBIAN = "libzmq3-dev cppzmq-dev nlohmann-json3-dev"


def hands(seq: int = 1, **changed: Any) -> Hands:
    """Two hands, the first one open; a frame takes 0.1 s."""
    return Hands(**{
        "id": [3, 8], "state": [State.TRACKED, State.NEW], "xy": [[0.25, 0.5], [0.75, 0.125]],
        "velocity": np.zeros((2, 2)), "radius": [0.1, 0.05], "score": [0.9, 0.6], "open": [0.95, 0.1],
        "is_open": [True, False], "age": [1, 0], "width": 1280, "height": 720,
        "stream": 77, "seq": seq, "captured_ns": 77_000_000_000 + seq * 100_000_000,
    } | changed)  # fmt: skip


class Reader:
    """Subscribes, and gathers what comes."""

    def __init__(self, node: Publish, topic: str = "hands") -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.connect(node.note)
        self.socket.subscribe(topic)

    def next(self, timeout_s: float = 60) -> list[bytes]:
        assert self.socket.poll(timeout_s * 1000), "nothing came"
        return self.socket.recv_multipart()

    def line(self) -> dict[str, Any]:
        return json.loads(self.next()[1])

    def close(self) -> None:
        self.context.destroy(linger=0)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """After a second without hands comes a line that says so: on a busy machine anywhere."""
    return StillClock(monkeypatch, live_lines)


@pytest.fixture
def started() -> Iterator[Callable[..., tuple[Publish, Reader]]]:
    """Starts a publish node with a reader that it has been heard by, and that has read all of that."""
    made: list[tuple[Publish, Reader]] = []

    def start(**settings: Any) -> tuple[Publish, Reader]:
        node = Publish(port=0, **settings)
        node.start()
        reader = Reader(node, settings.get("topic", "hands"))
        made.append((node, reader))
        for _ in range(200):  # a subscription takes a moment
            node.process(hands(0))
            if reader.socket.poll(50):
                break
        topic = settings.get("topic", "hands").encode()
        node.socket.send_multipart([topic, b"the last of these"])
        while reader.next()[1] != b"the last of these":
            pass
        return node, reader

    yield start
    for node, reader in made:
        if not node.socket.closed:
            node.stop()
        reader.close()


def test_a_frame_is_the_topic_and_the_line_that_detect_writes(started) -> None:
    node, reader = started(name="stage left")
    node.process(hands(18))
    topic, line = reader.next()
    assert topic == b"hands"
    assert json.loads(line) == {
        "source": "stage left", "frame": 17, "t": 1.8, "width": 1280, "height": 720,
        "hands": [
            {"id": 3, "x": 0.25, "y": 0.5, "radius": 0.1, "score": 0.9, "open": 0.95},
            {"id": 8, "x": 0.75, "y": 0.125, "radius": 0.05, "score": 0.6, "open": 0.1},
        ],
    }  # fmt: skip


def test_leaving_hands_are_left_out_and_predicted_ones_and_zones_are_named(started) -> None:
    node, reader = started()
    node.process(hands(state=[State.LEAVING, State.PREDICTED], zone=[0, 1], zones=["left", "right"]))
    (hand,) = reader.line()["hands"]
    assert (hand["id"], hand["predicted"], hand["zone"]) == (8, True, "right")


def test_numbers_that_json_does_not_have_never_leave(started) -> None:
    node, reader = started()
    node.process(hands(xy=[[np.nan, 0.5], [0.75, 0.5]], score=[0.9, np.inf]))
    (hand,) = reader.line()["hands"]
    assert (hand["id"], hand["score"]) == (8, 0.0)


def test_msgpack_says_the_same_as_json(started) -> None:
    (as_json, json_reader), (as_msgpack, msgpack_reader) = started(), started(format="msgpack", topic="t")
    as_json.process(hands(5))
    as_msgpack.process(hands(5))
    topic, packed = msgpack_reader.next()
    assert topic == b"t"
    assert msgpack.unpackb(packed) == json_reader.line()


def test_times_go_on_from_the_same_frame_after_a_crash(started) -> None:
    node, reader = started()
    node.process(hands(10))
    assert reader.line()["t"] == 1.0
    again, second = started()
    again.persistent.update(node.persistent)
    again.process(hands(40))
    assert second.line()["t"] == 4.0
    again.process(hands(1, stream=78))  # the camera was opened anew
    assert second.line()["t"] == 0.0


def test_readers_are_told_of_an_empty_picture_when_hands_stop_coming_and_at_the_end(started, clock) -> None:
    node, reader = started()
    node.process(hands(10))
    assert len(reader.line()["hands"]) == 2
    node.idle()
    assert not reader.socket.poll(200)
    clock.now_s += 2
    node.idle()
    line = reader.line()
    assert (line["frame"], line["hands"], line["lost"]) == (9, [], True)
    node.idle()
    assert not reader.socket.poll(200)  # said once a second
    node.process(hands(11))
    assert "lost" not in reader.line()
    node.stop()
    assert reader.line()["lost"]


def test_a_reader_that_does_not_read_delays_nobody_and_costs_no_memory(started) -> None:
    node, reader = started(name="long" * 5000)
    done = threading.Event()

    def send() -> None:
        for seq in range(2000):
            node.process(hands(seq))
        done.set()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    assert done.wait(60)
    sender.join()
    lines = 0
    while reader.socket.poll(200):
        reader.next()
        lines += 1
    # 40 MB in all: more than may wait here and in the system.
    assert lines < 2000


def test_another_address_needs_to_be_meant() -> None:
    with pytest.raises(SetupError, match=r"address \* lets other machines in.*insecure: true"):
        Publish(address="*")
    Publish(address="0.0.0.0", insecure=True)


def test_a_taken_port_is_one_line(started) -> None:
    node, _ = started()
    port = int(node.note.rpartition(":")[2])
    with pytest.raises(SetupError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another"):
        Publish(port=port).start()


def prints_the_hands(command: list[str | Path], node: Publish) -> None:
    process = subprocess.Popen([*command, node.note], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines: list[str] = []
    gatherer = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)  # type: ignore[arg-type]
    gatherer.start()
    expected = "frame 41: 3 at 0.25 0.50 open, 8 at 0.75 0.13"
    empty = "frame 41: no hands"

    def said(line: str) -> bool:
        return any(re.sub(r"0\.12\b", "0.13", told.strip()) == line for told in lines)

    try:
        until(lambda: node.process(hands(42)) or said(expected), f"{command} prints no hands", 60)
        until(lambda: node._send(node.lines.last()) or said(empty), f"{command} prints no empty picture", 60)
    finally:
        process.kill()
        process.wait()
        gatherer.join()
        process.stdout.close()


@pytest.fixture
def node() -> Iterator[Publish]:
    made = Publish(port=0)
    made.start()
    yield made
    made.stop()


def test_the_example_in_python_prints_the_hands(node: Publish) -> None:
    prints_the_hands([sys.executable, EXAMPLES / "listen.py"], node)


@pytest.mark.slow
def test_the_example_in_javascript_prints_the_hands(node: Publish, tmp_path: Path) -> None:
    need(bool(shutil.which("node") and shutil.which("npm")), "node and npm")
    shutil.copy(EXAMPLES / "listen.mjs", tmp_path)
    subprocess.run(["npm", "install", "--silent", "--prefix", tmp_path, "zeromq@6"], check=True, timeout=110)
    prints_the_hands(["node", tmp_path / "listen.mjs"], node)


@pytest.mark.slow
def test_the_example_in_cpp_prints_the_hands(node: Publish, tmp_path: Path) -> None:
    need(bool(shutil.which("g++")) and Path("/usr/include/zmq.hpp").exists(), f"g++ {DEBIAN}")
    need(Path("/usr/include/nlohmann/json.hpp").exists(), f"g++ {DEBIAN}")
    command = [
        "g++",
        "-std=c++17",
        "-O1",
        "-Wall",
        "-Werror",
        EXAMPLES / "listen.cpp",
        "-lzmq",
        "-o",
        tmp_path / "listen",
    ]
    subprocess.run(command, check=True, timeout=110)
    prints_the_hands([tmp_path / "listen"], node)


@pytest.mark.slow
def test_the_example_graph_delivers_to_the_example_reader(run: Callable[..., Run]) -> None:
    started = run(
        "run",
        EXAMPLES / "publish.yaml",
        "--source",
        "demo",
        "--set",
        "camera.size=[640, 360]",
        "--set",
        "publish.port=0",
    )
    until(lambda: any("readers connect to" in line for line in started.err), "it does not start")
    (endpoint,) = [line.split()[-1] for line in started.err if "readers connect to" in line]
    reader = subprocess.Popen([sys.executable, EXAMPLES / "listen.py", endpoint], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert any(" at " in line for line, _ in zip(reader.stdout, range(300), strict=False))
    reader.kill()
    reader.wait()
    reader.stdout.close()
    assert started.stop() == 0
