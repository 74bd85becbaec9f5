"""What a target may choose: rates, bundles, places, sizes, zones, and other targets while it runs."""

from typing import get_args

import pytest
from pythonosc.osc_bundle import OscBundle
from support.osc_receivers import Mailbox, parsed, some_hands, values

from handflow import SetupError
from handflow.outputs.osc.delta import NO_CHANGE
from handflow.outputs.osc.layout import Protocol
from handflow.runtime.graph.stage import declaration_of
from handflow.runtime.process.commands import change
from handflow.stages.osc import Osc, Target

pytestmark = pytest.mark.usefixtures("osc_in_no_time")


PROTOCOLS = get_args(Protocol)


def test_a_rate_leaves_frames_out_and_tells_later_what_happened_in_them(mailbox: Mailbox, started) -> None:
    node = started({"protocol": "hands", "port": mailbox.port, "rate": 0.1})
    mailbox.datagrams()
    sender = node.senders[0]
    node.process(some_hands([7], seq=1))
    assert values(mailbox.messages(), "/hands/enter") == [(7, 0, 0.25, 0.5)]
    for seq, ids in ((2, [7, 8]), (3, [7, 8, 9]), (4, [8])):
        node.process(some_hands(ids, seq=seq))
    assert mailbox.messages() == []
    sender._due_s = 0
    node.process(some_hands([8], seq=5))
    messages = mailbox.messages()
    assert values(messages, "/hands/enter") == [(8, 1, 0.25, 0.5)]
    assert values(messages, "/hands/leave") == [(7, 0, 0.25, 0.5)]  # and 9, which came and went, was never told
    node.received_s -= 2
    node.idle()
    assert values(mailbox.messages(), "/hands/alive") == [()]  # that everybody has left never waits


@pytest.mark.parametrize(("fps", "expected"), [(30, 20), (60, 20), (20, 20), (10, 10)])
def test_a_rate_is_kept_on_average(mailbox: Mailbox, started, fps: int, expected: int) -> None:
    node = started({"protocol": "tuio11", "port": mailbox.port, "rate": 20})
    sender = node.senders[0]
    before = sender.frames
    for step in range(10 * fps):
        sender.send(node.builder.last, NO_CHANGE, 1000 + step / fps + 0.1 / fps * (-1) ** step)  # no camera is steady
    assert sender.frames - before == pytest.approx(10 * expected, abs=1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bundles_can_be_had_or_not(mailbox: Mailbox, started, protocol: Protocol) -> None:
    contents = []
    for bundles in (True, False):
        node = started({"protocol": protocol, "port": mailbox.port, "bundles": bundles})
        mailbox.datagrams()
        node.process(some_hands([7, 8]))
        node.process(some_hands([7, 8], seq=2, at_s=101))
        datagrams = mailbox.datagrams()
        events = [d for d in datagrams if b"/enter" in d and protocol == "hands"]
        assert all(OscBundle.dgram_is_bundle(d) == bundles for d in datagrams if d not in events)
        contents.append([m for d in datagrams for m in parsed(d) if m[0] not in ("/tuio2/frm", "/hands/frame")])
        if protocol in ("tuio11", "augmenta2"):  # the frame's number goes on between the two
            contents[-1] = [tuple(v for v in m if not isinstance(v, int) or v < 1000) for m in contents[-1]]
    assert contents[0] == contents[1]


def cursor(mailbox: Mailbox, started, **chosen: object) -> tuple:
    """(x, y, X, Y, m) of a hand that was faster before."""
    node = started({"protocol": "tuio11", "port": mailbox.port, **chosen})
    node.process(some_hands([7], velocity=[[0.6, 0.8]]))
    mailbox.datagrams()
    node.process(some_hands([7], seq=2, at_s=100.5, xy=[[1.25, 0.25]], velocity=[[0.3, 0.4]]))
    (found,) = [m for m in mailbox.messages() if m[:2] == ("/tuio/2Dcur", "set")]
    return found[3:]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, (1, 0.25, 0.3, 0.4, -1)),
        ({"clamp": False}, (1.25, 0.25, 0.3, 0.4, -1)),
        ({"flip": "x"}, (0, 0.25, -0.3, 0.4, -1)),
        ({"flip": "xy", "clamp": False}, (-0.25, 0.75, -0.3, -0.4, -1)),
        ({"swap": True}, (0.25, 1, 0.4, 0.3, -1)),
        ({"scale": (2.0, 2.0), "offset": (-1.0, -1.0)}, (1, -0.5, 0.6, 0.8, -2)),
        ({"flip": "x", "swap": True, "scale": (-4.0, 10.0)}, (-1, 0, -1.6, -3, (3.4 - 6.8) / 0.5)),
    ],
)  # fmt: skip
def test_a_target_sees_places_as_it_likes(mailbox: Mailbox, started, chosen: dict, expected: tuple) -> None:
    assert cursor(mailbox, started, **chosen) == pytest.approx(expected, abs=1e-5)


def test_sizes_follow_swap_and_scale(mailbox: Mailbox, started) -> None:
    node = started({"protocol": "hands", "port": mailbox.port, "swap": True, "scale": (-2.0, 4.0)})
    node.process(some_hands([7]))
    (hand,) = values(mailbox.messages(), "/hands/hand")
    assert hand[6:8] == (1.0, 1.0)  # 0.25 of the width and 0.5 of the height, exchanged and scaled


