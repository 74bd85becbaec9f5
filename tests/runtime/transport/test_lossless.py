"""Edges with `keep: all`: nothing is lost, a reader that has stopped stops nobody, and what was sent stays whole."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from support.graphs import Run, until

from handflow import Frame, Hands
from handflow.__main__ import main
from handflow.runtime.profile import Profile
from handflow.runtime.transport.endpoint import Address, FixedAddress, LoopbackAddress
from handflow.runtime.transport.flow_control import CREDIT, SILENT_S, Ack, Ledger, packed_ack, reader_of, topic
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.mapped_files import MappedFiles
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Memfd, Memory, Rings
from handflow.runtime.transport.subscriber import subscribe
from handflow.runtime.transport.wire import Edge, Packed, decode, encode

SIZE = (120, 200)  # a picture too big to travel inside the message


def frame(seq: int) -> Frame:
    return Frame(image=np.full((*SIZE, 3), seq % 251, np.uint8), stream=1, seq=seq, captured_ns=seq)


class Ends:
    """One producer and its readers."""

    def __init__(self, folder: Path, portable: bool = False) -> None:
        self.folder, self.portable = folder, portable
        self.context = zmq.Context()
        self.open = ExitStack()
        self.said: list[str] = []
        self.ended: set[str] = set()
        self.publisher = self.producer()

    def address(self, node: str) -> Address:
        if self.portable:
            return LoopbackAddress(self.folder / f"{node}.port", b"graph")
        return FixedAddress(f"ipc://{self.folder}/{node}")

    def memory(self) -> Memory:
        return MappedFiles(self.folder) if self.portable else Memfd()

    def producer(self, **more: Any) -> Publisher:
        self.rings, self.sent = Rings(memory=self.memory()), Profile("camera", 1)
        self.count = 0  # of its readers
        self.own = zmq.Context()  # ended with its producer, as a process would
        return Publisher(self.own, self.address("camera"), self.rings, self.sent, self.said.append, **more)

    def sent_exact(self, seq: int) -> None:
        self.publisher.send(frame(seq))
        self.publisher.ready()

    def kill(self) -> None:
        self.publisher.close()
        self.own.term()

    def reader(self, keep: Any = "all", kind: Any = Frame, name: str = "reader") -> Inputs:
        edge = Edge("frame", "camera", kind, keep=keep, drives=True)
        profile = Profile(name, 1)
        rings = Rings(memory=self.memory())
        connect = partial(subscribe, self.context, self.address, rings, profile)
        inputs = Inputs(name, [edge], (), connect, rings, profile, self.ended, self.said.append)
        inputs.counts = profile  # type: ignore[attr-defined]
        self.open.callback(inputs.close)
        self.count += 1
        self.publisher.wait_for(self.count, 5)
        if keep == "all":
            self.publisher.wait_for_readers([name], 5)
        return inputs


@pytest.fixture(params=["ipc", pytest.param("loopback", marks=pytest.mark.slow)])
def ends(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ends]:
    made = Ends(tmp_path, request.param == "loopback")
    with made.context, made.open:
        yield made
        if not made.own.closed:
            made.kill()


def seqs(inputs: Inputs, most: int) -> list[int]:
    """The frames read, each whole."""
    got = []
    for call in inputs:
        if call is None:
            break
        message = call.driving
        assert isinstance(message, Frame)
        assert (message.image == message.seq % 251).all()
        assert call.intact()
        got.append(message.seq)
        if len(got) == most:
            break
    return got


def test_as_fast_as_it_goes_nothing_is_lost(ends: Ends) -> None:
    inputs = ends.reader()

    def send() -> None:
        for seq in range(1, 1001):
            ends.publisher.send(frame(seq))
            ends.publisher.ready()

    sender = threading.Thread(target=send)
    sender.start()
    assert seqs(inputs, 1000) == list(range(1, 1001))
    next(iter(inputs), None)  # acknowledges the rest
    sender.join()
    assert inputs.counts.lost == 0  # type: ignore[attr-defined]


def test_a_picture_stays_until_it_was_read(ends: Ends) -> None:
    inputs = ends.reader()
    for seq in range(1, CREDIT):  # four times the slots of a ring
        ends.publisher.send(frame(seq))
    assert seqs(inputs, CREDIT - 1) == list(range(1, CREDIT))


def test_other_readers_have_the_newest_meanwhile(ends: Ends) -> None:
    ends.reader()
    newest = ends.reader(keep="newest", name="other")
    for seq in range(1, CREDIT):
        ends.publisher.send(frame(seq))
    time.sleep(0.05)
    assert seqs(newest, 1) == [CREDIT - 1]


def test_a_picture_passed_on_is_copied_where_it_must_stay(ends: Ends) -> None:
    inputs, camera = ends.reader(), Rings(memory=ends.memory())
    for seq in range(1, 21):
        data = encode(frame(seq), camera)  # twenty pictures go round a ring of eight
        passed, _ = decode(data, Frame, ends.rings)
        ends.publisher.send(passed)
    assert seqs(inputs, 20) == list(range(1, 21))


def test_a_picture_of_another_size_disturbs_none_before_it(ends: Ends) -> None:
    inputs = ends.reader()
    for seq in range(1, 5):
        ends.publisher.send(frame(seq))
    for seq in range(5, 9):
        ends.publisher.send(Frame(image=np.full((300, 400, 3), seq, np.uint8), stream=1, seq=seq))
    assert seqs(inputs, 8) == list(range(1, 9))


def test_a_silent_reader_loses_its_credit_with_one_line_and_comes_back(ends: Ends) -> None:
    silent, awake = ends.reader(name="silent"), ends.reader(keep="newest", name="awake")
    started = time.monotonic()
    for seq in range(1, 3 * CREDIT):
        ends.publisher.send(frame(seq))
        ends.publisher.ready()
    assert SILENT_S - 0.1 < time.monotonic() - started < SILENT_S + 5  # waited for once, and no more
    assert ends.said == ["silent has read nothing for 1 s: not waiting for it any longer, it loses messages"]
    time.sleep(0.1)  # tcp is on its way for longer
    assert seqs(awake, 1) == [3 * CREDIT - 1]
    for call in silent:
        if call is None:
            break
    ends.publisher.send(frame(1000))
    ends.publisher.ready()
    assert "silent is reading again" in ends.said
    assert seqs(silent, 1) == [1000]
    assert silent.counts.lost > 0  # type: ignore[attr-defined]
    assert "camera: messages were lost; `handflow top` counts them" in ends.said


def test_a_dead_reader_is_waited_for_no_longer(ends: Ends) -> None:
    dead = ends.reader()
    dead.close()
    until(lambda: (ends.publisher.ready(), not ends.publisher._ledger.accounts)[1], "its end is not noticed")
    started = time.monotonic()
    for seq in range(1, 3 * CREDIT):
        ends.publisher.send(frame(seq))
    assert time.monotonic() - started < SILENT_S
    assert ends.said == []


def test_in_an_exact_graph_a_producer_waits_for_ever(ends: Ends) -> None:
    ends.kill()
    ends.publisher = ends.producer(exact=True)
    inputs = ends.reader()
    sender = threading.Thread(target=lambda: [ends.sent_exact(seq) for seq in range(1, CREDIT + 11)])
    sender.start()
    time.sleep(SILENT_S + 0.3)
    assert sender.is_alive()
    assert seqs(inputs, CREDIT + 10) == list(range(1, CREDIT + 11))
    sender.join()
    assert ends.said == []


def test_a_producer_that_was_started_again_is_read_from_its_first_message(ends: Ends) -> None:
    inputs = ends.reader()
    ends.publisher.send(frame(1))
    assert seqs(inputs, 1) == [1]
    ends.kill()
    ends.publisher = ends.producer()
    waiting = threading.Thread(target=ends.publisher.wait_for_readers, args=(["reader"], 5))
    waiting.start()
    assert next(iter(inputs)) is None  # a reader that waits is found
    waiting.join()
    for seq in range(1, CREDIT):
        ends.publisher.send(frame(seq))
    assert seqs(inputs, CREDIT - 1) == list(range(1, CREDIT))
    assert inputs.counts.lost == 0  # type: ignore[attr-defined]


def test_whom_a_start_goes_on_without_is_said(ends: Ends) -> None:
    ends.publisher.wait_for_readers(["recorder"], 0.1)
    assert ends.said == ["going on without recorder: no reader after 0.1 s"]


def test_a_message_of_any_type_is_read_without_its_class(ends: Ends) -> None:
    inputs = ends.reader(kind=Packed)
    ends.publisher.send(frame(7))
    ends.publisher.send(Hands(seq=8))
    read = iter(inputs)
    first = next(read).driving
    assert (first.type, first.seq, first.fields["image"].shape) == ("Frame", 7, (*SIZE, 3))
    flat = encode(first, None)  # all of it: what a file holds
    assert (decode(flat, Frame, Rings())[0].image == 7).all()
    second = next(read).driving
    assert second.type == "Hands"
    assert second.fields["xy"].shape == (0, 2)
    assert second.fields["width"] == 0
    assert decode(encode(second, None), Hands, Rings())[0].seq == 8


def told(ledger: Ledger, *, sent: int, readers: int = 1) -> list[str]:
    names = [reader_of(f"reader{number}") for number in range(readers)]
    for name in names:
        ledger.hear(b"\x01" + topic(name), 0)
    for _ in range(sent):
        ledger.count(0)
    return names


def test_the_slowest_reader_decides(tmp_path: Path) -> None:
    ledger = Ledger(by=5)
    first, second = told(ledger, sent=10, readers=2)
    ledger.hear(packed_ack(Ack(first, 5, 9)), 1)
    assert ledger.read() == 0
    ledger.hear(packed_ack(Ack(second, 5, 4)), 1)
    assert ledger.read() == 4
    ledger.hear(b"\x00" + topic(second), 1)
    assert ledger.read() == 9


def test_a_reader_may_be_so_many_behind_and_no_more() -> None:
    ledger = Ledger(by=5)
    (name,) = told(ledger, sent=CREDIT - 1)
    assert not ledger.full()
    ledger.count(0)
    assert ledger.full()
    ledger.hear(packed_ack(Ack(name, 5, 1)), 1)
    assert not ledger.full()


def test_a_reader_that_owed_nothing_was_not_silent() -> None:
    ledger = Ledger(by=5)
    told(ledger, sent=0)
    ledger.count(100)  # after a long pause
    assert ledger.lose_silent(100.5) == []
    assert ledger.lose_silent(101.5) == ["reader0"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x02", b"\x02\xc1", b"\x07abc", b"\x01x", b"\x00x",
        packed_ack(Ack("x", 5, 2**63)), packed_ack(Ack([1], 5, 1)), packed_ack(Ack("x", 5, "1")),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_no_reader_says_changes_nothing(data: bytes) -> None:
    ledger = Ledger(by=5)
    told(ledger, sent=3)
    ledger.hear(data, 1)
    assert (ledger.read(), len(ledger.accounts)) == (0, 1)


def test_an_acknowledgement_of_what_was_never_sent_is_refused() -> None:
    ledger = Ledger(by=5)
    (name,) = told(ledger, sent=3)
    for number in (0, -1, 4):
        ledger.hear(packed_ack(Ack(name, 5, number)), 1)
    assert (ledger.read(), ledger.refused) == (0, 3)
    ledger.hear(packed_ack(Ack(name, 4, 3)), 1)  # meant for the process before this one
    assert (ledger.read(), ledger.refused) == (0, 3)


TICKER = """
from collections.abc import Iterator
from handflow import Frame, Node

