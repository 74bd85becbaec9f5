"""simulate -> monitor: what arrives is what was sent, by both commands in processes of their own and value by value."""

import json
import signal
from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from support.graphs import Run, until
from support.osc_receivers import Mailbox, free_port, some_hands
from support.quiet import in_a_quiet_moment

from handflow import State
from handflow.__main__ import main
from handflow.commands._terminal import PlainConsole
from handflow.commands.debugging import monitor
from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.receiver import OscReceiver, ReceivedStream
from handflow.stages.osc import Osc, Target
from handflow.synthetic.gestures import GESTURES
from handflow.synthetic.patterns import PATTERNS, Crowd

PROTOCOLS = get_args(Protocol)
COUNTED = ("datagrams", "bytes", "frames", "hand_frames", "entered", "left")


@pytest.fixture
def listening(run: Callable[..., Run]) -> tuple[Run, int]:
    return monitoring(run)


def monitoring(run: Callable[..., Run]) -> tuple[Run, int]:
    """A monitor that listens, and its port."""
    port = free_port()
    started = run("monitor", "--port", port, "--json")
    until(lambda: started.out, "the monitor says nothing")
    return started, port


def heard(monitor: Run) -> dict:
    """Everything that the monitor heard, by protocol."""
    assert monitor.stop() == 0
    last = json.loads(monitor.out[-1])
    assert last["unreadable"] == 0
    assert last["unknown"] == {}
    return {stream["protocol"]: stream for stream in last["streams"]}


def test_monitor_hears_exactly_what_simulate_sends_on_every_layout(run: Callable[..., Run]) -> None:
    # Of hands without ids a new one in an old one's place cannot be told from it: those stay.
    chosen = [word for protocol in PROTOCOLS if protocol != "wekinator" for word in ("--protocol", protocol)]

    def observe() -> None:
        """The system drops datagrams for a monitor that has no processor for too long."""
        monitor, port = monitoring(run)
        to = ["--to", f"127.0.0.1:{port}", "--set", "slots=40"]
        storm = run("simulate", *chosen, "--pattern", "storm", "--hands", "24", "--for", "1.5", "--json", *to)
        crowd = run("simulate", "--protocol", "wekinator", "--pattern", "crowd", "--for", "1", "--json", *to)
        assert storm.end() == crowd.end() == 0
        sent = json.loads(storm.out[-1])["targets"] + json.loads(crowd.out[-1])["targets"]
        came = heard(monitor)
        assert len(sent) == len(came) == len(PROTOCOLS)
        for target in sent:
            stream = came[target["protocol"]]
            assert [stream[key] for key in COUNTED] == [target[key] for key in COUNTED], target["protocol"]
            assert (stream["missing"], stream["wrong"], stream["faults"], stream["stuck"]) == (0, [], {}, [])
            assert stream["hands"] == []
            assert target["entered"] > 0

    in_a_quiet_moment(observe)


def test_a_stopped_simulate_leaves_nobody_behind(run: Callable[..., Run], listening: tuple[Run, int]) -> None:
    monitor, port = listening
    simulate = run("simulate", "--protocol", "hands", "--hands", 3, "--to", f":{port}")
    until(lambda: len(json.loads(monitor.out[-1])["streams"]), "nothing arrives")
    assert simulate.stop(signal.SIGTERM) == 0
    assert "3 hands came and 3 went" in simulate.out[-2]
    (stream,) = heard(monitor).values()
    assert (stream["entered"], stream["left"], stream["hands"]) == (3, 3, [])


@pytest.mark.slow
def test_a_killed_simulate_leaves_hands_that_never_left(run: Callable[..., Run], listening: tuple[Run, int]) -> None:
    monitor, port = listening
    simulate = run("simulate", "--protocol", "tuio11", "--hands", 3, "--to", f":{port}")
    until(lambda: len(json.loads(monitor.out[-1])["streams"]), "nothing arrives")
    simulate.process.kill()
    simulate.end()
    until(lambda: json.loads(monitor.out[-1])["streams"][0]["stuck"] == [1, 2, 3], "they are not missed")


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.socket.close()


def sender(protocol: Protocol, port: int) -> Osc:
    """A started stage."""
    node = Osc(targets=[Target(protocol=protocol, port=port, slots=64)])
    node.start()
    return node


def listen(receiver: OscReceiver, mailbox: Mailbox) -> None:
    for datagram in mailbox.datagrams():
        receiver.receive(datagram, "me", 1, 0.0)


@pytest.mark.parametrize("pattern", [name for name in PATTERNS if name not in GESTURES])
@pytest.mark.parametrize("protocol", [protocol for protocol in PROTOCOLS if protocol != "wekinator"])
def test_every_value_arrives_as_it_was_sent(protocol: Protocol, pattern: str, mailbox: Mailbox) -> None:
    node, crowd, receiver = (
        Osc(targets=[Target(protocol=protocol, port=mailbox.port, slots=64)]),
        Crowd(pattern, 30),
        OscReceiver(),
    )
    node.start()
    for seq in range(1, 40):
        hands = crowd.at(seq / 30)
        hands.seq, hands.stream, hands.captured_ns = seq, 1, seq * 10**9 // 30
        node.process(hands)
        listen(receiver, mailbox)
        (stream,) = receiver
        there = np.flatnonzero(hands.state != State.LEAVING).tolist()
        assert sorted(stream.hands) == sorted(hands.id[there].tolist())
        for row in there:
            values = stream.hands[int(hands.id[row])].values
            place = np.clip(hands.xy[row], 0, 1)
            assert [values["x"], values["y"]] == place.tolist()
            assert [values["vx"], values["vy"]] == hands.velocity[row].tolist()
            if "open" in values:
                assert values["open"] == hands.open[row]
    node.stop()
    listen(receiver, mailbox)
    assert (stream.missing, stream.wrong, stream.faults, stream.hands) == (0, {}, {}, {})
    assert stream.entered == stream.left == hands.id.max()