def test_two_targets_see_the_same_hands_differently(mailbox: Mailbox, started) -> None:
    node = started(
        {"protocol": "hands", "port": mailbox.port, "base": "/a"},
        {"protocol": "hands", "port": mailbox.port, "base": "/b", "flip": "x"},
    )
    node.process(some_hands([7]))
    messages = mailbox.messages()
    assert [values(messages, f"/{base}/hand")[0][4] for base in "ab"] == [0.25, 0.75]


def test_two_machines_are_told_the_same_but_each_what_it_has_missed(mailbox: Mailbox, started) -> None:
    other = Mailbox()
    node = started(
        *({"protocol": protocol, "port": box.port} for protocol in PROTOCOLS for box in (mailbox, other)),
        {"protocol": "hands", "port": other.port, "base": "/slow", "rate": 0.1},
    )
    mailbox.datagrams(), other.datagrams()
    heard: tuple[list, list] = ([], [])
    for seq, ids in enumerate(([7], [7, 8], [8], []), 1):
        node.process(some_hands(ids, seq=seq))
        node.senders[-1]._due_s *= seq != 3  # the fourth frame is in time
        for box, found in zip((mailbox, other), heard, strict=True):
            found += box.datagrams()
    slow = [m for d in heard[1] for m in parsed(d) if m[0].startswith("/slow")]
    assert heard[0] == [d for d in heard[1] if b"/slow" not in d]
    assert [m[0] for m in slow if m[0] in ("/slow/enter", "/slow/leave")] == ["/slow/enter", "/slow/leave"]
    other.socket.close()


def test_a_slot_beyond_the_last_is_counted_but_not_told(mailbox: Mailbox, started) -> None:
    node = started({"protocol": "hands-split", "port": mailbox.port, "slots": 2})
    mailbox.datagrams()
    node.process(some_hands([7, 8, 9]))
    messages = mailbox.messages()
    assert values(messages, "/hands/count") == [(3,)]
    assert {m[0].split("/")[2] for m in messages} == {"count", "0", "1"}


def test_augmenta_says_twice_who_left_unless_the_hand_is_back(mailbox: Mailbox, started) -> None:
    node = started({"protocol": "augmenta2", "port": mailbox.port})
    update = []
    for seq, ids in enumerate(([7, 8], [], [8], []), 1):
        mailbox.datagrams()
        node.process(some_hands(ids, seq=seq))
        update.append([(m[0].rpartition("/")[2], m[2]) for m in mailbox.messages() if m[0] != "/scene"])
    assert update == [
        [("enter", 7), ("enter", 8)],
        [("leave", 7), ("leave", 8)],
        [("enter", 8), ("leave", 7)],
        [("leave", 8)],
    ]


def test_augmenta_tells_the_way_a_hand_moves_and_the_scene_in_metres(mailbox: Mailbox, started) -> None:
    node = started({"protocol": "augmenta2", "port": mailbox.port, "size_m": (4.0, 3.0)})
    mailbox.datagrams()
    node.process(some_hands([7, 8, 9], velocity=[[1, 0], [0, -1], [0, 1]]))
    messages = mailbox.messages()
    assert [m[6] for m in values(messages, "/object/enter")] != []
    assert [m[8] for m in values(messages, "/object/enter")] == [0, 90, 270]
    assert values(messages, "/scene")[0][1:] == (3, 4, 3)


def test_zones_are_told_when_a_hand_comes_and_goes_and_dwells(mailbox: Mailbox, started) -> None:
    node = started({"protocol": "hands", "port": mailbox.port})
    update = []
    steps: list[tuple[list[int], list[int], list[bool]]] = [
        ([7], [-1], [False]), ([7], [0], [False]), ([7], [0], [True]), ([7], [1], [False]), ([], [], []),
    ]  # fmt: skip
    for seq, (ids, zone, dwelt) in enumerate(steps, 1):
        mailbox.datagrams()
        node.process(some_hands(ids, seq=seq, zone=zone, dwelt=dwelt, zones=["door", "füße" + "x" * 100]))
        update.append([m[1:] for m in mailbox.messages() if m[0] in ("/hands/zone", "/hands/dwell")])
    cut = "füße" + "x" * 54  # 60 bytes
    assert update == [
        [],
        [(7, 0, "door", 1)],
        [(7, 0, "door")],
        [(7, 0, "door", 0), (7, 0, cut, 1)],
        [(7, 0, cut, 0)],
    ]


def test_other_targets_while_it_runs_leave_nobody_in_the_old_ones(mailbox: Mailbox, started) -> None:
    node = started({"protocol": "tuio11", "port": mailbox.port})
    node.process(some_hands([7]))
    first = node.senders[0].number
    what, other = declaration_of(Osc), Mailbox()
    mailbox.datagrams()
    assert not change(node, what, {"lost_s": 5.0})
    assert mailbox.datagrams() == []  # no game notices
    assert change(node, what, {"targets": [{"protocol": "tuio11", "port": other.port}]})
    assert {m for m in mailbox.messages() if m[1] == "alive"} == {("/tuio/2Dcur", "alive")}
    node.process(some_hands([7], seq=2))
    assert ("/tuio/2Dcur", "alive", 7) in other.messages()
    assert node.senders[0].number >= first
    with pytest.raises(SetupError, match="expected each target once"):
        change(node, what, {"targets": [{"protocol": "tuio11"}, {"protocol": "tuio11"}]})
    node.process(some_hands([7], seq=3))
    assert ("/tuio/2Dcur", "alive", 7) in other.messages()  # as before
    other.socket.close()


@pytest.mark.parametrize("base", ["/ä", "hands", "/a b", "/a*", "/" + "x" * 70, "//"])
def test_an_address_that_no_receiver_could_match_is_refused(base: str) -> None:
    import msgspec

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"protocol": "hands", "base": base}, Target)
