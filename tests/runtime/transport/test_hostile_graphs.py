"""What nobody of ours sends, to every socket of a running graph: nothing dies, nothing grows."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgpack
import numpy as np
import psutil
import pytest
import zmq
from support.graphs import Run, until
from support.hostile import GOOD

from handflow.runtime.process.control_client import ask
from handflow.runtime.transport.flow_control import Ack, packed_ack
from handflow.runtime.transport.rundir import RunDir

TICKER = """
from collections.abc import Iterator
from handflow import Hands, Node, ticks

class Ticker(Node):
    def process(self) -> Iterator[Hands]:
        for number, _ in enumerate(ticks(30)):
            yield Hands(width=number)
"""
TAP = """
from handflow import Hands, Node

class Tap(Node):
    size: int = 1

    def process(self, hands: Hands) -> None:
        self.note = str(hands.width)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Path]]:
    folder = tmp_path_factory.mktemp("running")
    (folder / "ticker.py").write_text(TICKER)
    (folder / "tap.py").write_text(TAP)
    file = folder / "graph.yaml"
    file.write_text("nodes:\n  ticker: {run: ticker.py}\n  tap: {run: tap.py, in: ticker}\n")
    started = Run("run", str(file), cwd=folder)
    try:
        until(lambda: any("tap 2" in line or "tap 3" in line for line in started.out), "it does not run")
        yield started, file
    finally:
        started.stop()


def flood(file: Path, messages: list[bytes]) -> None:
    """To every socket of a running graph."""
    directory = RunDir(file)
    with zmq.Context() as context, ExitStack() as open_:
        sockets = []
        for kind, address in (
            (zmq.PUSH, directory.status),
            (zmq.DEALER, directory.control),
            (zmq.XSUB, directory.address("ticker")),
            (zmq.XSUB, directory.address("tap")),
        ):
            socket = open_.enter_context(context.socket(kind))
            socket.setsockopt(zmq.LINGER, 1000)
            socket.setsockopt(zmq.SNDTIMEO, 1000)
            address.connect(socket)
            sockets.append(socket)
        for data in messages:
            for socket in sockets:
                if socket.type != zmq.XSUB or data[:1] not in (b"\x00", b"\x01"):
                    socket.send(data)
            if sockets[1].poll(0):
                sockets[1].recv()
        time.sleep(0.3)


def bad_messages(count: int) -> list[bytes]:
    """The same each time."""
    random = np.random.default_rng(3)
    status = {"node": "tap", "pid": 1, "state": ["x"], "fps_in": "many", "answers": [[1, 2]]}
    known = [
        b"", b"\xc1", b"[" * 5000, b"{}", b"top", json.dumps({"verb": "top", "more": 1}).encode(),
        json.dumps({"verb": "set", "node": [1], "key": {}, "value": 1}).encode(), json.dumps({"verb": "hear"}).encode(),
        json.dumps({"verb": "swap", "node": "tap", "run": 5, "settings": 5}).encode(), msgpack.packb(status),
        json.dumps({"verb": "get", "node": "tap", "key": 7}).encode(), msgpack.packb({"node": "tap"}), *GOOD,
        b"9" * 100_000, packed_ack(Ack("x", 1, 1)), b"x" * 2_000_000,
    ]  # fmt: skip
    return [known[i % len(known)] if i % 2 else random.bytes(random.integers(1, 200)) for i in range(count)]


def survives(started: Run, file: Path, count: int) -> None:
    pids = {name: child.pid for name, child in started.children().items()}
    tree = [psutil.Process(started.process.pid), *started.children().values()]
    flood(file, bad_messages(100))  # what will be used once has been
    before = [process.memory_info().rss for process in tree]
    for _ in range(count // 1000 + 1):
        flood(file, bad_messages(min(count, 1000)))
    rows = {row["node"]: row for row in ask(file, "top")}
    assert {name: row["pid"] for name, row in rows.items()} == pids  # none has died
    until(lambda: {r["node"]: r for r in ask(file, "top")}["ticker"]["refused"] > 0, "it is not counted")
    until(lambda: any("messages to the supervisor" in line for line in started.err), "it is not said")
    note = int(rows["tap"]["note"])
    until(lambda: int(next(r for r in ask(file, "top") if r["node"] == "tap")["note"]) > note, "it does not go on")
    grown = [process.memory_info().rss - rss for process, rss in zip(tree, before, strict=True)]
    assert max(grown) < 16 * 2**20, grown


def test_a_running_graph_survives_it(running: tuple[Run, Path]) -> None:
    survives(*running, count=200)


@pytest.mark.slow
def test_a_running_graph_survives_ten_thousand_on_each_socket(running: tuple[Run, Path]) -> None:
    survives(*running, count=10_000)


def test_strangers_that_come_and_go_leave_no_descriptor(running: tuple[Run, Path]) -> None:
    started, file = running
    flood(file, [b"x"])
    tree = [psutil.Process(started.process.pid), *started.children().values()]
    before = [process.num_fds() for process in tree]
    for _ in range(5):
        flood(file, [b"x"])
    until(
        lambda: all(process.num_fds() <= known for process, known in zip(tree, before, strict=True)),
        "descriptors are left",
    )
