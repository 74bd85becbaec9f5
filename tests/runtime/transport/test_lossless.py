"""Edges with `keep: all`: nothing is lost, a reader that has stopped stops nobody, and what was sent stays whole."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from support.arrivals import calls, until_arrived
from support.graphs import until

from handflow import Frame, Hands
from handflow.runtime.awake_clock import AwakeClock
from handflow.runtime.profile import Profile
from handflow.runtime.transport.endpoint import Address, FixedAddress, LoopbackAddress
from handflow.runtime.transport.flow_control import CREDIT, SILENT_S
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.mapped_files import MappedFiles
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Memfd, Memory, Rings
from handflow.runtime.transport.subscriber import subscribe
from handflow.runtime.transport.wire import Edge, Packed, decode, encode

SIZE = (120, 200)  # a picture too big to travel inside the message
LONG_S = 60.0


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
        self.publisher.wait_for(self.count, LONG_S)
        if keep == "all":
            self.publisher.wait_for_readers([name], LONG_S)
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
    for call in calls(inputs):
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
    until_arrived(newest, CREDIT - 1)
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
    until_arrived(awake, 3 * CREDIT - 1)
    assert seqs(awake, 1) == [3 * CREDIT - 1]
    until_arrived(silent, 3 * CREDIT - 1)
    for call in silent:
        if call is None:
            break
    until(lambda: (ends.publisher.ready(), "silent is reading again" in ends.said)[1], "it does not come back")
    ends.publisher.send(frame(1000))
    ends.publisher.ready()
    assert seqs(silent, 1) == [1000]
    assert silent.counts.lost > 0  # type: ignore[attr-defined]
    assert "camera: messages were lost; `handflow top` counts them" in ends.said


def test_a_dead_reader_is_waited_for_no_longer(ends: Ends) -> None:
    dead = ends.reader()
    dead.close()
    until(lambda: (ends.publisher.ready(), not ends.publisher._ledger.accounts)[1], "its end is not noticed")
    ends.publisher._clock = AwakeClock(0)  # stands still: a publisher that waited would wait for ever
    for seq in range(1, 3 * CREDIT):
        ends.publisher.send(frame(seq))
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
    waiting = threading.Thread(target=ends.publisher.wait_for_readers, args=(["reader"], LONG_S))
    waiting.start()
    while waiting.is_alive():
        assert next(iter(inputs)) is None  # a reader that waits is found
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
    read = calls(inputs)
    first = next(read).driving
    assert (first.type, first.seq, first.fields["image"].shape) == ("Frame", 7, (*SIZE, 3))
    flat = encode(first, None)  # all of it: what a file holds
    assert (decode(flat, Frame, Rings())[0].image == 7).all()
    second = next(read).driving
    assert second.type == "Hands"
    assert second.fields["xy"].shape == (0, 2)
    assert second.fields["width"] == 0
    assert decode(encode(second, None), Hands, Rings())[0].seq == 8
