"""Ports of a graph: free ones, found through a file, followed when they move, and never another graph's."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from support.graphs import until

from handflow.runtime.transport.endpoint import LoopbackAddress


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    with zmq.Context() as made:
        yield made


def publisher(context: zmq.Context, address: LoopbackAddress) -> zmq.Socket:
    made = context.socket(zmq.PUB)
    made.setsockopt(zmq.LINGER, 0)
    address.bind(made)
    return made


def subscriber(context: zmq.Context, address: LoopbackAddress) -> zmq.Socket:
    made = context.socket(zmq.SUB)
    made.setsockopt(zmq.RECONNECT_IVL, 10)
    made.setsockopt(zmq.SUBSCRIBE, address.prefix)
    address.connect(made)
    return made


def hears(sender: zmq.Socket, prefix: bytes, reader: zmq.Socket, address: LoopbackAddress) -> bool:
    address.follow(reader)
    sender.send(prefix + b"hello")
    return bool(reader.poll(20)) and reader.recv() == prefix + b"hello"


def port(file: Path) -> int:
    return int(file.read_text())


def test_who_connects_first_finds_who_binds_later(context: zmq.Context, tmp_path: Path) -> None:
    file = tmp_path / "camera.port"
    there = LoopbackAddress(file, b"me")
    with subscriber(context, there) as reader:
        assert not there.follow(reader)
        with publisher(context, LoopbackAddress(file, b"me")) as sender:
            until(lambda: hears(sender, b"me", reader, there), "it is not found")
            assert there.follow(reader)


def test_a_restarted_node_takes_its_former_port_again(context: zmq.Context, tmp_path: Path) -> None:
    file = tmp_path / "camera.port"
    publisher(context, LoopbackAddress(file, b"me")).close()
    before = port(file)
    until(lambda: free(before), "ZeroMQ does not let go of the port")
    with publisher(context, LoopbackAddress(file, b"me")):
        assert port(file) == before


def test_a_node_whose_port_is_taken_moves_and_is_followed(context: zmq.Context, tmp_path: Path) -> None:
    file = tmp_path / "camera.port"
    there = LoopbackAddress(file, b"me")
    with socket.create_server(("127.0.0.1", 0)) as taken, subscriber(context, there) as reader:
        file.write_text(str(taken.getsockname()[1]))
        until(lambda: there.follow(reader), "it is not looked at")
        with publisher(context, LoopbackAddress(file, b"me")) as sender:
            assert port(file) != taken.getsockname()[1]
            until(lambda: hears(sender, b"me", reader, there), "it is not followed")


def test_another_graph_that_got_the_port_is_not_heard(context: zmq.Context, tmp_path: Path) -> None:
    file = tmp_path / "camera.port"
    mine, others = LoopbackAddress(file, b"mine-"), LoopbackAddress(file, b"others")
    with publisher(context, others) as sender, subscriber(context, mine) as reader:
        with subscriber(context, LoopbackAddress(file, b"others")) as right:
            until(lambda: hears(sender, b"others", right, others), "the port does not work")
        time.sleep(0.05)
        assert not hears(sender, b"others", reader, mine)


@pytest.mark.parametrize("content", ["", "no port", "0x1"])
def test_a_damaged_port_file_is_no_port(context: zmq.Context, tmp_path: Path, content: str) -> None:
    file = tmp_path / "camera.port"
    file.write_text(content)
    there = LoopbackAddress(file, b"me")
    with subscriber(context, there) as reader:
        assert not there.follow(reader)


def free(number: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", number)).close()
    except OSError:
        return False
    return True
