"""Hands -> OSC: what arrives is read by liblo's oscdump and by python-osc, neither of which was written here."""

import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from support.clocks import StillClock
from support.osc_receivers import Mailbox, some_hands
from support.oscdump import Dump

from handflow import SetupError, State
from handflow.outputs import udp
from handflow.outputs.osc.frame_builder import MAX_HANDS
from handflow.stages import osc as stage
from handflow.stages.osc import Osc, Target


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """On a busy machine a second passes anywhere, and then comes a status or an empty frame that nobody asked for."""
    return StillClock(monkeypatch, stage, udp)


@pytest.fixture
def osc(mailbox: Mailbox, clock: StillClock) -> Iterator[Osc]:
    """A started stage that sends both layouts to the mailbox, which is empty; no time passes."""
    node = Osc(targets=[Target(protocol=protocol, port=mailbox.port) for protocol in ("tuio11", "hands")])
    node.start()
    mailbox.datagrams()
    yield node
    node.stop()


def test_oscdump_reads_tuio_frames_from_start_to_end(dump: Dump) -> None:
    node = Osc(targets=[Target(protocol="tuio11", port=dump.port, blobs=True)])
    node.start()
    first = node.first
    node.process(some_hands([7], at_s=100.0, velocity=[[0.3, 0.4]]))
    node.process(some_hands([7, 9], seq=2, at_s=100.5, velocity=[[0.6, 0.8], [0, 0]]))
    node.stop()
    empty = ['{} ss "source" "handflow@127.0.0.1"', '{} s "alive"', '{} si "fseq" %d']
    cur, blb = "/tuio/2Dcur", "/tuio/2Dblb"
    assert dump.lines(f'{blb} si "fseq" {first + 4}') == [
        *[line.format(cur) for line in empty[:2]],
        f'{cur} si "fseq" {first}',
        *[line.format(blb) for line in empty[:2]],
        f'{blb} si "fseq" {first}',
        f'{cur} ss "source" "handflow@127.0.0.1"',
        f'{cur} si "alive" 7',
        f'{cur} sifffff "set" 7 0.250000 0.500000 0.300000 0.400000 0.000000',
        f'{cur} si "fseq" {first + 1}',
        f'{blb} ss "source" "handflow@127.0.0.1"',
        f'{blb} si "alive" 7',
        # The box is twice the radius of 0.125 of the width of 1000: 250 pixels, half of the height of 500.
        f'{blb} sifffffffffff "set" 7 0.250000 0.500000 0.000000 0.250000 0.500000 0.125000 '
        "0.300000 0.400000 0.000000 0.000000 0.000000",
        f'{blb} si "fseq" {first + 1}',
        f'{cur} ss "source" "handflow@127.0.0.1"',
        f'{cur} sii "alive" 7 9',
        # From 0.5 to 1.0 per second within half a second.
        f'{cur} sifffff "set" 7 0.250000 0.500000 0.600000 0.800000 1.000000',
        f'{cur} sifffff "set" 9 0.250000 0.500000 0.000000 0.000000 0.000000',
        f'{cur} si "fseq" {first + 2}',
        f'{blb} ss "source" "handflow@127.0.0.1"',
        f'{blb} sii "alive" 7 9',
        f'{blb} sifffffffffff "set" 7 0.250000 0.500000 0.000000 0.250000 0.500000 0.125000 '
        "0.600000 0.800000 0.000000 1.000000 0.000000",
        f'{blb} sifffffffffff "set" 9 0.250000 0.500000 0.000000 0.250000 0.500000 0.125000 '
        "0.000000 0.000000 0.000000 0.000000 0.000000",
        f'{blb} si "fseq" {first + 2}',
        # Twice: a lost datagram would leave hands in the game for ever.
        *[line.format(cur) for line in empty[:2]],
        f'{cur} si "fseq" {first + 3}',
        *[line.format(blb) for line in empty[:2]],
        f'{blb} si "fseq" {first + 3}',
        *[line.format(cur) for line in empty[:2]],
        f'{cur} si "fseq" {first + 4}',
        *[line.format(blb) for line in empty[:2]],
        f'{blb} si "fseq" {first + 4}',
    ]


def test_oscdump_reads_our_own_layout_with_its_events(dump: Dump) -> None:
    node = Osc(targets=[Target(protocol="hands", port=dump.port, base="/room/hands")])
    node.start()
    node.process(some_hands([7], seq=41, at_s=2.25, is_open=[True], open=[0.75], state=np.array([State.NEW])))
    node.process(some_hands([7], seq=42, at_s=2.5, state=np.array([State.LEAVING])))
    node.stop()
    found = dump.lines("/room/hands/leave")
    latency = found[2].split()[-1]
    assert found[:7] == [
        "/room/hands/frame iiiiif 0 0 0 0 0 0.000000",
        "/room/hands/alive",
        f"/room/hands/frame iiiiif 41 1 0 2 250000 {latency}",
        "/room/hands/hand iiiifffffffff 7 0 0 -1 "
        "0.250000 0.500000 0.250000 0.500000 0.000000 0.000000 0.750000 1.000000 0.750000",
        "/room/hands/alive i 7",
        "/room/hands/enter iiff 7 0 0.250000 0.500000",
        "/room/hands/open ii 7 1",
    ]
    assert found[7].startswith("/room/hands/frame iiiiif 42 0 0 2 500000 ")
    assert found[8].startswith("/room/hands/hand iiiifffffffff 7 0 3 -1 0.250000")
    assert found[9:] == ["/room/hands/alive", "/room/hands/leave iiff 7 0 0.250000 0.500000"]


