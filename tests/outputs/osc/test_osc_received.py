"""What a receiver makes of OSC: frames, hands, what is missing and what is wrong."""

import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from support.osc_receivers import Mailbox, some_hands

from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.receiver import OscReceiver, ReceivedStream
from handflow.stages.osc import Osc, Target

pytestmark = pytest.mark.usefixtures("osc_in_no_time")


def sender(protocol: Protocol, port: int) -> Osc:
    """A started stage."""
    node = Osc(targets=[Target(protocol=protocol, port=port, slots=64)])
    node.start()
    return node


def stream_of(receiver: OscReceiver) -> ReceivedStream:
    (stream,) = receiver
    return stream


def test_monitor_counts_frames_that_are_missing_and_starts_anew(mailbox: Mailbox) -> None:
    receiver = OscReceiver()
    node = sender("tuio11", mailbox.port)
    for seq in range(1, 11):
        node.process(some_hands([7], seq=seq))
    datagrams = mailbox.datagrams()
    node.stop()
    for datagram in datagrams[:3] + datagrams[5:]:
        receiver.receive(datagram, "me", 1, 0.0)
    assert stream_of(receiver).missing == 2
    receiver.receive(datagrams[0], "me", 1, 0.0)
    assert stream_of(receiver).starts == 1


@pytest.mark.parametrize(
    ("protocol", "fault"),
    [("hands", "hands missing in a frame"), ("tuio11", "hands that came without a position")],
)
def test_monitor_tells_of_hands_missing_from_a_frame(protocol: Protocol, fault: str, mailbox: Mailbox) -> None:
    receiver = OscReceiver()
    node = sender(protocol, mailbox.port)
    node.process(some_hands([0]))
    first = mailbox.datagrams()
    node.process(some_hands(list(range(30)), seq=2))
    parts = mailbox.datagrams()
    node.process(some_hands(list(range(30)), seq=3))
    for datagram in (*first, *parts[1:], *mailbox.datagrams()):
        receiver.receive(datagram, "me", 1, 0.0)
    node.stop()
    stream = stream_of(receiver)
    assert list(stream.faults) == [fault]
    assert 0 < stream.faults[fault] < 29
    assert (stream.missing, len(stream.hands)) == (0, 30)


def tuio(profile: str, ids: list[int], number: int, **places: float) -> bytes:
    """A bundle as other trackers send it: who is there, of some where, and the frame's number."""
    bundle = OscBundleBuilder(IMMEDIATELY)
    for values in (["alive", *ids], *(["set", int(id_[1:]), x, 0.5, 0.0, 0.0, 0.0] for id_, x in places.items())):
        message = OscMessageBuilder(f"/tuio/{profile}")
        for value in values:
            message.add_arg(value)
        bundle.add_content(message.build())
    message = OscMessageBuilder(f"/tuio/{profile}")
    message.add_arg("fseq")
    message.add_arg(number)
    bundle.add_content(message.build())
    return bundle.build().dgram


def test_a_frame_sent_once_more_is_no_frame_and_none_is_missing() -> None:
    receiver = OscReceiver()
    for number, ids in ((1, [7]), (2, [7, 8]), (-1, [7, 8]), (3, [8]), (-1, []), (4, [])):
        receiver.receive(tuio("2Dcur", ids, number, **{f"_{id_}": 0.5 for id_ in ids}), "me", 1, 0.0)
    stream = stream_of(receiver)
    assert (stream.frames, stream.missing, stream.starts, stream.faults) == (4, 0, 0, {})
    assert (stream.entered, stream.left, stream.hands) == (2, 2, {})


def test_hands_that_have_not_changed_may_be_left_out() -> None:
    receiver = OscReceiver()
    receiver.receive(tuio("2Dcur", [7, 8], 1, _7=0.1), "me", 1, 0.0)  # 8 was told of before we listened
    receiver.receive(tuio("2Dcur", [7, 8, 9], 2, _9=0.3), "me", 1, 1.0)
    receiver.receive(tuio("2Dcur", [7, 8, 9], 3), "me", 1, 3.5)
    stream = stream_of(receiver)
    assert (stream.faults, stream.stuck(3.6), stream.hand_frames) == ({}, [], 8)
    assert {id_: hand.values.get("x") for id_, hand in stream.hands.items()} == pytest.approx({7: 0.1, 8: None, 9: 0.3})
    assert stream.stuck(6) == [7, 8, 9]


def test_profiles_have_lists_of_their_own() -> None:
    receiver = OscReceiver()
    for number in (1, 2):
        receiver.receive(tuio("2Dcur", [7], number, _7=0.5), "me", 1, 0.0)
        receiver.receive(tuio("2Dblb", [], number), "me", 1, 0.0)
    cursors, blobs = receiver
    assert (cursors.base, cursors.frames, cursors.left, list(cursors.hands)) == ("", 2, 0, [7])
    assert (blobs.base, blobs.frames, blobs.faults) == ("2Dblb", 2, {})


def test_monitor_tells_of_wrong_types_and_of_what_is_no_osc() -> None:
    receiver = OscReceiver()
    receiver.receive(b"/hands/enter\0\0\0\0,iid\0\0\0\0" + bytes(16), "me", 1)
    receiver.receive(b"/hands/open\0,ii\0" + bytes(8), "me", 1)
    receiver.receive(b"/else\0\0\0,i\0\0" + bytes(4), "me", 1)
    receiver.receive(b"/hands/frame\0\0\0\0,iiiiif\0" + bytes(20) + b"\x7f\xc0\0\0", "me", 1)
    receiver.receive(b"no OSC", "me", 1)
    stream = stream_of(receiver)
    assert list(stream.wrong) == [
        ("/hands/enter", "iiff", "iid"), ("/hands/frame", "i{5}f", "iiiiif with a number that is none"),
    ]  # fmt: skip
    assert stream.events == {"open": 1}
    assert receiver.unknown == {"/else": 1}
    assert receiver.unreadable == 1


def test_monitor_of_one_protocol_leaves_the_others_out() -> None:
    receiver = OscReceiver("hands")
    receiver.receive(b"/tuio/2Dcur\0,s\0\0alive\0\0\0", "me", 1)
    assert list(receiver) == []
    assert receiver.unknown == {"/tuio/2Dcur": 1}
