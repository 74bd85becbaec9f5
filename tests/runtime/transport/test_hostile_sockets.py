"""What nobody of ours sends, to the sockets of a reader and a publisher: refused and counted."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from support.graphs import until
from support.hostile import FEW, GOOD, WRITER, frame, hostile, with_field

from handflow import Frame
from handflow.runtime.profile import Profile
from handflow.runtime.transport.endpoint import FixedAddress
from handflow.runtime.transport.flow_control import Ack, packed_ack, reader_of, topic
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.subscriber import subscribe
from handflow.runtime.transport.wire import Edge, encode


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
        assert self.socket.poll(60_000)
        self.read = iter(self.inputs)


@pytest.mark.parametrize("keep", ["newest", "all"])
def test_a_reader_counts_what_it_refuses_and_reads_on(tmp_path: Path, keep: str) -> None:
    with ExitStack() as open_:
        wires = Wires(tmp_path, keep, open_)
        refused = 0
        for number, bad in enumerate((b"", b"\xc1", GOOD[0][:50], with_field(GOOD[0], "seq", "x"), GOOD[2]), 1):
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
        expected = sum(data[:1] not in (b"\x00", b"\x01") for data in said)
        until(lambda: (publisher.ready(), profile.refused >= expected)[1], "they are not refused", pause_s=0.001)
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