class Ticker(Node):
    frames: int = 0

    def process(self) -> Iterator[Frame]:
        for number in range(self.frames):
            image = self.empty((90, 1600, 3), "uint8")
            image[:] = number % 251
            yield Frame(image=image, captured_ns=number + 1)
"""
PASSER = """
from handflow import Frame, Node

class Passer(Node):
    def process(self, frame: Frame) -> Frame:
        return frame
"""
KEEPER = """
from handflow import Node, Packed

class Keeper(Node):
    keep = "all"
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, **messages: Packed) -> None:
        (name, message), = messages.items()
        whole = (message.fields["image"] == (message.seq - 1) % 251).all()
        print(name, message.seq, whole, file=self.out)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("ticker", TICKER), ("passer", PASSER), ("keeper", KEEPER)):
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def graph(folder: Path, *lines: str) -> Path:
    file = folder / "graph.yaml"
    file.write_text("nodes:\n" + "".join(f"  {line}\n" for line in lines))
    return file


def kept(folder: Path) -> list[tuple[str, int, str]]:
    file = folder / "out"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [(line[0], int(line[1]), line[2]) for line in lines]


def test_a_node_may_take_all_there_is(run: Callable[..., Run], folder: Path) -> None:
    """Two producers at full speed, one of which passes on what the other sent; every message arrives, whole."""
    file = graph(
        folder,
        "ticker: {run: ticker.py, with: {frames: 300}}",
        "passer: {run: passer.py, in: {frame: {from: ticker, keep: all}}}",
        "keeper: {run: keeper.py, in: {raw: ticker, passed: passer}, with: {file: out}}",
    )
    started = run("run", file, cwd=folder)
    assert started.end() == 0
    assert started.err == []
    for name in ("raw", "passed"):
        assert [(seq, whole) for each, seq, whole in kept(folder) if each == name] == [
            (seq, "True") for seq in range(1, 301)
        ]


