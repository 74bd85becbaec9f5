"""What is told of one frame: slots, and the datagrams a large frame is cut into."""

from typing import get_args

import pytest
from support.osc_receivers import parsed, some_hands

from handflow.outputs.osc.encoding import LARGEST
from handflow.outputs.osc.frame_builder import MAX_HANDS, FrameBuilder
from handflow.outputs.osc.hands import hands
from handflow.outputs.osc.layout import FrameUpdate, LayoutOptions, Protocol
from handflow.outputs.osc.layouts import LAYOUTS
from handflow.outputs.osc.tuio import tuio11


def test_a_slot_is_the_lowest_that_was_free() -> None:
    builder = FrameBuilder()
    builder.build(some_hands([5, 6, 7]), 0)
    state = builder.build(some_hands([5, 7], seq=2), 0)
    assert state.integers[:, 1].tolist() == [0, 2]
    state = builder.build(some_hands([5, 7, 8, 9], seq=3), 0)
    assert state.integers[:, 1].tolist() == [0, 2, 1, 3]


def test_a_slot_is_not_given_on_in_the_frame_that_its_hand_leaves_in() -> None:
    builder = FrameBuilder()
    builder.build(some_hands([5]), 0)
    state = builder.build(some_hands([6], seq=2), 0)
    assert state.integers[:, 1].tolist() == [1]


def update(ids: list[int], number: int = 77, seq: int = 88) -> FrameUpdate:
    return FrameUpdate(FrameBuilder().build(some_hands(ids, seq=seq), 0), number)


@pytest.mark.parametrize("count", [20, 23, 24, 60, MAX_HANDS])
@pytest.mark.parametrize("layout", [tuio11, hands])
def test_every_part_of_a_large_frame_stands_for_itself(layout, count: int) -> None:
    ids = tuple(range(1, count + 1))
    packets = layout(update(list(ids)), LayoutOptions(address="10.0.0.1", blobs=True))
    heard: dict[str, list[int]] = {}
    for datagram in [datagram for packet in packets for datagram in packet.datagrams(True)]:
        assert len(datagram) <= LARGEST
        messages = parsed(datagram)
        if layout is tuio11:
            profile = messages[0][0]
            assert messages[0] == (profile, "source", "handflow@10.0.0.1")
            assert messages[1] == (profile, "alive", *ids)
            assert messages[-1] == (profile, "fseq", 77)
            heard.setdefault(profile, []).extend(m[2] for m in messages[2:-1])
        else:
            assert messages[0][:3] == ("/hands/frame", 88, count)
            assert messages[-1] == ("/hands/alive", *ids)
            heard.setdefault("hands", []).extend(m[1] for m in messages[1:-1])
    assert all(tuple(heard_ids) == ids for heard_ids in heard.values())
    assert len(heard) == (2 if layout is tuio11 else 1)


def test_hands_fill_a_datagram_before_a_second_one_begins() -> None:
    # 16 bundle + 4 + 52 source + 4 + 20 + 8 n alive + n (4 + 52) sets + 4 + 28 fseq; alive's tags and ids are padded.
    sizes = []
    for count in range(1, 40):
        (packet,) = tuio11(update(list(range(count))), LayoutOptions(address="10.0.0.1"))
        sizes.append(len(packet.datagrams(True)))
    assert sizes.index(2) + 1 == 22


def test_each_protocol_has_a_layout() -> None:
    assert set(LAYOUTS) == set(get_args(Protocol))
