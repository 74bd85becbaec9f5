"""What a target may choose, and what must not disturb it: unknown and slow hosts, crashes, hands that are nonsense."""

import json
import math
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from support.graphs import Run, until
from support.osc_receivers import Mailbox, parsed, some_hands

from handflow import Hands, SetupError
from handflow.outputs.osc.decoding import decode
from handflow.outputs.osc.delta import NO_CHANGE
from handflow.outputs.osc.encoding import LARGEST
from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.receiver import OscReceiver
from handflow.runtime.graph.stage import declaration_of
from handflow.runtime.process.commands import change
from handflow.stages.osc import Osc, Target

PROTOCOLS = get_args(Protocol)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.socket.close()


@pytest.fixture
def started() -> Iterator[Callable[..., Osc]]:
    """Starts stages with targets, and stops them."""
    cache: list[Osc] = []

    def start(*targets: dict[str, Any], persistent: dict[str, Any] | None = None) -> Osc:
        node = Osc(targets=[Target(**target) for target in targets])
        node.persistent.update(persistent or {})
        node.start()
        cache.append(node)
        return node

    yield start
    for node in cache:
        node.stop()


def values(messages: list[tuple], address: str) -> list[tuple]:
    return [message[1:] for message in messages if message[0] == address]


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
    node.second_s = math.inf
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


def test_two_names_of_one_target_are_refused(started, name_server: Names) -> None:
    name_server.known = {"game": "127.0.0.1"}
    with pytest.raises(SetupError, match="expected each target once, got tuio11 to"):
        started({"protocol": "tuio11", "host": "game"}, {"protocol": "tuio11"})


@pytest.mark.parametrize("base", ["/ä", "hands", "/a b", "/a*", "/" + "x" * 70, "//"])
def test_an_address_that_no_receiver_could_match_is_refused(base: str) -> None:
    import msgspec

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"protocol": "hands", "base": base}, Target)


@pytest.mark.parametrize("protocol", ["hands", "augmenta2", "tuio11", "tuio2", "hands-split"])
def test_whom_a_crash_left_in_the_games_is_told_to_have_left(mailbox: Mailbox, started, protocol: Protocol) -> None:
    before = started({"protocol": protocol, "port": mailbox.port})
    before.process(some_hands([7, 8, 9]))
    before.process(some_hands([7, 9], seq=2))
    receiver = OscReceiver()
    for datagram in mailbox.datagrams():
        receiver.receive(datagram, "the same", mailbox.port)
    (stream,) = receiver
    assert set(stream.hands) == {7, 9}
    started({"protocol": protocol, "port": mailbox.port}, persistent=before.persistent)  # the first one was killed
    for datagram in mailbox.datagrams():
        receiver.receive(datagram, "the same", mailbox.port)
    assert stream.hands == {}
    assert stream.wrong == {}


def test_after_a_crash_hands_keep_their_slots(mailbox: Mailbox, started) -> None:
    before = started({"protocol": "hands", "port": mailbox.port})
    before.process(some_hands([7, 8, 9]))
    before.process(some_hands([8, 9], seq=2))
    again = started({"protocol": "hands", "port": mailbox.port}, persistent=before.persistent)
    mailbox.datagrams()
    again.process(some_hands([10, 9, 8], seq=3))
    assert [hand[:2] for hand in values(mailbox.messages(), "/hands/hand")] == [(10, 0), (9, 2), (8, 1)]


CROWD = '''
from collections.abc import Iterator

from handflow import Hands, Node, ticks
from handflow.synthetic.patterns import Crowd


class Source(Node):
    """Hands without a camera, whose ids are never used twice."""

    def process(self) -> Iterator[Hands]:
        crowd = Crowd("churn", 6)
        crowd._last_id = self.persistent.get("last", 0)
        for at_s in ticks(30):
            yield crowd.at(at_s)
            self.persistent["last"] = crowd._last_id
'''


