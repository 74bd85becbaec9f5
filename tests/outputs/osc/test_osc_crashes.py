"""After a crash nobody of before is left in the games, whoever died."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.graphs import Run, until
from support.osc_receivers import Mailbox, some_hands, values

from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.receiver import OscReceiver


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
