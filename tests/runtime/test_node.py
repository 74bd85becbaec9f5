"""How a node is driven: lists stand in for the sockets."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import msgspec
import numpy as np
import pytest

from handflow import Frame, Hands, Node, Range, now_ns
from handflow.messages import Hop, Message
from handflow.runtime.node import Call, run_node
from handflow.runtime.profile import Profile


class Published(list[Message]):
    send = list.append

    def ready(self, done: Message | None = None) -> None: ...


class Twice(Node):
    """Sends what it gets twice."""

    gain: Annotated[float, Range(0, 1), "of nothing"] = 0.5

    def process(self, hands: Hands) -> Iterator[Hands | None]:
        yield replace(hands, width=1)
        yield None
        yield replace(hands, width=2)


def drive(node: Node, *calls: Call | None) -> Published:
    publisher = Published()
    run_node(node, "twice", calls, publisher, Profile("twice", 1))
    return publisher


def given(**header: int) -> Call:
    hands = Hands(**header, hops=[Hop("tracker", 1, 2)])
    return Call({"hands": hands}, hands, received_ns=77)


def test_a_subclass_becomes_a_dataclass_of_its_settings() -> None:
    assert Twice(gain=0.25).gain == 0.25
    assert Twice().gain == 0.5
    with pytest.raises(TypeError):
        Twice(gian=0.25)


def test_the_header_is_carried_over_and_a_hop_is_added() -> None:
    first, second = drive(Twice(), given(stream=5, seq=6, captured_ns=7))
    for message in (first, second):
        assert (message.stream, message.seq, message.captured_ns) == (5, 6, 7)
        assert [hop.node for hop in message.hops] == ["tracker", "twice"]
        assert message.hops[1].received_ns == 77
        assert message.hops[1].sent_ns > 77


def test_a_message_passed_on_unchanged_does_not_gather_hops_in_its_input() -> None:
    class Same(Node):
        def process(self, hands: Hands) -> Hands:
            return hands

    call = given(seq=1)
    before = list(call.driving.hops)  # type: ignore[union-attr]
    hops_object = call.driving.hops  # type: ignore[union-attr]
    drive(Same(), call)
    assert hops_object == before


def test_work_on_an_overwritten_picture_is_not_sent() -> None:
    call = given(seq=1)
    call.intact = lambda: False
    profile = Profile("twice", 1)
    publisher = Published()
    run_node(Twice(), "twice", [call], publisher, profile)
    assert publisher == []
    assert profile.lost == 1


def test_a_source_is_numbered_and_stamped_by_the_runtime() -> None:
    class Source(Node):
        def process(self) -> Iterator[Frame]:
            for _ in range(3):
                yield Frame(image=np.zeros((2, 2, 3), np.uint8))

    messages = drive(Source(), Call({}))
    assert [message.seq for message in messages] == [1, 2, 3]
    assert len({message.stream for message in messages}) == 1
    assert messages[0].stream > 0
    assert 0 < messages[0].captured_ns <= messages[1].captured_ns


def test_a_source_that_numbers_its_own_frames_is_left_alone() -> None:
    class Replay(Node):
        def process(self) -> Iterator[Frame]:
            yield Frame(image=np.zeros((2, 2, 3), np.uint8), stream=8, seq=41, captured_ns=5)

    (message,) = drive(Replay(), Call({}))
    assert (message.stream, message.seq, message.captured_ns) == (8, 41, 5)


def test_what_has_grown_old_in_a_source_is_not_sent_but_counted() -> None:
    class Camera(Node):
        def process(self) -> Iterator[Frame]:
            for age_s in (0, 0.2, 0.05, 5):
                self.max_age_s = 0.1
                yield Frame(image=np.zeros((2, 2, 3), np.uint8), captured_ns=now_ns() - round(age_s * 1e9))

    profile, publisher = Profile("camera", 1), Published()
    run_node(Camera(), "camera", [Call({})], publisher, profile)
    assert [message.seq for message in publisher] == [1, 2]
    assert profile.skipped == 2


def test_idle_is_called_when_nothing_comes() -> None:
    class Waiting(Node):
        def start(self) -> None:
            self.idles = 0

        def process(self, hands: Hands) -> None:
            pass

        def idle(self) -> None:
            self.idles += 1

    node = Waiting()
    node.start()
    drive(node, None, given(seq=1), None)
    assert node.idles == 2


def test_what_a_node_keeps_is_stored_before_its_message_is_sent() -> None:
    class Counter(Node):
        def process(self, hands: Hands) -> Hands:
            self.persistent["last"] = hands.seq // 2
            return hands

    order: list[str] = []

    class Watched(Published):
        def send(self, message: Message) -> None:  # type: ignore[override]
            order.append(f"sent {message.seq}")

    calls = [given(seq=seq) for seq in (2, 3, 4)]
    run_node(Counter(), "c", calls, Watched(), Profile("c", 1), lambda kept: order.append(f"kept {kept['last']}"))
    assert order == ["kept 1", "sent 2", "sent 3", "kept 2", "sent 4"]


def test_a_bound_is_in_the_annotation() -> None:
    assert msgspec.convert(1, Annotated[float, Range(0, 1)]) == 1.0
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(1.5, Annotated[float, Range(0, 1)])
