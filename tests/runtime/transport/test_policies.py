"""Messages over real sockets: newest wins, the same frame is found, a dead input costs nothing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import zmq
from support.arrivals import until_arrived
from support.graphs import until

from handflow import Flow, Frame, Hands
from handflow.runtime.profile import Profile
from handflow.runtime.transport.endpoint import Address, FixedAddress, LoopbackAddress
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.mapped_files import MappedFiles
from handflow.runtime.transport.policies import CATCH_UP
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Memfd, Memory, Rings
from handflow.runtime.transport.subscriber import subscribe
from handflow.runtime.transport.wire import Edge

LONG_S = 60.0


class Ends(NamedTuple):
    """A reader's end of each edge, a writer's end for each of their nodes."""

    inputs: Inputs
    out: dict[str, Publisher]
    profile: Profile
    ended: set[str]


@pytest.fixture(params=["ipc", "loopback"])
def ends(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Ends]]:
    """Over both paths: ipc and memfd, tcp and mapped files."""
    portable = request.param == "loopback"

    def address(node: str) -> Address:
        return (
            LoopbackAddress(tmp_path / f"{node}.port", b"graph")
            if portable
            else FixedAddress(f"ipc://{tmp_path}/{node}")
        )

    def memory() -> Memory:
        return MappedFiles(tmp_path) if portable else Memfd()

    with zmq.Context() as context, ExitStack() as close:

        def make(*edges: Edge, slots: int = 8, resting: Callable[[], bool] = lambda: False) -> Ends:
            profile, ended = Profile("test", 1), set[str]()
            out = {
                edge.node: Publisher(context, address(edge.node), Rings(slots, memory()), Profile(edge.node, 1))
                for edge in edges
            }
            edges = (replace(edges[0], drives=True), *edges[1:])
            rings = Rings(memory=memory())
            subscribe_to = partial(subscribe, context, address, rings, profile)
            inputs = Inputs("test", edges, (), subscribe_to, rings, profile, ended, resting=resting)
            for each in (inputs, *out.values()):
                close.callback(each.close)
            for publisher in out.values():
                publisher.wait_for(1, LONG_S)
            return Ends(inputs, out, profile, ended)

        yield make


def frame(seq: int, stream: int = 1, size: tuple[int, int] = (4, 6)) -> Frame:
    return Frame(image=np.full((*size, 3), seq % 256, np.uint8), stream=stream, seq=seq, captured_ns=seq * 1000)


def flow(seq: int, stream: int = 1) -> Flow:
    return Flow(vectors=np.zeros((2, 3, 2)), since_ns=0, stream=stream, seq=seq, captured_ns=seq * 1000)


def test_the_reader_skips_to_the_newest_and_counts_what_it_passed_over(ends: Callable[..., Ends]) -> None:
    inputs, out, profile, _ = ends(Edge("frame", "camera", Frame))
    for seq in (1, 2, 3):
        out["camera"].send(frame(seq))
    until_arrived(inputs, 3)
    first = next(iter(inputs))
    for seq in (4, 5, 6, 7):
        out["camera"].send(frame(seq))
    until_arrived(inputs, 4)
    second = next(iter(inputs))
    assert first.driving.seq == 3
    assert second.driving.seq == 7
    assert profile.skipped == 3  # 4, 5 and 6: what was sent before the first look is nobody's loss


def test_what_one_that_has_taken_over_sends_at_once_is_read_one_by_one(ends: Callable[..., Ends]) -> None:
    """It has been held up by the change, and so is not skipped; after that the newest counts again."""
    inputs, out, profile, _ = ends(Edge("frame", "camera", Frame))
    for seq in (1, 2, 3):
        out["camera"].send(frame(seq))
    until_arrived(inputs, 3)
    assert next(iter(inputs)).driving.seq == 3
    out["camera"].send(frame(4))
    out["camera"].send(frame(5))
    until_arrived(inputs, 2)
    address = out["camera"].address
    out["camera"].close()
    with zmq.Context() as context:
        after = Publisher(context, address, Rings(), Profile("camera", 2))
        until(lambda: (inputs.look(), after.wait_for(1, 0.02), after._listeners)[2], "it is not found")
        for seq in range(6, 10):
            after.send(frame(seq))
        until_arrived(inputs, 4)
        assert [next(iter(inputs)).driving.seq for _ in range(5)] == [5, 6, 7, 8, 9]
        for seq in range(10, 10 + 2 * CATCH_UP, 2):  # and goes on to send more than is read
            after.send(frame(seq))
            after.send(frame(seq + 1))
            until_arrived(inputs, 2)
            last = next(iter(inputs)).driving.seq
        assert last == 9 + 2 * CATCH_UP
        after.close()
    assert profile.refused == 0


def test_one_that_takes_over_goes_on_after_the_last_frame_of_the_one_before(ends: Callable[..., Ends]) -> None:
    inputs, out, profile, _ = ends(Edge("frame", "camera", Frame))
    for seq in range(1, 5):
        out["camera"].send(frame(seq))
        inputs.pass_by(LONG_S)
    for seq in (5, 6):  # while nobody looked
        out["camera"].send(frame(seq))
    until_arrived(inputs, 2)
    inputs.pass_by(LONG_S)
    inputs.go_on_after({1: 2})
    out["camera"].send(frame(7))
    until_arrived(inputs, 1)
    assert [next(iter(inputs)).driving.seq for _ in range(5)] == [3, 4, 5, 6, 7]
    assert profile.skipped == 0


def test_a_second_input_brings_the_message_of_the_same_frame(ends: Callable[..., Ends]) -> None:
    inputs, out, _, _ = ends(Edge("frame", "camera", Frame), Edge("flow", "flow", Flow, optional=True, keep="same"))
    for seq in (1, 2, 3):
        out["flow"].send(flow(seq))
    out["flow"].send(flow(2, stream=9))
    until_arrived(inputs, 4, "flow")
    out["camera"].send(frame(2))
    until_arrived(inputs, 1, "camera")
    call = next(iter(inputs))
    assert call.values["flow"].seq == 2
    assert call.values["flow"].stream == 1


def test_a_late_second_input_is_waited_for(ends: Callable[..., Ends]) -> None:
    inputs, out, _, _ = ends(
        Edge("frame", "camera", Frame), Edge("flow", "flow", Flow, optional=True, keep="same", wait_ms=60_000)
    )
    out["camera"].send(frame(1))
    until_arrived(inputs, 1, "camera")
    late = threading.Timer(0.1, lambda: out["flow"].send(flow(1)))
    late.start()
    call = next(iter(inputs))
    late.join()
    assert call.values["flow"].seq == 1


def test_a_dead_second_input_is_waited_for_three_times_only(
    ends: Callable[..., Ends], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, out, _, _ = ends(
        Edge("frame", "camera", Frame), Edge("flow", "flow", Flow, optional=True, keep="same", wait_ms=60_000)
    )
    read, waits = iter(inputs), list[float]()
    _, flow_end = inputs._subscriptions
    # It is over at once, and in vain: how long a wait took would say little on a busy machine.
    monkeypatch.setattr(flow_end, "wait", lambda timeout_ms: waits.append(timeout_ms))
    waited = []
    for seq in range(1, 11):
        out["camera"].send(frame(seq))
        until_arrived(inputs, 1, "camera")
        assert next(read).values["flow"] is None
        waited.append(len(waits))
    assert waited == [1, 2, *[3] * 8]
    assert all(0 < wait_ms <= 60_000 for wait_ms in waits)


def test_a_needed_input_that_is_missing_skips_the_frame(ends: Callable[..., Ends]) -> None:
    inputs, out, profile, _ = ends(Edge("frame", "camera", Frame), Edge("flow", "flow", Flow, keep="same", wait_ms=1))
    out["camera"].send(frame(1))
    until_arrived(inputs, 1, "camera")
    assert next(iter(inputs)) is None
    assert profile.skipped == 1


def test_feedback_is_the_newest_there_is_until_it_is_a_second_old(ends: Callable[..., Ends]) -> None:
    inputs, out, _, _ = ends(
        Edge("frame", "camera", Frame), Edge("prior", "tracker", Hands, optional=True, keep="newest")
    )
    read = iter(inputs)
    for seq in (1, 2):
        out["tracker"].send(Hands(seq=seq, captured_ns=seq * 1000))
    until_arrived(inputs, 2, "tracker")
    for seq, expected in ((3, 2), (4, 2)):
        out["camera"].send(frame(seq))
        until_arrived(inputs, 1, "camera")
        assert next(read).values["prior"].seq == expected
    late = frame(5)
    late.captured_ns = 2_000_000_000
    out["camera"].send(late)
    until_arrived(inputs, 1, "camera")
    assert next(read).values["prior"] is None


def test_nothing_for_a_while_comes_as_none(ends: Callable[..., Ends]) -> None:
    inputs, _, _, _ = ends(Edge("frame", "camera", Frame))
    assert next(iter(inputs)) is None


def test_work_on_an_overwritten_frame_is_noticed_and_then_frames_are_copied(ends: Callable[..., Ends]) -> None:
    inputs, out, _, _ = ends(Edge("frame", "camera", Frame), slots=2)
    read = iter(inputs)
    size = (200, 300)
    out["camera"].send(frame(1, size=size))
    until_arrived(inputs, 1)
    slow = next(read)
    for seq in (2, 3):
        out["camera"].send(frame(seq, size=size))
    until_arrived(inputs, 2)
    assert not slow.intact()
    copied = next(read)
    for seq in (4, 5, 6):
        out["camera"].send(frame(seq, size=size))
    assert copied.intact()
    assert (copied.values["frame"].image == 3).all()


def test_garbage_on_the_wire_is_counted_and_passed_over(ends: Callable[..., Ends]) -> None:
    inputs, out, profile, _ = ends(Edge("frame", "camera", Frame))
    read = iter(inputs)
    out["camera"]._socket.send(out["camera"]._prefix + b"garbage")
    until_arrived(inputs, 1)
    assert next(read) is None
    out["camera"].send(frame(1))
    until_arrived(inputs, 1)
    assert next(read).driving.seq == 1
    assert profile.refused == 1


def test_an_ended_input_is_read_to_its_end_and_then_ends_the_inputs(ends: Callable[..., Ends]) -> None:
    inputs, out, _, ended = ends(Edge("frame", "camera", Frame))
    out["camera"].send(frame(1))
    until_arrived(inputs, 1)
    ended.add("camera")
    assert [call.driving.seq for call in inputs] == [1]


def test_who_rests_is_sent_nothing_and_goes_on_with_what_comes_then(ends: Callable[..., Ends]) -> None:
    rests: list[int] = []
    inputs, out, _, ended = ends(Edge("frame", "camera", Frame, keep="all"), resting=lambda: bool(rests))
    calls, camera = iter(inputs), out["camera"]
    camera.send(frame(1))
    until_arrived(inputs, 1)
    assert (first := next(calls)) is not None
    assert first.driving is not None
    rests.append(1)
    assert next(calls) is None
    until(lambda: (camera.ready(), not camera._ledger.accounts)[1], "it stays subscribed")
    for seq in range(2, 80):
        camera.send(frame(seq))  # nobody holds it up
    rests.clear()
    assert next(calls) is None
    until(lambda: (next(calls), camera.ready(), bool(camera._ledger.accounts))[2], "it does not come back")
    camera.send(frame(80))
    call = next(call for call in calls if call is not None)
    assert call.driving is not None
    assert call.driving.seq == 80
    rests.append(1)
    next(calls)
    ended.add("camera")
    assert [call for call in calls if call is not None] == []
