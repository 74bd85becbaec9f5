"""Messages as dora carries them, and what readers and senders hear of each other."""

import importlib.util
from collections import deque
from typing import Any

import numpy as np
import pytest
import zmq
from support.needed import need

from handflow.errors import WireError
from handflow.messages import Frame, Hands, Hop, layout_of
from handflow.runtime.node import Stopped
from handflow.runtime.transport.wire import Nothing, Packed, decode, encode, head_of

pytestmark = pytest.mark.slow  # Arrow is in an extra


@pytest.fixture
def arrow() -> Any:
    need(importlib.util.find_spec("dora"), "pip install 'dora-rs==1.1.*'")
    from handflow.runtime.dora import arrow

    return arrow


class FakeNode:
    """dora's, with events that were written by hand."""

    def __init__(self) -> None:
        self.events: deque[dict[str, Any]] = deque()
        self.sent: list[tuple[str, Any, dict[str, Any]]] = []

    def drain(self) -> list[dict[str, Any]]:
        events = list(self.events)
        self.events.clear()
        return events

    def send_output(self, name: str, value: Any, metadata: dict[str, Any]) -> None:
        self.sent.append((name, value, metadata))


def hands() -> Hands:
    made = Hands(
        id=np.array([3, 4]),
        state=np.array([1, 1]),
        xy=np.array([[0.1, 0.2], [0.3, 0.4]]),
        velocity=np.array([[0.0, 0.0], [1.0, 1.0]]),
        radius=np.array([0.1, 0.2]),
        score=np.array([1.0, 1.0]),
        open=np.array([0.0, 1.0]),
        is_open=np.array([False, True]),
        age=np.array([0.5, 1.5]),
        zones=["left", "right"],
        width=640,
    )
    made.stream, made.seq, made.captured_ns, made.sent = 1795939311199112555, 7, 1795939311199112556, 9
    made.hops = [Hop("camera", 1, 2), Hop("tracker", 3, 4)]
    return made


def test_a_message_and_its_header_come_back_as_they_were(arrow: Any) -> None:
    arrays = arrow.ArrowArrays()
    image = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    for message in (hands(), Hands(), Frame(image=image, seq=2), Nothing(seq=3)):
        value, metadata = arrays.outgoing(encode(message, arrays, by=5))
        assert metadata["seq"] == message.seq
        arrived = arrays.incoming(value, metadata)
        back, _ = decode(arrived, type(message), arrays)
        for name in layout_of(type(message)).plain:
            assert getattr(back, name) == getattr(message, name), name
        for name in layout_of(type(message)).arrays:
            assert np.array_equal(getattr(back, name), getattr(message, name)), name
            assert not getattr(back, name).flags.writeable
    assert not arrays._sending


def test_others_nodes_read_it_without_knowing_us(arrow: Any) -> None:
    value, metadata = arrow.ArrowArrays().outgoing(encode(hands(), None))
    assert value.field("id").flatten().to_pylist() == [3, 4]
    assert metadata["type"] == "Hands"
    assert metadata["hops"] == ["camera", "tracker"]


def test_arrays_live_as_long_as_the_message_and_no_longer(arrow: Any) -> None:
    arrays = arrow.ArrowArrays()
    arrived = arrays.incoming(*arrays.outgoing(encode(hands(), arrays)))
    packed, _ = decode(arrived, Packed, arrays)
    assert np.array_equal(packed.fields["id"], [3, 4])
    assert len(arrays._arrived) == 1
    del arrived
    assert len(arrays._arrived) == 0
    assert np.array_equal(packed.fields["id"], [3, 4])


def test_what_is_no_message_is_refused(arrow: Any) -> None:
    import pyarrow

    arrays = arrow.ArrowArrays()
    value, metadata = arrays.outgoing(encode(hands(), arrays))
    wrong = [(pyarrow.array([1]), metadata), (value, {}), (value, metadata | {"shapes": '{"id": ["<i4", [3]]}'})]
    for each in wrong[:2]:
        with pytest.raises(WireError):
            arrays.incoming(*each)
    with pytest.raises(WireError):
        decode(arrays.incoming(*wrong[2]), Hands, arrays)


