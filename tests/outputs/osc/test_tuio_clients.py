"""TUIO as npm's tuio-client (1.1 and 2.0) and PyPI's python-tuio understand it: who is there, and nobody else."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pythonosc.osc_packet import OscPacket
from support.graphs import Run, until
from support.osc_receivers import Mailbox, TuioClient, some_hands

from handflow import Hands, State
from handflow.stages.osc import Osc, Target
from handflow.synthetic.patterns import Crowd

pytestmark = pytest.mark.usefixtures("osc_in_no_time")


class PythonTuio:
    """python-tuio, fed by hand: its own server would need a thread."""

    def __init__(self) -> None:
        from pythontuio import TuioClient, TuioListener  # type: ignore[import-untyped]

        self.mailbox = Mailbox()
        self.port = self.mailbox.port
        self.client = TuioClient(("127.0.0.1", self.port))
        self.came, self.went = came, went = [], []

        class Listener(TuioListener):
            def add_tuio_cursor(self, cursor: object) -> None:
                came.append(cursor.session_id)  # type: ignore[attr-defined]

            def remove_tuio_cursor(self, cursor: object) -> None:
                went.append(cursor.session_id)  # type: ignore[attr-defined]

        self.client.add_listener(Listener())

    def read(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints each frame
            for datagram in self.mailbox.datagrams():
                for timed in OscPacket(datagram).messages:
                    for handler in self.client.handlers_for_address(timed.message.address):
                        handler.invoke(("127.0.0.1", 1), timed.message)

    def cursors(self) -> dict[int, list[float]]:
        return {c.session_id: [*c.position, *c.velocity, c.motion_acceleration] for c in self.client.cursors}

    def blobs(self) -> dict[int, list[float]]:
        return {b.session_id: [*b.position, *b.dimension] for b in self.client.blobs}


@pytest.fixture
def python_tuio() -> Iterator[PythonTuio]:
    made = PythonTuio()
    yield made
    made.mailbox.socket.close()


@pytest.fixture
def tuio_client(tmp_path: Path) -> Iterator[TuioClient]:
    made = TuioClient(tmp_path)
    yield made
    made.close()


def told(client: TuioClient) -> list[dict]:
    return [json.loads(line) for line in client.lines]


def places(hands: Hands) -> dict[int, list[float]]:
    """What a client must hold: by id x, y and velocity."""
    there = np.flatnonzero(hands.state != State.LEAVING).tolist()
    values = np.hstack([np.clip(hands.xy, 0, 1), hands.velocity])
    return {int(hands.id[row]): values[row].tolist() for row in there}


def by_id(rows: list[list[float]]) -> dict[int, list[float]]:
    return {int(id_): values[:4] for id_, *values in rows}


def storm(node: Osc, frames: int, after: Callable[[int, dict[int, list[float]]], None]) -> None:
    crowd = Crowd("storm", 12)
    for seq in range(1, frames + 1):
        hands = crowd.at(seq / 30)
        hands.stream, hands.seq, hands.captured_ns = 1, seq, seq * 10**9 // 30
        node.process(hands)
        after(seq, places(hands))


def follow(client: TuioClient, protocol: str, what: str, frames: int) -> None:
    """Sends a storm; after each frame the client holds exactly the hands that are there."""
    node = Osc(targets=[Target(protocol=protocol, port=client.port)])
    node.start()
    wanted: list[dict[int, list[float]]] = [{}]

    def after(seq: int, hands: dict[int, list[float]]) -> None:
        wanted.append(hands)
        if seq % 8 == 0:
            client.wait(len(wanted))

    storm(node, frames, after)
    node.stop()
    wanted += [{}, {}]
    client.wait(len(wanted))
    held = [by_id(line[what]) for line in told(client)]
    for want, found in zip(wanted, held, strict=True):
        assert found == want
    came = [id_ for line in told(client) for id_ in line["came"]]
    went = [id_ for line in told(client) for id_ in line["went"]]
    assert sorted(came) == sorted(went) == sorted({id_ for hands in wanted for id_ in hands})  # each once


@pytest.mark.parametrize(("protocol", "what"), [("tuio11", "cursors"), ("tuio2", "pointers")])
def test_a_tuio_client_holds_the_hands_of_every_frame(tuio_client: TuioClient, protocol: str, what: str) -> None:
    follow(tuio_client, protocol, what, 60)


@pytest.mark.slow
@pytest.mark.parametrize(("protocol", "what"), [("tuio11", "cursors"), ("tuio2", "pointers")])
def test_a_tuio_client_holds_the_hands_of_a_thousand_frames(tuio_client: TuioClient, protocol: str, what: str) -> None:
    follow(tuio_client, protocol, what, 1000)


@pytest.mark.parametrize("frames", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_python_tuio_holds_the_hands_of_every_frame(python_tuio: PythonTuio, frames: int) -> None:
    node = Osc(targets=[Target(protocol="tuio11", port=python_tuio.port)])
    node.start()

    def after(seq: int, hands: dict[int, list[float]]) -> None:
        python_tuio.read()
        held = {id_: values[:4] for id_, values in python_tuio.cursors().items()}
        assert held == hands

    storm(node, frames, after)
    node.stop()
    python_tuio.read()
    assert python_tuio.cursors() == {}
    assert sorted(python_tuio.came) == sorted(python_tuio.went)


@pytest.mark.parametrize(("protocol", "what"), [("tuio11", "cursors"), ("tuio2", "pointers")])
def test_forty_hands_at_once_arrive_whole(tuio_client: TuioClient, protocol: str, what: str) -> None:
    node = Osc(targets=[Target(protocol=protocol, port=tuio_client.port)])
    node.start()
    everyone = list(range(1, 41))
    node.process(some_hands(everyone, xy=[[id_ / 64, 0.5] for id_ in everyone]))
    parts = node.senders[0].udp.sent - 1
    assert parts > 1
    tuio_client.wait(1 + parts)  # a line for each
    line = told(tuio_client)[-1]
    assert by_id(line[what]) == {id_: [id_ / 64, 0.5, 0, 0] for id_ in everyone}
    node.stop()


def test_two_profiles_together_both_arrive(tuio_client: TuioClient, python_tuio: PythonTuio) -> None:
    targets = [Target(protocol="tuio11", port=port, blobs=True) for port in (tuio_client.port, python_tuio.port)]
    node = Osc(targets=targets)
    node.start()
    for seq in range(1, 61):
        node.process(some_hands([7, seq + 10], seq=seq))
    tuio_client.wait(2 * 61)
    line = told(tuio_client)[-1]
    assert by_id(line["cursors"]) == {id_: [0.25, 0.5, 0, 0] for id_ in (7, 70)}
    assert by_id(line["blobs"]) == {id_: [0.25, 0.5, 0.25, 0.5] for id_ in (7, 70)}
    python_tuio.read()
    assert set(python_tuio.cursors()) == {7, 70}
    assert python_tuio.blobs() == {id_: [0.25, 0.5, 0.25, 0.5] for id_ in (7, 70)}
    node.stop()


@pytest.mark.parametrize(
    ("protocol", "what"), [("tuio11", "cursors"), pytest.param("tuio2", "pointers", marks=pytest.mark.slow)]
)
def test_a_client_of_a_killed_sender_sees_the_next_ones_hands_and_keeps_none(
    run: Callable[..., Run], tuio_client: TuioClient, protocol: str, what: str
) -> None:
    """kill -9 in the middle: of the first sender's hands none is left after the second one's first frame."""
    to = ["--protocol", protocol, "--to", f"127.0.0.1:{tuio_client.port}"]
    first = run("simulate", *to, "--pattern", "churn", "--hands", 8)
    until(lambda: len(tuio_client.lines) > 30, "nothing arrives")
    first.process.kill()
    first.end()
    tuio_client.knock()  # what it had sent has been heard
    before = told(tuio_client)
    old = by_id(before[-1][what])
    assert len(old) == 8
    assert min(old) > 3  # not the ids that the second one will use
    second = run("simulate", *to, "--pattern", "still", "--hands", 3)
    until(lambda: len(tuio_client.lines) > len(before) + 10, "nothing arrives")
    after = [set(by_id(line[what])) for line in told(tuio_client)[len(before) :]]
    assert after[0] == set()  # the first frame: nobody
    assert after[1] == {1, 2, 3}  # the second: the new ones
    assert all(ids == {1, 2, 3} for ids in after[1:])
    assert second.stop() == 0
    until(lambda: not told(tuio_client)[-1][what], "hands are left behind")