class Listener:
    """Hears as a monitor does, and keeps who was alive after each datagram."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.ears = OscReceiver()
        self.alive: list[set[int]] = []
        self.ids: list[int] = []  # of everyone, in order

    def listen(self) -> list[set[int]]:
        for datagram in self.mailbox.datagrams():
            self.ears.receive(datagram, "all", self.mailbox.port)
            for stream in self.ears:
                self.alive.append(set(stream.hands))
                self.ids += [id_ for id_ in stream.hands if id_ not in self.ids]
        return self.alive

    def has(self, fact: Callable[[set[int]], bool]) -> bool:
        """Whether it is so now; forgets what was before."""
        alive = self.listen()
        return bool(alive) and fact(alive[-1])


@pytest.fixture
def listener() -> Iterator[Listener]:
    cache = Listener()
    yield cache
    cache.mailbox.socket.close()


@pytest.fixture
def crowd_run(run: Callable[..., Run], listener: Listener, tmp_path: Path) -> Run:
    (tmp_path / "crowd.py").write_text(CROWD)
    target = {"protocol": "augmenta2", "port": listener.mailbox.port}
    (tmp_path / "graph.yaml").write_text(
        "nodes:\n  crowd: {run: crowd.py}\n"
        f"  osc: {{run: osc, in: crowd, with: {{targets: [{json.dumps(target)}]}}}}\n"
    )
    started = run("run", tmp_path / "graph.yaml", cwd=tmp_path)
    until(lambda: listener.has(lambda alive: len(alive) == 6), "nobody comes")
    return started


def test_kill_9_of_osc_leaves_nobody_of_before_in_the_game(crowd_run: Run, listener: Listener) -> None:
    crowd_run.kill("osc")
    listener.listen()
    listener.alive.clear()
    until(lambda: listener.listen(), "osc is not back")
    until(lambda: listener.has(lambda alive: len(alive) == 6), "nobody comes")
    time.sleep(0.2)
    until(lambda: listener.has(lambda alive: len(alive) == 6), "somebody is there twice, or for ever")
    assert set() in listener.alive
    (stream,) = listener.ears
    assert stream.wrong == {}


def test_a_killed_source_takes_its_hands_along_and_a_stopped_one_too(crowd_run: Run, listener: Listener) -> None:
    child = crowd_run.children()["crowd"]
    child.send_signal(signal.SIGSTOP)  # it hangs: no hands come
    until(lambda: listener.has(lambda alive: not alive), "hands stay though nothing is heard of them")
    child.send_signal(signal.SIGCONT)
    until(lambda: listener.has(lambda alive: len(alive) == 6), "nobody comes back")
    old = max(listener.ids)
    crowd_run.kill("crowd")
    until(lambda: listener.has(lambda alive: bool(alive) and min(alive) > old), "hands of before stay")
    assert len(listener.ids) == len(set(listener.ids))
    assert crowd_run.stop(signal.SIGTERM) == 0
    assert listener.has(lambda alive: not alive)


def test_kill_9_of_the_supervisor_leaves_nobody_in_the_game(crowd_run: Run, listener: Listener) -> None:
    crowd_run.children()
    crowd_run.process.kill()
    crowd_run.end()
    until(lambda: listener.has(lambda alive: not alive), "hands are left behind")


NUMBERS = st.floats(width=32) | st.floats(-1, 2, width=32)
IDS = st.integers(-(2**31), 2**31 - 1) | st.integers(2**31 - 5, 2**31 - 1) | st.integers(0, 9)


@st.composite
def any_hands(draw: st.DrawFn) -> Hands:
    """Anything that the message allows, sense or nonsense."""
    n = draw(st.sampled_from([0, 1, 2, 9, 30, 200, 1000]) | st.integers(0, 40))
    ids = np.arange(n, dtype=np.int64) + draw(IDS)
    if draw(st.booleans()):
        ids = np.array(draw(st.lists(IDS, min_size=min(n, 30), max_size=min(n, 30))) * (n // 30 + 1), np.int64)[:n]
    ids = (ids + 2**31) % 2**32 - 2**31
    block = draw(arrays.arrays(np.float32, (min(n, 20), 9), elements=NUMBERS))
    block = np.resize(block, (n, 9)) if n else np.zeros((0, 9), np.float32)
    return Hands(
        stream=draw(st.integers(0, 2)), seq=draw(st.integers(-5, 2**40)),
        captured_ns=draw(st.integers(-(2**62), 2**62)),
        id=ids.astype(np.int32), state=np.resize(draw(st.lists(st.integers(-1, 4), min_size=1, max_size=5)), n),
        xy=block[:, :2], velocity=block[:, 2:4], radius=block[:, 4], score=block[:, 5], open=block[:, 6],
        is_open=block[:, 7] > 0, age=block[:, 7],
        zone=np.resize(draw(st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 3), min_size=1)), n),
        dwelt=block[:, 8] > 0, zones=draw(st.lists(st.text(max_size=100), max_size=3)),
        width=draw(st.integers(-1, 2**40)), height=draw(st.integers(-1, 2**40)),
    )  # fmt: skip


def check(datagram: bytes) -> None:
    """A datagram that any receiver can read: small, aligned, of int32, float32 and text only, with finite numbers."""
    assert len(datagram) <= LARGEST
    assert len(datagram) % 4 == 0
    for message in decode(datagram):
        assert set(message.tags) <= set("ifs") or message.address == "/tuio2/frm"
        floats = [value for value, tag in zip(message.values, message.tags, strict=True) if tag == "f"]
        assert np.isfinite(floats).all(), message


def no_hands_do_harm(bundles: bool | None, frames: list[Hands], scale: float, clamp: bool) -> None:
    """Whatever comes, only whole datagrams leave on every layout, and in the end nobody is there."""
    base = "/" + "b" * 63  # the longest there may be
    chosen: dict[str, Any] = {"scale": (scale, -scale), "clamp": clamp, "flip": "x", "blobs": True, "slots": 64}
    targets = [
        Target(protocol=protocol, bundles=bundles, base=base if "hands" in protocol else None, **chosen)
        for protocol in PROTOCOLS
    ]
    node = Osc(targets=targets)
    node.start()
    sent: list[bytes] = []
    for sender in node.senders:
        sender.udp.socket.close()
        sender.udp.socket = Jar(sent)  # type: ignore[assignment]
    for hands in frames:
        node.process(hands)
    node.second_s -= 2
    node.idle()
    node.stop()
    assert sent
    for datagram in sent:
        check(datagram)
    receiver = OscReceiver()
    for datagram in sent:
        receiver.receive(datagram, "me", 1)
    for stream in receiver:
        assert (stream.wrong, stream.hands) == ({}, {}), stream.protocol


ANYTHING = given(
    bundles=st.sampled_from([None, True, False]),
    frames=st.lists(any_hands(), min_size=1, max_size=3),
    scale=st.floats(-1e6, 1e6),
    clamp=st.booleans(),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@ANYTHING
def test_no_hands_make_a_wrong_datagram_or_stop_the_stage(bundles, frames, scale, clamp) -> None:
    no_hands_do_harm(bundles, frames, scale, clamp)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@ANYTHING
def test_no_hands_at_all_make_a_wrong_datagram_or_stop_the_stage(bundles, frames, scale, clamp) -> None:
    no_hands_do_harm(bundles, frames, scale, clamp)


class Jar:
    """A socket that keeps what is sent."""

    def __init__(self, kept: list[bytes]) -> None:
        self.kept = kept

    def sendto(self, datagram: bytes, address: tuple) -> None:
        self.kept.append(datagram)

    def close(self) -> None:
        pass