def test_only_int32_float32_and_text_leave_and_bundles_are_for_now(osc: Osc, mailbox: Mailbox) -> None:
    osc.second_s -= 2
    osc.process(some_hands([7], is_open=[True]))
    osc.process(some_hands([], seq=2))
    for datagram in mailbox.datagrams():
        if datagram.startswith(b"#bundle\0"):
            assert datagram[8:16] == b"\0\0\0\0\0\0\0\1"  # "immediately"
            messages = list(OscBundle(datagram))
        else:
            messages = [OscMessage(datagram)]
        for message in messages:
            start = message.dgram.index(b",")
            tags = message.dgram[start + 1 : message.dgram.index(b"\0", start)]
            assert set(tags) <= set(b"ifs")


def test_a_leaving_hand_is_not_alive(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7, 8]))
    mailbox.datagrams()
    osc.process(some_hands([7, 8], seq=2, state=np.array([State.TRACKED, State.LEAVING])))
    messages = mailbox.messages()
    assert ("/tuio/2Dcur", "alive", 7) in messages
    assert ("/hands/alive", 7) in messages
    assert ("/hands/leave", 8, 1, 0.25, 0.5) in messages


def test_a_hand_whose_leaving_message_was_skipped_leaves_all_the_same(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7]))
    mailbox.datagrams()
    osc.process(some_hands([], seq=3))
    messages = mailbox.messages()
    assert ("/hands/leave", 7, 0, 0.25, 0.5) in messages
    assert ("/tuio/2Dcur", "alive") in messages


def test_a_leaving_hand_that_was_never_seen_is_not_mentioned(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7], state=np.array([State.LEAVING])))
    assert not [m for m in mailbox.messages() if 7 in m]


def test_a_predicted_hand_is_alive(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7], state=np.array([State.PREDICTED])))
    assert ("/tuio/2Dcur", "alive", 7) in mailbox.messages()


def test_opening_and_closing_are_told_once(osc: Osc, mailbox: Mailbox) -> None:
    for seq, is_open in enumerate([False, True, True, False], 1):
        osc.process(some_hands([7], seq=seq, is_open=[is_open]))
    assert [m for m in mailbox.messages() if m[0] == "/hands/open"] == [("/hands/open", 7, 1), ("/hands/open", 7, 0)]


def test_numbers_that_are_none_never_leave(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7, 8], xy=[[np.nan, 0.5], [0.25, 0.5]], velocity=[[0, 0], [np.inf, 0]], radius=[1, np.nan]))
    messages = mailbox.messages()
    assert ("/tuio/2Dcur", "alive", 8) in messages
    assert ("/tuio/2Dcur", "set", 8, 0.25, 0.5, 0, 0, 0) in messages
    assert all(np.isfinite([value for value in m[1:] if not isinstance(value, str)]).all() for m in messages)


def test_places_outside_the_picture_are_sent_as_its_edge(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7], xy=[[-0.25, 1.5]]))
    assert ("/tuio/2Dcur", "set", 7, 0, 1, 0, 0, 0) in mailbox.messages()


def test_a_restart_counts_on_above_the_frames_before(monkeypatch: pytest.MonkeyPatch) -> None:
    firsts, at_ns = [], 1_700_000_000_000_000_000
    for now_ns in (at_ns, at_ns + 60_000_000):
        monkeypatch.setattr(stage, "now_ns", lambda now_ns=now_ns: now_ns)
        node = Osc(targets=[])
        node.start()
        firsts.append(node.first)
        for _ in range(5):
            node.process(some_hands([]))
    assert firsts[1] > firsts[0] + 5
    assert firsts[0] == at_ns // 10_000_000 & 0x3FFFFFFF


def test_of_too_many_hands_the_oldest_are_told_whole_and_it_is_said_once(osc: Osc, mailbox: Mailbox, caplog) -> None:
    everyone = list(range(1, MAX_HANDS + 101))
    for seq in (1, 2):
        osc.process(some_hands(everyone[::-1], seq=seq))
        messages = mailbox.messages()
        alive = next(m for m in messages if m[:2] == ("/tuio/2Dcur", "alive"))
        assert sorted(alive[2:]) == everyone[:MAX_HANDS]
        assert sorted(m[2] for m in messages if m[:2] == ("/tuio/2Dcur", "set")) == everyone[:MAX_HANDS]
    assert caplog.text.count("left out") == 1


