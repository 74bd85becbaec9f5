"""`keep: all` between machines, over loopback: nothing is lost but what is told; who reads nothing holds nobody up."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import zmq
from support.graphs import free_ports, until
from support.pictures import smooth
from support.two_machines import NODES

from handflow import Frame, Hands, Hop
from handflow.messages import now_ns
from handflow.runtime import keys
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import explicit, resolve
from handflow.runtime.profile import Profile
from handflow.runtime.remote.edge import RemotePublisher, subscribe_remote
from handflow.runtime.remote.lossless import MAX_READERS, LosslessReaders, topic_of_reader
from handflow.runtime.topology import Crossing
from handflow.runtime.transport.endpoint import FixedAddress
from handflow.runtime.transport.flow_control import CREDIT, topic
from handflow.runtime.transport.policies import Lossless
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.wire import Edge

GRAPH = """\
machines:
  eye: {host: 127.0.0.1, port: 5600}
  play: {host: 127.0.0.1, port: 5620}
nodes:
  ticker: {run: ticker.py}
  tap: {run: tap.py, in: {frame: {from: ticker, keep: all}}, on: play, with: {file: out}}
  recorder: {run: record, in: {ticker: ticker}, on: play}
  beside: {run: passer.py, in: ticker, on: play}
"""


class Ends(NamedTuple):
    out: RemotePublisher
    readers: list[Lossless]
    profile: Profile
    said: list[str]


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Callable[..., Ends]]:
    port = free_ports(1)
    with zmq.Context() as context, ExitStack() as close:

        def make(*forms: Crossing, kind: type = Hands) -> Ends:
            profile, said = Profile("test", 1), list[str]()
            crossings = [Crossing(f"tcp://127.0.0.1:{port}", f.jpeg, f.size, f.key, f.stream, True) for f in forms]
            near = Publisher(context, FixedAddress(f"ipc://{tmp_path}/near"), Rings(), profile)
            close.callback(near.close)
            out = RemotePublisher(context, near, crossings, say=said.append)
            close.callback(out.close)
            readers = []
            for form in crossings:
                edge = Edge("x", "sender", kind, keep="all", drives=True, crossing=form, stream=form.stream)
                readers.append(Lossless(subscribe_remote(context, profile, edge), "reader", said.append))
                close.callback(readers[-1].subscription.close)
            out.wait_for(0, 10)
            assert len(out._lossless.wanted()) == len(forms)
            return Ends(out, readers, profile, said)

        yield make


def hands(seq: int, camera: str = "a") -> Hands:
    return Hands(stream=1, seq=seq, captured_ns=now_ns(), hops=[Hop(camera, 0, 0)])


def test_every_message_is_read_in_order_however_slow_the_reader(ends: Callable[..., Ends]) -> None:
    out, (reader,), profile, said = ends(Crossing())
    sender = threading.Thread(target=lambda: [out.send(hands(seq)) for seq in range(1, 201)])
    sender.start()
    seqs = []
    for _ in range(200):
        got = reader.next(10)
        assert got is not None
        seqs.append(got.message.seq)
        reader.done()
        time.sleep(0.001)
    reader.rest()
    sender.join()
    assert seqs == list(range(1, 201))
    assert profile.lost == 0
    assert said == []
    out.drain()


def test_pictures_cross_as_jpeg_and_with_the_key(ends: Callable[..., Ends], tmp_path: Path) -> None:
    keys.make(tmp_path / "key")
    out, (reader,), _, _ = ends(Crossing(jpeg=95, key=str(tmp_path / "key")), kind=Frame)
    image = smooth(360, 640)
    out.send(Frame(image=image, stream=1, seq=1, captured_ns=now_ns()))
    got = reader.next(10)
    assert got is not None
    assert isinstance(got.message, Frame)
    assert np.abs(got.message.image.astype(int) - image)[:, :, :2].mean() < 3


def test_of_several_cameras_one_is_read_whole(ends: Callable[..., Ends]) -> None:
    out, (reader,), profile, _ = ends(Crossing(stream="b"))
    for seq in range(1, 6):
        for camera in "ab":
            out.send(hands(seq, camera))
    for seq in range(1, 6):
        got = reader.next(10)
        assert got is not None
        assert got.message.hops[0].node == "b"
        assert got.message.seq == seq
    assert profile.lost == 0


@pytest.mark.slow
def test_who_reads_nothing_is_waited_for_no_more_and_learns_what_it_has_lost(ends: Callable[..., Ends]) -> None:
    out, (reader,), profile, said = ends(Crossing())
    for seq in range(1, CREDIT + 1):
        out.send(hands(seq))
    out.send(hands(CREDIT + 1))  # waits for a second
    assert said == [
        "reader, on another machine, has read nothing for 1 s: not waiting for it any longer, it loses messages"
    ]
    # More than ZeroMQ keeps, and longer than a heartbeat may be late.
    time.sleep(2.5)
    for seq in range(CREDIT + 2, 5000):
        out.send(hands(seq))
    read = 0
    for _ in range(5000):
        try:
            read += reader.next(0.5) is not None
        except TimeoutError:
            break
        reader.done()
        reader.rest()
    out.send(hands(5000))
    got = reader.next(10)
    assert got is not None
    assert got.message.seq == 5000
    assert read + 1 + profile.lost == 5000
    assert profile.lost > 0
    reader.done()
    reader.rest()
    until(lambda: out._hear() or "reader is reading again" in said, "its credit is not given back")
    assert "sender: messages were lost; `handflow top` counts them" in said


def test_a_reader_that_was_cut_off_counts_what_it_missed(ends: Callable[..., Ends]) -> None:
    out, (reader,), profile, _ = ends(Crossing())
    endpoint = reader.subscription.edge.crossing.endpoint  # type: ignore[union-attr]
    out.send(hands(1))
    assert reader.next(10) is not None
    reader.done()
    reader.subscription.socket.disconnect(endpoint)
    until(lambda: reader.waiting() or out._hear() or not out._lossless.wanted(), "its going is not noticed")
    for seq in range(2, 101):
        out.send(hands(seq))  # nobody is waited for
    reader.subscription.socket.connect(endpoint)
    until(lambda: out._hear() or out._lossless.wanted(), "it does not come back")
    out.send(hands(101))
    got = reader.next(10)
    assert got is not None
    assert got.message.seq == 101
    assert profile.lost == 99


def test_strangers_take_no_more_room_than_there_is() -> None:
    form, said = Crossing(lossless=True), list[str]()
    readers = LosslessReaders({form.topic: form}, lambda *_: None, lambda _: None, said.append)
    for garbage in (b"", b"\x01", b"\x01" + form.topic, b"\x02", b"\x02" + form.topic, b"\x07" * 99):
        readers.hear(garbage)
    assert readers.wanted() == []
    for _ in range(100):
        where = topic_of_reader(form)
        readers.hear(b"\x01" + where)
        readers.hear(b"\x01" + topic("somebody 1", where))
    assert len(readers.wanted()) == MAX_READERS
    readers.hear(b"\x00" + where)  # of one that was not let in


def test_the_graph_says_who_reads_whole_and_the_class_where_it_does_not(tmp_path: Path) -> None:
    for name, text in NODES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "graph.yaml").write_text(GRAPH)
    graph = read(tmp_path / "graph.yaml")
    stages = resolve(graph)
    newest, whole = (Crossing("tcp://127.0.0.1:5601", lossless=lossless) for lossless in (False, True))
    assert [stages[name].edges[0].crossing for name in ("tap", "recorder", "beside")] == [whole, whole, newest]
    # Those on other machines are not waited for at the start: they may be switched on later.
    assert stages["ticker"].readers == []
    assert set(stages["ticker"].crossings) == {whole, newest}
    # The producer's process does not load the others' classes.
    assert set(resolve(explicit(graph, stages), only="ticker")["ticker"].crossings) == {whole, newest}
