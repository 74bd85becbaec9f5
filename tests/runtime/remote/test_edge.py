"""Edges between machines, over loopback: pictures as JPEG, the rest as it is; the newest counts; late is lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgpack
import numpy as np
import pytest
import zmq
from support.arrivals import until_arrived_at
from support.graphs import free_ports, until
from support.pictures import smooth

from handflow import Frame, Hands, Heatmap, Hop
from handflow.errors import SetupError, WireError
from handflow.messages import Clock
from handflow.runtime import keys
from handflow.runtime.profile import Profile
from handflow.runtime.remote.edge import RemoteDecoder, RemotePublisher, subscribe_remote
from handflow.runtime.topology import Crossing
from handflow.runtime.transport.endpoint import FixedAddress
from handflow.runtime.transport.policies import Newest
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.wire import Edge, decode, encode


class Ends(NamedTuple):
    out: RemotePublisher
    readers: list[Newest]
    profile: Profile


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Callable[..., Ends]]:
    with zmq.Context() as context, ExitStack() as close:

        def make(*edges: Edge) -> Ends:
            profile = Profile("test", 1)
            near = Publisher(context, FixedAddress(f"ipc://{tmp_path}/near"), Rings(), profile)
            close.callback(near.close)
            out = RemotePublisher(context, near, [edge.crossing for edge in edges if edge.crossing])
            close.callback(out.close)
            readers = [Newest(subscribe_remote(context, profile, edge)) for edge in edges]
            for reader in readers:
                close.callback(reader.subscription.close)
            out.wait_for(0, 10)
            return Ends(out, readers, profile)

        make.port = free_ports(1)  # type: ignore[attr-defined]
        yield make


def crossing(ends: Callable[..., Ends], **how: object) -> Crossing:
    return Crossing(f"tcp://127.0.0.1:{ends.port}", **how)  # type: ignore[attr-defined,arg-type]


def now() -> int:
    return time.perf_counter_ns()


def seq_in(reader: Newest, data: bytes) -> int:
    return reader.subscription._decoder.unpack(data)["seq"]


def test_a_picture_crosses_as_jpeg_each_reader_in_its_own_form(ends: Callable[..., Ends]) -> None:
    forms = [crossing(ends, jpeg=95), crossing(ends, jpeg=80, size=(160, 160))]
    out, readers, _ = ends(*(Edge("frame", "camera", Frame, crossing=form) for form in forms))
    image = smooth(360, 640)
    out.send(Frame(image=image, stream=1, seq=7, captured_ns=now()))
    whole, small = (reader.next(10) for reader in readers)
    assert whole is not None
    assert small is not None
    assert isinstance(whole.message, Frame)
    assert isinstance(small.message, Frame)
    assert whole.message.seq == small.message.seq == 7
    assert np.abs(whole.message.image[:, :, :2].astype(int) - image[:, :, :2]).mean() < 3
    assert small.message.image.shape == (90, 160, 3)


def test_maps_and_hands_cross_exactly(ends: Callable[..., Ends]) -> None:
    maps = np.random.default_rng(1).random((200, 300), np.float32)
    sent = Heatmap(
        values=maps, open=maps / 2, radius=maps, offset=np.zeros((200, 300, 2)), scale=[1, 2], shift=[0, 0],
        width=640, height=480, stream=1, seq=1, captured_ns=now(),
    )  # fmt: skip
    out, (reader,), _ = ends(Edge("heatmap", "heatmap", Heatmap, crossing=crossing(ends)))
    out.send(sent)
    got = reader.next(10)
    assert got is not None
    assert isinstance(got.message, Heatmap)
    assert (got.message.values == maps).all()
    assert (got.message.open == maps / 2).all()


def test_of_several_cameras_one_is_chosen(ends: Callable[..., Ends]) -> None:
    """Another's messages do not cross for it, and are not counted as skipped."""
    chosen = [Edge("hands", "both", Hands, crossing=crossing(ends, stream=camera), stream=camera) for camera in "ab"]
    out, (a, b, both), profile = ends(*chosen, Edge("hands", "both", Hands, crossing=crossing(ends)))
    for seq in range(1, 6):
        for stream, camera in enumerate("ab"):
            out.send(Hands(stream=stream, seq=seq, captured_ns=now(), hops=[Hop(camera, 0, 0)], sent=2 * seq + stream))
            reader = (a, b)[stream]
            for got in (reader.next(10), both.next(10)):
                assert got is not None
                assert (got.message.stream, got.message.seq) == (stream, seq)
    assert profile.skipped == 0


def test_a_slow_reader_reads_the_newest_and_counts_what_it_passed_over(ends: Callable[..., Ends]) -> None:
    out, (reader,), profile = ends(Edge("hands", "tracker", Hands, crossing=crossing(ends)))
    out.send(Hands(stream=1, seq=1, captured_ns=now()))
    assert reader.next(10) is not None
    for seq in range(2, 500):
        out.send(Hands(stream=1, seq=seq, captured_ns=now()))
        time.sleep(0.0005)
    # As a node does again and again: what was held back goes out.
    until_arrived_at(reader.subscription, lambda data: seq_in(reader, data) == 499, out.ready)
    got = reader.next(10)
    assert got is not None
    assert got.message.seq == 499
    assert profile.skipped == 497


