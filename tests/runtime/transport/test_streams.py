"""Several cameras through one node: every one has its turn, inputs join by camera, readers choose whose they read."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import zmq
from support.arrivals import until_arrived

from handflow import Hands, Hop
from handflow.messages import Clock, Frame, Message
from handflow.runtime.profile import Profile
from handflow.runtime.transport.endpoint import FixedAddress
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.subscriber import subscribe
from handflow.runtime.transport.wire import Edge

STREAMS = {"a": 1, "b": 2}


class Ends:
    """The reader of some edges, and the senders that they need."""

    def __init__(
        self, close: ExitStack, context: zmq.Context, folder: Path, edges: tuple[Edge, ...], exact: bool
    ) -> None:
        self.profile, self.ended, self.clocks = Profile("test", 1), set[str](), dict[str, int]()
        rings = Rings()
        streams = {edge.node: sorted({e.stream for e in edges if e.node == edge.node and e.stream}) for edge in edges}
        self.out = {
            node: Publisher(
                context, FixedAddress(f"ipc://{folder}/{node}"), Rings(), Profile(node, 1), exact=exact, streams=chosen
            )
            for node, chosen in streams.items()
        }
        connect = partial(subscribe, context, lambda node: FixedAddress(f"ipc://{folder}/{node}"), rings, self.profile)
        self.inputs = Inputs(
            "test", edges, (), connect, rings, self.profile, self.ended, in_order=exact, clocks=self.clocks
        )
        for each in (self.inputs, *self.out.values()):
            close.callback(each.close)
        for publisher in self.out.values():
            publisher.wait_for(1, 60)
            if any(edge.keep == "all" for edge in edges):
                publisher.wait_for_readers(["test"], 60)
        self.calls = iter(self.inputs)

    def send(self, node: str, camera: str, seq: int, captured_ns: int = 0) -> None:
        message = hands(camera, seq, captured_ns)
        self.out[node].send(message)
        self.out[node].ready(message)

    def next(self) -> dict[str, tuple[int, int] | None]:
        """Stream and frame of what each argument is called with."""
        while (call := next(self.calls)) is None or call.values is None:
            pass
        return {name: message and (message.stream, message.seq) for name, message in call.values.items()}


def hands(camera: str, seq: int, captured_ns: int = 0) -> Message:
    hop = Hop(camera, 0, 0)
    return Hands(stream=STREAMS[camera], seq=seq, captured_ns=captured_ns or seq * 1000, hops=[hop])


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Callable[..., Ends]]:
    with zmq.Context() as context, ExitStack() as close:
        yield lambda *edges, exact=False: Ends(close, context, tmp_path, edges, exact)


def test_cameras_have_their_turns_and_what_is_skipped_is_counted(ends: Callable[..., Ends]) -> None:
    read = ends(*(Edge("hands", camera, Hands, drives=True, origins=(camera,)) for camera in "ab"))
    for seq in (1, 2):
        read.send("a", "a", seq)
    read.send("b", "b", 1)
    until_arrived(read.inputs, 2, "a")
    until_arrived(read.inputs, 1, "b")
    assert sorted(read.next()["hands"] for _ in range(2)) == [(1, 2), (2, 1)]
    for seq in (3, 4, 5):
        read.send("a", "a", seq)
        read.send("b", "b", seq)
    for camera in "ab":
        until_arrived(read.inputs, 3, camera)
    assert sorted(read.next()["hands"] for _ in range(2)) == [(1, 5), (2, 5)]
    assert read.profile.skipped == 2 + 2


def test_a_reader_is_sent_the_stream_it_chose_and_skips_nothing_of_others(ends: Callable[..., Ends]) -> None:
    read = ends(Edge("hands", "both", Hands, drives=True, stream="b"))
    for seq in range(1, 6):
        read.send("both", "a", seq)
        read.send("both", "b", seq)
        assert read.next()["hands"] == (2, seq)
    assert read.profile.skipped == read.profile.refused == 0


def test_a_reader_of_every_message_of_one_stream_owes_nothing_for_the_others(ends: Callable[..., Ends]) -> None:
    """More than its credit of them, so that the sender would wait for ever."""
    read = ends(Edge("hands", "both", Hands, keep="all", drives=True, stream="b"))
    for seq in range(1, 101):
        read.send("both", "a", seq)
        if seq % 10 == 0:
            read.send("both", "b", seq)
            assert read.next()["hands"] == (2, seq)
    assert read.profile.lost == 0


def test_inputs_that_do_not_drive_bring_their_own_cameras_messages(ends: Callable[..., Ends]) -> None:
    drive = [Edge("hands", camera, Hands, drives=True, origins=(camera,)) for camera in "ab"]
    same = [Edge("flow", f"f{camera}", Hands, True, "same", wait_ms=1000, origins=(camera,)) for camera in "ab"]
    prior = Edge("prior", "both", Hands, True, "newest", origins=("a", "b"))
    read = ends(*drive, *same, prior)
    for seq in (1, 2):
        for camera in "ab":
            read.send("both", camera, seq)
            read.send(f"f{camera}", camera, seq)
            read.send(camera, camera, seq)
            mine = (STREAMS[camera], seq)
            for node in ("both", f"f{camera}", camera):
                until_arrived(read.inputs, 1, node)
            assert read.next() == {"hands": mine, "flow": mine, "prior": mine}


def test_an_exact_reader_takes_cameras_in_the_order_of_capture(ends: Callable[..., Ends]) -> None:
    read = ends(
        *(Edge("hands", camera, Hands, keep="all", drives=True, origins=(camera,)) for camera in "ab"), exact=True
    )
    for seq, captured_ns in ((1, 10), (2, 20), (3, 30)):
        read.send("a", "a", seq, captured_ns)
    for seq, captured_ns in ((1, 15), (2, 16)):
        read.send("b", "b", seq, captured_ns)
    assert [read.next()["hands"] for _ in range(3)] == [(1, 1), (2, 1), (2, 2)]
    read.ended.add("b")
    assert [read.next()["hands"] for _ in range(2)] == [(1, 2), (1, 3)]
    read.ended.add("a")
    assert next(read.calls, "over") == "over"


def test_an_exact_join_finds_each_cameras_frame_however_far_another_is_ahead(ends: Callable[..., Ends]) -> None:
    drive = [Edge("hands", camera, Hands, keep="all", drives=True, origins=(camera,)) for camera in "ab"]
    read = ends(*drive, Edge("flow", "both", Hands, True, "all", origins=("a", "b")), exact=True)
    for seq in range(1, 21):
        read.send("both", "a", seq)
    for seq in range(1, 4):
        read.send("both", "b", seq)
        read.send("b", "b", seq, seq)
        read.send("a", "a", seq)
    for seq in range(1, 4):
        assert read.next() == {"hands": (2, seq), "flow": (2, seq)}
    read.ended.add("b")
    for seq in range(1, 4):
        assert read.next() == {"hands": (1, seq), "flow": (1, seq)}


def test_a_picture_of_a_chosen_stream_lies_in_shared_memory_like_any_other(ends: Callable[..., Ends]) -> None:
    read = ends(Edge("frame", "both", Frame, drives=True, stream="a"))
    image = np.full((200, 400, 3), 7, np.uint8)
    frame = Frame(image=image, stream=1, seq=1, captured_ns=1, hops=[Hop("a", 0, 0)])
    read.out["both"].send(frame)
    call = next(call for call in read.calls if call is not None)
    assert call.driving.image[0, 0, 0] == 7
    assert call.intact()


def test_messages_of_another_machine_are_taken_over_to_this_ones_clock(ends: Callable[..., Ends]) -> None:
    """Of two cameras on two machines, whose clocks are a second apart."""
    read = ends(*(Edge("hands", camera, Hands, drives=True, origins=(camera,)) for camera in "ab"))
    read.clocks["b"] = Clock.offset_ns - 1_000_000_000
    for camera, captured_ns in (("a", 5_000_000_000), ("b", 4_000_000_000)):
        read.send(camera, camera, 1, captured_ns)
        call = next(call for call in read.calls if call is not None)
        assert call.driving.captured_ns == 5_000_000_000
        assert call.driving.hops == [Hop(camera, *[0 if camera == "a" else 1_000_000_000] * 2)]