def test_without_input_everyone_leaves_and_the_status_goes_on(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7]))
    mailbox.datagrams()
    osc.idle()
    assert mailbox.messages() == []  # not yet
    osc.received_s -= 1.5
    osc.idle()
    messages = mailbox.messages()
    assert ("/tuio/2Dcur", "alive") in messages
    assert ("/hands/leave", 7, 0, 0.25, 0.5) in messages
    assert [m[1:3] for m in messages if m[0] == "/hands/frame"] == [(1, 0)]  # frame numbers never go back
    osc.second_s -= 1
    osc.idle()
    messages = mailbox.messages()
    assert [m[1] for m in messages if m[0] == "/hands/status"] == [0]
    assert ("/tuio/2Dcur", "alive") in messages  # again, for who came late


def test_hands_of_before_a_sleep_of_the_machine_leave_though_others_come_at_once(osc: Osc, mailbox: Mailbox) -> None:
    osc.process(some_hands([7]))
    mailbox.datagrams()
    osc.received_s -= 70
    osc.process(some_hands([7], seq=2))
    assert [m[1:3] for m in mailbox.messages() if m[0] == "/hands/frame"] == [(1, 0), (2, 1)]


def test_frame_numbers_go_on_after_a_restart_though_the_time_of_day_is_set_back(monkeypatch, mailbox: Mailbox) -> None:
    firsts = []
    for _ in range(2):
        node = Osc(targets=[Target(protocol="tuio11", port=mailbox.port)])
        node.start()
        firsts.append(node.first)
        node.stop()
        monkeypatch.setattr(time, "time", lambda: 0.0)
        monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert firsts[0] <= firsts[1]


def test_the_status_counts_frames_a_second_latency_and_what_was_dropped(
    osc: Osc, mailbox: Mailbox, clock: StillClock
) -> None:
    osc.process(some_hands([], seq=10))
    osc.process(some_hands([], seq=13))  # 11 and 12 never came
    osc.started_s -= 58
    clock.now_s += 2
    osc.received_s = clock.now_s  # hands have come all the time
    osc.process(some_hands([], seq=14))
    (status,) = [m for m in mailbox.messages() if m[0] == "/hands/status"]
    assert status[1] == 1
    assert status[2] == pytest.approx(1.5)
    assert status[4:] == (2, 60)


def test_the_status_says_what_is_wrong_with_other_nodes(osc: Osc, mailbox: Mailbox, clock: StillClock) -> None:
    osc.commands["faults"]([("camera", "camera black: is the lens covered?"), (osc.log.name, "osc fails")])
    osc.second_s = clock.now_s - 2
    osc.process(some_hands([]))
    status, fault = [m for m in mailbox.messages() if m[0] in ("/hands/status", "/hands/fault")]
    assert (status[1], fault) == (0, ("/hands/fault", "camera", "camera black: is the lens covered?"))
    osc.commands["faults"]([])
    osc.second_s = clock.now_s - 2
    osc.process(some_hands([], seq=2))
    assert [m[1] for m in mailbox.messages() if m[0] in ("/hands/status", "/hands/fault")] == [1]


class Jammed:
    """A socket whose network takes nothing."""

    def sendto(self, datagram: bytes, address: tuple) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    def close(self) -> None:
        pass


def test_a_target_that_fails_is_counted_and_said_once_and_the_next_one_is_served(
    osc: Osc, mailbox: Mailbox, caplog
) -> None:
    osc.senders[0].udp.socket.close()
    osc.senders[0].udp.socket = Jammed()
    for seq in range(1, 4):
        osc.process(some_hands([7], seq=seq))
    assert osc.senders[0].udp.failed == 3
    assert caplog.text.count("fails") == 1
    assert "tuio11" in osc.note
    assert "fails" in osc.note
    assert [m[1] for m in mailbox.messages() if m[0] == "/hands/frame"] == [1, 2, 3]


def test_a_target_that_works_again_is_said_once(osc: Osc, mailbox: Mailbox, caplog) -> None:
    caplog.set_level("INFO")
    line, healthy = osc.senders[0].udp, osc.senders[0].udp.socket
    line.socket = Jammed()
    osc.process(some_hands([7]))
    line.socket = healthy
    osc.process(some_hands([7], seq=2))
    assert line.failing  # one success is no recovery
    line._failed_s -= 10
    osc.process(some_hands([7], seq=3))
    osc.process(some_hands([7], seq=4))
    assert caplog.text.count("works again; 1 datagrams were lost") == 1
    assert "fails" not in osc.note


def test_an_unknown_host_is_one_line(monkeypatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SetupError, match="tuio11 to gamepc:3333: host 'gamepc' is not known"):
        Osc(targets=[Target(protocol="tuio11", host="gamepc")]).start()


def test_two_targets_on_one_port_with_one_protocol_are_refused() -> None:
    with pytest.raises(SetupError, match=r"expected each target once, got tuio11 to 127.0.0.1:3333 twice"):
        Osc(targets=[Target(protocol="tuio11"), Target(protocol="tuio11", port=3333)]).start()