def test_a_stopped_reader_of_everything_stops_nobody(run: Callable[..., Run], folder: Path) -> None:
    file = graph(
        folder,
        "camera: {run: camera, with: {source: demo, size: [320, 240], fps: 30}}",
        "keeper: {run: keeper.py, in: camera, with: {file: out}}",
        "passer: {run: passer.py, in: camera}",
    )
    (folder / "keeper.py").write_text(
        KEEPER.replace('(message.fields["image"] == (message.seq - 1) % 251).all()', "True")
    )
    started = run("run", file, cwd=folder)
    until(lambda: len(kept(folder)) > 5, "nothing is kept")
    keeper = started.children()["keeper"]
    os.kill(keeper.pid, signal.SIGSTOP)
    line = "camera: keeper has read nothing for 1 s: not waiting for it any longer, it loses messages\n"
    until(lambda: line in started.err, "it is not said")
    os.kill(keeper.pid, signal.SIGCONT)
    until(lambda: "camera: keeper is reading again\n" in started.err, "it does not come back")
    count = len(kept(folder))
    until(lambda: len(kept(folder)) > count + 10, "it reads no more")
    last = [seq for _, seq, _ in kept(folder)[-10:]]
    assert last == list(range(last[0], last[0] + 10))


WITH = "with: {file: out}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"keeper: {{run: keeper.py, {WITH}}}", "expected at least one input of type Packed, got none"),
        (
            f"keeper: {{run: keeper.py, in: {{a: {{from: ticker, keep: same}}}}, {WITH}}}",
            "keep of a, which drives: expected newest or all, got same",
        ),
        (
            "two: {run: two.py, in: {a: ticker, b: {from: ticker, keep: all}}}",
            "keep of b, which does not drive: expected newest or same, got all",
        ),
        (f"keeper: {{run: keeper.py, in: nobody, {WITH}}}", "got 'nobody'"),
    ],
)
def test_a_wrong_edge_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str], line: str, expected: str) -> None:
    (folder / "two.py").write_text(
        "from handflow import Frame, Node\n\nclass Two(Node):\n    def process(self, a: Frame, b: Frame) -> None: ...\n"
    )
    assert main(["check", str(graph(folder, "ticker: {run: ticker.py}", line))]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert expected in said
    assert "graph.yaml:3:" in said
