"""Where a target may be: addresses, groups and names, also names that nobody knows or answers for."""

import socket
import threading
from pathlib import Path

import pytest
from support.graphs import until
from support.osc_receivers import Mailbox, some_hands

from handflow import SetupError


@pytest.mark.parametrize(
    ("host", "bound"), [("127.255.255.255", "0.0.0.0"), ("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")]
)
def test_a_broadcast_address_and_a_name_are_hosts(started, host: str, bound: str) -> None:
    box = Mailbox(bound)
    node = started({"protocol": "tuio11", "host": host, "port": box.port})
    node.process(some_hands([7]))
    until(lambda: ("/tuio/2Dcur", "alive", 7) in box.messages(), "nothing arrives")
    box.socket.close()


def test_a_multicast_group_hears_it(started) -> None:
    group = "239.7.7.7"
    box = Mailbox("0.0.0.0")
    member = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
    box.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    node = started({"protocol": "tuio11", "host": group, "port": box.port, "interface": "127.0.0.1", "hops": 3})
    node.process(some_hands([7]))
    until(lambda: ("/tuio/2Dcur", "alive", 7) in box.messages(), "nothing arrives")
    assert node.senders[0].udp.socket.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 3
    box.socket.close()


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")
def test_an_ipv6_address_is_a_host(started) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as box:
        box.bind(("::1", 0))
        box.settimeout(20)
        started({"protocol": "tuio11", "host": "::1", "port": box.getsockname()[1]})
        assert b"handflow@::1" in box.recv(2000)


def test_an_interface_that_is_none_is_one_line(started) -> None:
    with pytest.raises(SetupError, match=r"interface: expected an address of this machine, got '10.255.1.2'"):
        started({"protocol": "tuio11", "interface": "10.255.1.2"})


class Names:
    """A name server, in getaddrinfo's place: what is not known yet is unknown, or takes long to be so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, str] = {}
        self.asked: list[str] = []
        self.silent = threading.Event()
        self.real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)
        monkeypatch.setattr("handflow.outputs.udp.PAUSES_S", (0.05,))

    def __call__(self, host: str, *args: object, flags: int = 0, **more: object) -> object:
        if flags & socket.AI_NUMERICHOST or host == "127.0.0.1":
            return self.real(host, *args, flags=flags, **more)  # type: ignore[arg-type]
        self.asked.append(host)
        if host == "silent":
            self.silent.wait(60)
        if host not in self.known:
            raise socket.gaierror(-2, "Name or service not known")
        return self.real(self.known[host], *args, flags=flags, **more)  # type: ignore[arg-type]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


def test_an_unknown_host_beside_a_known_one_is_said_once_and_found_later(
    mailbox: Mailbox, started, name_server: Names, caplog
) -> None:
    caplog.set_level("INFO")
    late = Mailbox()
    node = started(
        {"protocol": "tuio11", "host": "gamepc", "port": late.port}, {"protocol": "tuio11", "port": mailbox.port}
    )
    until(lambda: name_server.asked.count("gamepc") > 3, "it is not looked up again")
    node.process(some_hands([7]))
    assert ("/tuio/2Dcur", "alive", 7) in mailbox.messages()
    assert caplog.text.count("tuio11 to gamepc") == 1
    assert "host 'gamepc' is not known (Name or service not known); trying on" in caplog.text
    assert f"gamepc:{late.port} fails" in node.note
    name_server.known["gamepc"] = "127.0.0.1"
    until(lambda: "host 'gamepc' is known now" in caplog.text, "it is not found")
    node.process(some_hands([7], seq=2))
    assert ("/tuio/2Dcur", "alive", 7) in late.messages()
    assert "fails" not in node.note
    asked = len(name_server.asked)
    for seq in range(3, 50):
        node.process(some_hands([7], seq=seq))
    assert len(name_server.asked) == asked  # not at every send
    late.socket.close()


def test_a_name_server_that_does_not_answer_delays_no_other_target(
    mailbox: Mailbox, started, name_server: Names, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    monkeypatch.setattr("handflow.stages.osc.LOOKUP_S", 0.1)
    node = started({"protocol": "hands", "host": "silent"}, {"protocol": "tuio11", "port": mailbox.port})
    node.process(some_hands([7]))
    assert ("/tuio/2Dcur", "alive", 7) in mailbox.messages()
    assert "hands to silent:9000: its host is being looked up; trying on" in caplog.text
    name_server.silent.set()


def test_only_unknown_hosts_are_one_line(started, name_server: Names) -> None:
    with pytest.raises(SetupError, match=r"tuio11 to a:3333: host 'a' is not known .*; hands to b:9000: host 'b'"):
        started({"protocol": "tuio11", "host": "a"}, {"protocol": "hands", "host": "b"})


def test_two_names_of_one_target_are_refused(started, name_server: Names) -> None:
    name_server.known = {"game": "127.0.0.1"}
    with pytest.raises(SetupError, match="expected each target once, got tuio11 to"):
        started({"protocol": "tuio11", "host": "game"}, {"protocol": "tuio11"})
