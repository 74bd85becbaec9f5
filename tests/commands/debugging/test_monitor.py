"""monitor: what it shows, and what it cannot listen on."""

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder
from support.osc_receivers import Mailbox, some_hands

from handflow.__main__ import main
from handflow.commands._terminal import PlainConsole
from handflow.commands.debugging import monitor
from handflow.outputs.osc.receiver import OscReceiver
from handflow.stages.osc import Osc, Target

pytestmark = pytest.mark.usefixtures("osc_in_no_time")


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
    node = Osc(targets=[Target(protocol="hands", port=mailbox.port)])
    node.start()
    node.process(some_hands([7]))
    for datagram in mailbox.datagrams():
        receiver.receive(datagram, "10.0.0.9:4000", 9000)
    node.stop()
    PlainConsole(width=80).print(monitor.tables(receiver, "9000"))
    shown = capsys.readouterr().out
    assert "hands /hands 10.0.0.9:4000 9000" in " ".join(shown.split())
    assert " 7 0.250 0.500 " in " ".join(shown.split())
