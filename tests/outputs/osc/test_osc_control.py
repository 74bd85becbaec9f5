"""Settings that come by OSC: which are taken, from whom, and what they mean."""

import logging
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder
from support.clocks import StillClock
from support.graphs import until

from handflow.errors import SetupError
from handflow.outputs.osc import control as osc_control
from handflow.outputs.osc.control import OscControl


class Taken:
    """What was passed on."""

    def __init__(self) -> None:
        self.settings: list[tuple[str, str, list[Any]]] = []

    def put(self, node: str, key: str, arguments: list[Any]) -> None:
        self.settings.append((node, key, arguments))

    def wait(self, others: socket.socket, timeout_s: float) -> None:
        select.select([others], [], [], timeout_s)

    def close(self) -> None:
        pass


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said once a second is said again after a second, which a busy machine may take."""
    StillClock(monkeypatch, osc_control)


@pytest.fixture
def control() -> Iterator[OscControl]:
    with closing(OscControl(0, [], logging.getLogger("osc"))) as made:
        yield made


def message(address: str, *values: Any) -> bytes:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build().dgram


def send(port: int, address: str, *values: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(message(address, *values), ("127.0.0.1", port))


def test_settings_are_what_their_addresses_name(control: OscControl) -> None:
    taken = Taken()
    for values in ([0.1], [3], ["far"], [True], [0.25, 0.75], [[[0.5, 1], [2, 3]]]):
        control.receive(message("/param/tracker/keep_s", *values), "127.0.0.1", taken)
    assert [arguments for *_, arguments in taken.settings] == [
        [0.1], [3], ["far"], [True], [0.25, 0.75], [[[0.5, 1], [2, 3]]],
    ]  # fmt: skip
    assert {setting[:2] for setting in taken.settings} == {("tracker", "keep_s")}


@pytest.mark.parametrize(
    ("datagram", "why"),
    [
        (b"nothing", "expected OSC, got 7 bytes that begin with b'nothing'"),
        (message("/tracker/keep_s", 1), "expected /param/NODE/SETTING, got /tracker/keep_s"),
        (message("/param/tracker", 1), "expected /param/NODE/SETTING, got /param/tracker"),
        (message("/param/a/b"), "/param/a/b: expected numbers, text or true and false, got none"),
        (message("/param/a/b", b"blob"), "/param/a/b: expected numbers, text or true and false, got another kind"),
    ],
)
def test_what_is_no_setting_is_told_in_a_line_and_seldom(
    control: OscControl, caplog: pytest.LogCaptureFixture, datagram: bytes, why: str
) -> None:
    taken = Taken()
    for _ in range(5):
        control.receive(datagram, "127.0.0.1", taken)
    assert taken.settings == []
    assert caplog.messages == [f"control: {why}"]


def test_only_named_senders_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    taken = Taken()
    with closing(OscControl(0, ["192.168.1.20", "10.0.0.0/8"], logging.getLogger("osc"))) as control:
        for sender in ("192.168.1.20", "::ffff:10.1.2.3", "192.168.1.21", "192.168.1.21", "127.0.0.1"):
            control.receive(message("/param/a/b", 1), sender, taken)
    assert len(taken.settings) == 2
    assert caplog.messages == [
        f"control: {stranger} is not in control_senders; what it sends is left out"
        for stranger in ("192.168.1.21", "127.0.0.1")
    ]
    with pytest.raises(SetupError, match=r"control_senders: expected an address such as .*, got 'tablet'"):
        OscControl(0, ["tablet"], logging.getLogger("osc"))


def test_it_listens_on_this_machine_alone_and_lets_go(control: OscControl) -> None:
    taken = Taken()
    with pytest.raises(SetupError, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use; choose another"):
        OscControl(control.port, [], logging.getLogger("osc"))
    control.start(taken)
    send(control.port, "/param/a/b", 1)
    until(lambda: taken.settings, "nothing is taken")
    control.close()
    OscControl(control.port, [], logging.getLogger("osc")).close()