def test_nothing_is_drawn_while_nobody_listens(ends: Callable[..., Ends], monkeypatch: pytest.MonkeyPatch) -> None:
    out, (reader,), _ = ends(Edge("frame", "camera", Frame, crossing=crossing(ends)))
    reader.subscription.close()
    until(lambda: out._hear() or not out._wanted, "its going is not noticed")
    monkeypatch.setattr("handflow.runtime.transport.jpeg.encode", lambda *_: pytest.fail("a JPEG was made"))
    out.send(Frame(image=smooth(9, 16), stream=1, seq=1, captured_ns=now()))


def test_a_form_that_the_graph_does_not_have_is_nobodys(ends: Callable[..., Ends]) -> None:
    out, (reader,), _ = ends(Edge("frame", "camera", Frame, crossing=crossing(ends)))
    edge = Edge("frame", "camera", Frame, crossing=crossing(ends, jpeg=1))
    stranger = Newest(subscribe_remote(zmq.Context.instance(), Profile("x", 1), edge))
    try:
        time.sleep(0.2)
        out.send(Frame(image=smooth(9, 16), stream=1, seq=1, captured_ns=now()))
        assert reader.next(10) is not None
        with pytest.raises(TimeoutError):
            stranger.next(0.2)
    finally:
        stranger.subscription.close()


def test_who_has_the_key_reads_and_who_has_another_or_none_does_not(ends: Callable[..., Ends], tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        keys.make(tmp_path / name)
    out, (reader,), _ = ends(Edge("hands", "tracker", Hands, crossing=crossing(ends, key=str(tmp_path / "ours"))))
    with zmq.Context() as context, ExitStack() as close:
        strangers = []
        for key in ("", str(tmp_path / "theirs")):
            edge = Edge("hands", "tracker", Hands, crossing=crossing(ends, key=key))
            strangers.append(Newest(subscribe_remote(context, Profile("x", 1), edge)))
            close.callback(strangers[-1].subscription.close)
        time.sleep(0.3)  # time for both to get in, if they could
        out.send(Hands(stream=1, seq=1, captured_ns=now()))
        got = reader.next(10)
        assert got is not None
        assert got.message.seq == 1
        for stranger in strangers:
            with pytest.raises(TimeoutError):
                stranger.next(0.2)


def test_memory_named_by_another_machine_is_refused() -> None:
    rings = Rings()
    data = encode(Frame(image=smooth(200, 300)), rings)
    with pytest.raises(WireError, match="memory of another machine"):
        decode(data, Frame, None)


def test_an_extension_that_is_no_picture_is_refused() -> None:
    packed = msgpack.unpackb(encode(Frame(image=smooth(9, 16)), None))
    for kind, data in ((7, b"x"), (1, b"x"), (1, b"")):
        packed["image"][2] = msgpack.ExtType(kind, data)
        with pytest.raises(WireError):
            decode(msgpack.packb(packed), Frame, None)


def test_what_is_a_second_later_than_usual_is_late_whatever_the_clocks_say() -> None:
    decoder, second = RemoteDecoder(b""), 10**9
    ahead = 3600 * second  # their clock is an hour ahead
    captured = [ahead + i * second // 10 for i in range(30)]
    assert not any(decoder.late(1, c, c - ahead + 5_000_000) for c in captured[:10])
    assert decoder.late(1, captured[10], captured[10] - ahead + 2 * second)
    assert not decoder.late(1, captured[20], captured[20] - ahead + second // 2)
    assert not decoder.late(2, captured[21], captured[21] + second)  # a new stream has a clock of its own


def test_after_the_sender_s_machine_was_suspended_its_messages_are_not_late_for_ever(monkeypatch) -> None:
    decoder, second = RemoteDecoder(b""), 10**9
    assert not decoder.late(1, 0, 0)
    assert not decoder.late(1, second, second)
    assert decoder.late(1, 2 * second, 15 * second)  # its clock stood still for 13 s
    monkeypatch.setattr(Clock, "offset_ns", Clock.offset_ns - 13 * second)  # the supervisors have found out
    assert not decoder.late(1, 3 * second, 16 * second)
    assert decoder.late(1, 4 * second, 20 * second)


def test_clocks_that_drift_apart_make_nothing_late() -> None:
    decoder, second = RemoteDecoder(b""), 10**9
    for i in range(0, 24 * 3600, 7):  # a day at 200 ppm: 17 s
        assert not decoder.late(1, i * second, i * second + i * second * 200 // 10**6)


@pytest.mark.parametrize(
    ("endpoint", "expected"), [("tcp://192.0.2.1:5600", "192.0.2.1 is not this machine's address"), (None, "in use")]
)
def test_an_address_that_cannot_be_had_is_one_line(tmp_path: Path, endpoint: str | None, expected: str) -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as taken:
        port = free_ports(1)
        taken.bind(f"tcp://127.0.0.1:{port}")
        near = Publisher(context, FixedAddress(f"ipc://{tmp_path}/near"), Rings(), Profile("x", 1))
        try:
            with pytest.raises(SetupError, match=expected):
                RemotePublisher(context, near, [Crossing(endpoint or f"tcp://127.0.0.1:{port}")])
        finally:
            near.close()