def test_readers_choose_a_stream_and_each_is_told_what_it_reads(arrow: Any) -> None:
    from handflow.runtime.dora.sockets import Dataflow

    node, arrays = FakeNode(), arrow.ArrowArrays()
    flow = Dataflow(node, "tracker", arrays, set(), 0)
    a, b = flow.socket(zmq.SUB), flow.socket(zmq.SUB)
    for socket, head in ((a, head_of("a")), (b, b"")):
        socket.setsockopt(zmq.SUBSCRIBE, head)
        socket.connect("heatmap")
    for head in (head_of("a"), head_of("c")):
        value, metadata = arrays.outgoing(head + encode(hands(), arrays))
        node.events.append({"type": "INPUT", "id": "out-heatmap", "value": value, "metadata": metadata})
    assert a.poll(0)
    assert (len(a.queue), len(b.queue)) == (1, 2)


def test_a_reader_is_announced_until_it_is_heard_and_again_when_its_producer_was_restarted(arrow: Any) -> None:
    from handflow.runtime.dora.sockets import Dataflow

    node, arrays = FakeNode(), arrow.ArrowArrays()
    flow = Dataflow(node, "record", arrays, set(), 0)
    reader = flow.socket(zmq.XSUB)
    reader.send(b"\x01all record 1")
    reader.connect("tracker")

    def announced() -> int:
        flow._announce_due_s = 0
        node.sent.clear()
        reader.poll(0)
        return sum(metadata == {"to": "tracker"} for _, _, metadata in node.sent)

    assert announced() == announced() == 1
    value, metadata = arrays.outgoing(encode(hands(), arrays))
    node.events.append({"type": "INPUT", "id": "out-tracker", "value": value, "metadata": metadata})
    announced()
    assert announced() == 0
    node.events.append({"type": "NODE_RESTARTED", "id": "tracker"})
    announced()
    assert announced() == 1


def test_a_sender_hears_each_reader_once_and_that_it_has_gone(arrow: Any) -> None:
    import pyarrow

    from handflow.runtime.dora.sockets import Dataflow

    node, ended = FakeNode(), set[str]()
    flow = Dataflow(node, "tracker", arrow.ArrowArrays(), ended, 0)
    sender = flow.socket(zmq.XPUB)
    sender.bind()
    said = {"type": "INPUT", "id": "read-record", "value": pyarrow.array([b"\x01all record 1"], pyarrow.binary())}
    node.events += [said | {"metadata": {"to": "tracker"}}, said | {"metadata": {"to": "tracker"}}]
    node.events += [said | {"metadata": {"to": "heatmap"}}, {"type": "NODE_RESTARTED", "id": "record"}]
    sender.poll(0)
    assert list(sender.queue) == [b"\x01all record 1", b"\x00all record 1"]
    node.events.append({"type": "STOP", "id": "MANUAL"})
    with pytest.raises(Stopped):
        sender.poll(0)


def test_a_producer_that_has_ended_is_said_to_have_and_what_it_sent_stays(arrow: Any) -> None:
    from handflow.runtime.dora.sockets import Dataflow

    node, arrays, ended = FakeNode(), arrow.ArrowArrays(), set[str]()
    flow = Dataflow(node, "osc", arrays, ended, 0)
    socket = flow.socket(zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect("tracker")
    value, metadata = arrays.outgoing(encode(hands(), arrays))
    node.events += [
        {"type": "INPUT", "id": "out-tracker", "value": value, "metadata": metadata},
        {"type": "INPUT_CLOSED", "id": "out-tracker"},
        {"type": "STOP", "id": "ALL_INPUTS_CLOSED"},
    ]
    assert socket.poll(0)
    assert ended == {"tracker"}
    assert len(socket.queue) == 1
