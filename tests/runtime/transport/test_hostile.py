"""What nobody of ours sends, to every socket: refused and counted; nothing dies, nothing grows."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import psutil
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.graphs import Run, until

from handflow import Flow, Frame, Hands, Message, Packed
from handflow.errors import StaleSlot, WireError
from handflow.runtime.process.control_client import ask
from handflow.runtime.profile import Profile
from handflow.runtime.transport.endpoint import FixedAddress
from handflow.runtime.transport.flow_control import Ack, packed_ack, reader_of, topic
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.rundir import RunDir
from handflow.runtime.transport.shared_memory import Ref, Rings
from handflow.runtime.transport.subscriber import subscribe
from handflow.runtime.transport.wire import Edge, decode, encode

WRITER = Rings()


def frame(seq: int = 1, side: int = 200) -> Frame:
    return Frame(image=np.full((side, side, 3), seq % 251, np.uint8), stream=1, seq=seq, captured_ns=seq, sent=seq)


GOOD = [
    encode(frame(), WRITER, by=7),
    encode(frame(side=4), WRITER, by=7),
    encode(Hands(seq=3, sent=1, width=640), WRITER, by=7),
    encode(Flow(vectors=np.zeros((2, 3, 2)), since_ns=0, sent=1), WRITER, by=7, last=True),
]

number = st.integers(-(2**63), 2**64 - 1) | st.sampled_from([0, 1, 2, 8, 2**31, 2**32, os.getpid(), 1])
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def named_memory(draw: st.DrawFn) -> bytes:
    """A frame whose picture lies wherever."""
    own = WRITER.ref(frame().image)
    assert own is not None
    ref = [draw(st.just(part) | number) for part in own]
    shape = draw(st.just([200, 200, 3]) | st.lists(number, max_size=4))
    dtype = draw(st.sampled_from(["|u1", "<f8", "|O", "V9", "<U9", "M8[s]", "f4,f4", "(9,)u1"]) | st.text(max_size=6))
    return _with(GOOD[0], "image", [dtype, shape, ref])


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A message of ours with something else in a field of it."""
    data = draw(st.sampled_from(GOOD))
    name = draw(st.sampled_from(sorted(msgpack.unpackb(data))))
    return _with(data, name, draw(anything))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Cut off, or with bits turned."""
    data = bytearray(draw(st.sampled_from(GOOD)))
    if draw(st.booleans()):
        return bytes(data[: draw(st.integers(0, len(data) - 1))])
    for place in draw(st.lists(st.integers(0, min(len(data), 300) - 1), min_size=1, max_size=4)):
        data[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)


def _with(data: bytes, name: str, value: Any) -> bytes:
    return msgpack.packb({**msgpack.unpackb(data), name: value})


hostile = st.binary(max_size=200) | named_memory() | altered() | damaged() | anything.map(msgpack.packb)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=10_000)


def read(data: bytes, reader: Rings) -> None:
    for kind in (Frame, Hands, Flow, Packed):
        try:
            message, refs = decode(data, kind, reader)
        except (WireError, StaleSlot):
            continue
        assert isinstance(message, Message)
        # What gets through can be worked with as if it were ours.
        assert all(isinstance(value, int) for value in (message.stream, message.seq, message.captured_ns, message.sent))
        assert all(hop.node + "" is not None for hop in message.hops)
        assert all(reader.intact(ref) in (True, False) for ref in refs)
        if isinstance(message, Frame):
            assert int(message.image.sum()) >= 0


@FEW
@given(hostile)
def test_whatever_bytes_are_read_as_a_message_or_refused(data: bytes) -> None:
    read(data, Rings())


@pytest.mark.slow
def test_ten_thousand_of_them_cost_no_memory() -> None:
    reader, process = Rings(), psutil.Process()
    sizes: list[int] = []

    @MANY
    @given(hostile)
    def many(data: bytes) -> None:
        read(data, reader)
        sizes.append(process.memory_info().rss)

    many()
    assert len(sizes) >= 5_000
    # Hypothesis itself keeps what it has tried; what one message cost would be a thousand times as much.
    assert sizes[-1] - sizes[len(sizes) // 2] < 64 * 2**20
    assert len(reader._read) <= 1  # no memory is kept that a message has named


@pytest.mark.parametrize(
    "change",
    [
        {"slot": 8},
        {"slot": -1},
        {"slot": 2**40},
        {"generation": 999},
        {"ring": 5},
        {"pid": 1},  # another user's, or nobody's
        {"pid": 2**31},
        {"fd": 0},
        {"fd": 2**31},
    ],
)
def test_memory_that_is_not_there_is_refused(change: dict[str, int]) -> None:
    own = WRITER.ref(frame().image)
    assert own is not None
    data = _with(GOOD[0], "image", ["|u1", [200, 200, 3], list(own._replace(**change))])
    with pytest.raises(StaleSlot):
        decode(data, Frame, Rings())


@pytest.mark.parametrize(
    "shape", [[2000, 2000, 3], [2**32, 2**32, 3], [-1, 200, 3], [200, 200], [200.0, 200, 3], "abc"]
)
def test_a_shape_that_does_not_fit_is_refused(shape: Any) -> None:
    own = WRITER.ref(frame().image)
    assert own is not None
    with pytest.raises((WireError, StaleSlot)):
        decode(_with(GOOD[0], "image", ["|u1", shape, list(own)]), Frame, Rings())


def test_memory_that_could_shrink_is_refused() -> None:
    """Its reader would die of SIGBUS."""
    fd = os.memfd_create("handflow")
    try:
        os.write(fd, os.pread(WRITER._own_fd, 8192 + 120_000, 0))
        own = WRITER.ref(frame().image)
        assert own is not None
        with pytest.raises(StaleSlot, match="not a handflow ring"):
            Rings().view(own._replace(pid=os.getpid(), fd=fd), (10,), np.dtype(np.uint8))
    finally:
        os.close(fd)


def test_a_pipe_is_not_waited_for() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(StaleSlot):
            Rings().view(Ref(os.getpid(), reading, 1, 0, 2), (1,), np.dtype(np.uint8))
    finally:
        os.close(reading)
        os.close(writing)


class Wires:
    """A reader of a socket that anybody may write to."""

    def __init__(self, folder: Path, keep: Any, open_: ExitStack) -> None:
        context = open_.enter_context(zmq.Context())
        self.socket = open_.enter_context(context.socket(zmq.XPUB))
        self.socket.bind(f"ipc://{folder}/camera")
        edge = Edge("frame", "camera", Frame, keep=keep, drives=True)
        self.profile = Profile("reader", 1)
        address = lambda node: FixedAddress(f"ipc://{folder}/{node}")  # noqa: E731
        rings = Rings()
        connect = partial(subscribe, context, address, rings, self.profile)
        self.inputs = Inputs("reader", [edge], (), connect, rings, self.profile, ())
        open_.callback(self.inputs.close)
        assert self.socket.poll(5000)
        self.read = iter(self.inputs)


@pytest.mark.parametrize("keep", ["newest", "all"])
def test_a_reader_counts_what_it_refuses_and_reads_on(tmp_path: Path, keep: str) -> None:
    with ExitStack() as open_:
        wires = Wires(tmp_path, keep, open_)
        refused = 0
        for number, bad in enumerate((b"", b"\xc1", GOOD[0][:50], _with(GOOD[0], "seq", "x"), GOOD[2]), 1):
            wires.socket.send(bad)
            until(lambda: next(wires.read) is None and wires.profile.refused > refused, "it is not counted")  # noqa: B023
            refused = wires.profile.refused
            good = frame(number)
            wires.socket.send(encode(good, WRITER, by=3))
            until(lambda: (got := next(wires.read)) and got.driving.seq == number, "a good one is not read")  # noqa: B023
        wires.socket.send(encode(frame(2), WRITER, by=3))  # one that was read before
        until(lambda: next(wires.read) is None and wires.profile.refused > refused, "a replay is not refused")


@FEW
@given(st.lists(hostile | st.binary(max_size=40).map(lambda data: b"\x02" + data), max_size=5))
def test_whatever_comes_against_the_stream_is_refused(said: list[bytes]) -> None:
    with OpenPublisher() as (publisher, socket, profile):
        for data in said:
            if data[:1] not in (b"\x00", b"\x01"):  # ZeroMQ's own: a subscription, which is nobody's loss
                socket.send(data)
        deadline = time.monotonic() + 5
        expected = sum(data[:1] not in (b"\x00", b"\x01") for data in said)
        while profile.refused < expected and time.monotonic() < deadline:
            publisher.ready()
        assert profile.refused == expected
        assert not publisher._ledger.accounts
        publisher.send(frame(side=4))


class OpenPublisher:
    """A publisher that somebody else is connected to."""

    made: tuple[Publisher, zmq.Socket, Profile] | None = None
    path = f"/tmp/handflow-hostile-{os.getpid()}"

    def __enter__(self) -> tuple[Publisher, zmq.Socket, Profile]:
        if OpenPublisher.made is None:
            context = zmq.Context.instance()
            profile = Profile("camera", 1)
            publisher = Publisher(context, FixedAddress(f"ipc://{self.path}"), Rings(), profile)
            socket = context.socket(zmq.XSUB)
            socket.connect(f"ipc://{self.path}")
            OpenPublisher.made = publisher, socket, profile
        OpenPublisher.made[2].refused = 0
        return OpenPublisher.made

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    if OpenPublisher.made is not None:
        OpenPublisher.made[0].close()
        OpenPublisher.made[1].close(0)
        os.unlink(OpenPublisher.path)


def test_nobody_acknowledges_for_another_what_was_not_sent() -> None:
    with OpenPublisher() as (publisher, socket, profile):
        name = reader_of("reader")
        socket.send(b"\x01" + topic(name))
        until(lambda: (publisher.ready(), publisher._ledger.accounts)[1], "the reader is not known")
        publisher.send(frame(side=4))
        for ack in (Ack(name, publisher._ledger.by, 10**9), Ack(name, publisher._ledger.by, -1)):
            socket.send(packed_ack(ack))
        until(lambda: (publisher.ready(), profile.refused == 2)[1], "they are not refused")
        assert publisher._ledger.owed()
        socket.send(b"\x00" + topic(name))
        until(lambda: (publisher.ready(), not publisher._ledger.accounts)[1], "it does not go")


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
