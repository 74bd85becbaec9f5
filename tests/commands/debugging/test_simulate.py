"""simulate -> monitor: what arrives is what was sent, by both commands in processes of their own and value by value."""

import json
import signal
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from support.graphs import Run, until
from support.osc_receivers import Mailbox, free_port
from support.quiet import in_a_quiet_moment

from handflow import State
from handflow.__main__ import main
from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.receiver import OscReceiver
from handflow.stages.osc import Osc, Target
from handflow.synthetic.gestures import GESTURES
from handflow.synthetic.patterns import PATTERNS, Crowd

pytestmark = pytest.mark.usefixtures("osc_in_no_time")


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
