"""Gestures on their way to games: nothing that begins or ends is lost."""

import time

from handflow import Gestures, Hands, Phase
from handflow.outputs.json_line import gesture_lines
from handflow.outputs.osc.frame_builder import FrameBuilder
from handflow.outputs.osc.gestures import GestureChanges, hands_gestures, split_gestures
from handflow.outputs.osc.layout import LayoutOptions
from handflow.outputs.osc.receiver import OscReceiver
from handflow.outputs.osc.sent_gesture import SentGesture


def waving(phase: Phase) -> Gestures:
    return Gestures(
        name=["wave"], hand=[[7, -1]], phase=[phase], progress=[0.5], confidence=[0.75], xy=[[0.25, 0.5]], rate=[1.5]
    )


def sent(*messages: Gestures) -> list[list[SentGesture]]:
    hands = Hands(
        id=[7], state=[1], xy=[[0.25, 0.5]], velocity=[[0, 0]], radius=[0.02], score=[1], open=[1], is_open=[True],
        age=[1], width=160, height=90,
    )  # fmt: skip
    changes, state = GestureChanges(), FrameBuilder().build(hands, time.time_ns())
    return [changes.step(message, state) for message in messages]


def test_a_beginning_and_an_end_in_messages_that_were_skipped_are_sent_all_the_same() -> None:
    steps = sent(waving(Phase.PROGRESS), waving(Phase.PROGRESS), Gestures())
    assert [[each.phase for each in step] for step in steps] == [[Phase.START], [Phase.PROGRESS], [Phase.END]]


def test_the_hands_layout_says_all_of_it_and_monitor_reads_it() -> None:
    receiver = OscReceiver()
    for step in sent(waving(Phase.START), Gestures()):
        for datagram in hands_gestures(step, LayoutOptions()):
            assert isinstance(datagram, bytes)
            receiver.receive(datagram, "here", 9000)
    (stream,) = receiver
    assert (dict(stream.gestures), stream.events["gesture"], stream.wrong) == ({"wave": 1}, 2, {})


def test_split_sends_one_at_the_beginning_and_nought_at_the_end() -> None:
    receiver = OscReceiver()
    datagrams = [
        each for step in sent(waving(Phase.START), Gestures()) for each in split_gestures(step, LayoutOptions())
    ]
    for datagram in datagrams:
        assert isinstance(datagram, bytes)
        receiver.receive(datagram, "here", 9000)
    (stream,) = receiver
    assert [datagram.split(b"\0")[0] for datagram in datagrams] == [b"/hands/0/gesture/wave"] * 2  # type: ignore[union-attr]
    assert [datagram[-1] for datagram in datagrams] == [1, 0]  # type: ignore[index]
    assert (stream.events["gesture"], stream.wrong) == (2, {})


def test_the_line_names_the_hands_and_the_phase() -> None:
    assert gesture_lines(waving(Phase.START)) == [
        {"name": "wave", "hands": [7], "phase": "start", "progress": 0.5, "confidence": 0.75, "rate": 1.5}
    ]