def test_patterns_are_what_they_are_called() -> None:
    def ids(pattern: str, at_s: float) -> set[int]:
        crowd = Crowd(pattern, 10)
        told = [crowd.at(step / 30) for step in range(round(at_s * 30))]
        return set(told[-1].id[told[-1].state != State.LEAVING].tolist())

    assert ids("still", 3) == ids("circle", 3) == ids("crowd", 3) == set(range(1, 11))
    assert len(ids("churn", 3)) == 10  # always as many
    assert min(ids("churn", 3)) > 10  # but none of the first ones
    assert 0 < len(ids("storm", 3)) < 10


@pytest.mark.parametrize("pattern", PATTERNS)
def test_simulated_velocities_are_the_change_of_places(pattern: str) -> None:
    crowd, step_s = Crowd(pattern, 5), 1e-3
    before, after = crowd.at(1.3), crowd.at(1.3 + step_s)
    both = [i for i, id_ in enumerate(after.id) if id_ in before.id and after.state[i] != State.LEAVING]
    rows = [before.id.tolist().index(after.id[i]) for i in both]
    assert both
    moved = (after.xy[both] - before.xy[rows]) / step_s
    np.testing.assert_allclose(moved, after.velocity[both], atol=0.02)


def test_the_same_seed_makes_the_same_hands() -> None:
    def told(seed: int) -> list:
        crowd = Crowd("storm", 10, seed)
        return [crowd.at(step / 30).id.tolist() for step in range(60)]

    assert told(1) == told(1) != told(2)


def test_simulated_hands_dwell_in_zones() -> None:
    crowd = Crowd("still", 4, zones=True)
    first, later = crowd.at(0), crowd.at(1.5)
    assert first.zones == ["left", "right"]
    assert first.zone.tolist() == [int(x >= 0.5) for x, _ in first.xy.tolist()]
    assert (first.dwelt.tolist(), later.dwelt.tolist()) == ([False] * 4, [True] * 4)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--set", "slot=3"], "no setting 'slot' (did you mean 'slots'?)"),
        (["--set", "slots=many"], "slots"),
        (["--set", "slots"], "expected KEY=VALUE"),
        (["--to", "game:99999"], "expected a port from 1 to 65535, got '99999'"),
    ],
)
def test_what_simulate_cannot_do_is_one_line(arguments: list[str], line: str, capsys) -> None:
    assert main(["simulate", *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


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


def test_what_others_send_is_shown_and_not_obeyed(capsys) -> None:
    receiver = OscReceiver()
    address = "/\x1b[31mred\x1b[2J/[bold]x\u202e"
    for sent, value in ((address, 1), (f"{address}/hand", "\x1b]0;title\x07"), (f"/{'long' * 99}", 1)):
        message = OscMessageBuilder(sent)
        message.add_arg(value)
        receiver.receive(message.build().dgram, "me", 1)
    receiver.receive(b"/hands/frame\0\0\0\0,\x1b[2J\0\0\0\0", "me", 1)
    PlainConsole(width=400).print(monitor.tables(receiver, "9000"))
    print(monitor._line(receiver))
    shown = capsys.readouterr().out
    assert not {character for character in shown if ord(character) < 32} - {"\n"}
    assert "\u202e" not in shown
    assert r"/\u001b[31mred\u001b[2J/[bold]x\u202e" in shown
    assert max(map(len, shown.split())) < 200


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


def test_a_port_that_is_taken_is_one_line(mailbox: Mailbox, capsys) -> None:
    assert main(["monitor", "--host", "127.0.0.1", "--port", str(mailbox.port)]) == 1
    error = capsys.readouterr().err
    assert f"127.0.0.1:{mailbox.port}: Address already in use; is a game listening there?" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--host", "nosuch.invalid"], "--host: expected an IPv4 address of this machine, or its name, got 'nosuch."),
        (["--host", "\u00fc" * 70], "--host: expected an IPv4 address of this machine"),
        (["--host", "192.0.2.1"], "--host: expected an address of this machine, got '192.0.2.1'"),
        (["--group", "10.0.0.1"], "--group: expected an address from 224.0.0.0 to 239.255.255.255"),
        (["--group", "a game"], "--group: expected an address from 224.0.0.0 to 239.255.255.255"),
        (["--group", "ff02::1", "--host", "127.0.0.1"], "--host: expected an IPv6 address of this machine"),
    ],
)
def test_a_wrong_host_or_group_is_one_line_that_blames_no_game(arguments: list[str], line: str, capsys) -> None:
    assert main(["monitor", "--once", *arguments]) == 1
    error = capsys.readouterr().err
    assert line in error
    assert "game listening" not in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("port", ["80000", "0", "-1", "x"])
def test_a_port_that_is_none_is_a_usage_error(port: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["monitor", "--once", f"--port={port}"])
    assert f"--port: expected a whole number from 1 to 65535, got '{port}'" in capsys.readouterr().err


def test_monitor_shows_a_table(mailbox: Mailbox, capsys) -> None:
    receiver = OscReceiver()
    node = sender("hands", mailbox.port)
    node.process(some_hands([7]))
    for datagram in mailbox.datagrams():
        receiver.receive(datagram, "10.0.0.9:4000", 9000)
    node.stop()
    PlainConsole(width=80).print(monitor.tables(receiver, "9000"))
    shown = capsys.readouterr().out
    assert "hands /hands 10.0.0.9:4000 9000" in " ".join(shown.split())
    assert " 7 0.250 0.500 " in " ".join(shown.split())
