"""The link between supervisors: what they hear of each other, and garbage that is passed over."""

import time
from collections.abc import Iterator

import msgpack
import pytest
import zmq
from support.graphs import free_ports, until

from handflow.messages import Clock
from handflow.runtime.remote.peer_link import PeerLink
from handflow.runtime.topology import Machine


@pytest.fixture
def links() -> Iterator[tuple[PeerLink, PeerLink]]:
    first = free_ports(2)
    eye, play = Machine("eye", "127.0.0.1", first), Machine("play", "127.0.0.1", first + 1)
    one = PeerLink(eye, [play], "same", lambda: {"rows": [{"node": "camera"}], "ended": ["camera"]})
    two = PeerLink(play, [eye], "same", lambda: {"rows": [], "ended": []})
    for link in (one, two):
        link.start()
    yield one, two
    for link in (one, two):
        link.close()


def test_machines_hear_of_each_others_nodes_and_clocks(links: tuple[PeerLink, PeerLink]) -> None:
    peer = links[1].peers["eye"]
    until(peer.reachable, "it is not reached")
    assert peer.rows == [{"node": "camera"}]
    assert peer.ended == ["camera"]
    assert peer.graph == "same"
    until(lambda: peer.answers > 5, "it does not go on answering")
    clock = peer.clock()
    assert clock is not None
    assert abs(clock.offset_ns - Clock.offset_ns) <= clock.delay_ns  # the same machine: no offset but the error
    assert "play" in links[0].asked_at


def test_garbage_at_the_link_is_passed_over(links: tuple[PeerLink, PeerLink]) -> None:
    link = links[0]
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(f"tcp://127.0.0.1:{link._here.port}")
        for garbage in (
            b"",
            b"\xc1",
            b"hello",
            msgpack.packb([1]),
            msgpack.packb([1, 2, 3]),
            msgpack.packb([1, "x", "y"]),
        ):
            socket.send(garbage)
        socket.send_multipart([b"a", b"b", b"c"])
        socket.send(msgpack.packb([1, "stranger", 5]))
        assert socket.poll(5000)
        _, times = socket.recv_multipart()
        assert msgpack.unpackb(times)[0] == 5
    assert "stranger" not in link.asked_at
    assert link.is_alive()


def test_answers_of_nonsense_are_passed_over() -> None:
    port = free_ports(2)
    link = PeerLink(Machine("eye", "127.0.0.1", port), [Machine("play", "127.0.0.1", port + 1)], "", lambda: {})
    with zmq.Context() as context, context.socket(zmq.ROUTER) as liar:
        liar.bind(f"tcp://127.0.0.1:{port + 1}")
        link.start()
        try:
            for answer in ([b"x"], [b"\xc0", b"\xc0"], [msgpack.packb({"run": 1}), msgpack.packb([1, 2])]):
                assert liar.poll(5000)
                who, _ = liar.recv_multipart()
                liar.send_multipart([who, *answer])
            time.sleep(0.2)
            assert link.is_alive()
            assert not link.peers["play"].reachable()
        finally:
            link.close()
