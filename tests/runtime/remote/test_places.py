"""`on: [stage, spare]`: what is wrong with it, how edges run when nodes have moved, and which machine runs a node."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import zmq
from support.two_machines import NODES

from handflow import Frame
from handflow.errors import GraphError
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import edges_as_placed, explicit, resolve, shared_by_machines
from handflow.runtime.process.takeover import Contact
from handflow.runtime.profile import Profile
from handflow.runtime.remote.places import (
    FORGOTTEN_S,
    MAX_STEADY_S,
    STEADY_S,
    MachineView,
    followed,
    gives_way,
    steady_after_s,
    takes,
)
from handflow.runtime.topology import Crossing
from handflow.runtime.transport.endpoint import FixedAddress
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.subscriber import LocalDecoder, Subscription
from handflow.runtime.transport.wire import Edge

GRAPH = """\
machines:
  eye: {host: 127.0.0.1, port: 5600}
  play: {host: 127.0.0.1, port: 5620}
  spare: {host: 127.0.0.1, port: 5640}
nodes:
  ticker: {run: ticker.py}
  passer: {run: passer.py, in: {frame: {from: ticker, jpeg: 95}}, on: [eye, spare]}
  tap: {run: tap.py, in: {frame: passer, other: ticker}, on: play, with: {file: out}}
"""
PLACES = ["eye", "play", "spare"]
GONE, UNKNOWN = MachineView("gone"), MachineView("unknown")
IDLE, READY = MachineView("there", able=False), MachineView("there")
RUNS = MachineView("there", runs=True, works=True)
BEGINS = MachineView("there", runs=True)


@pytest.fixture
def graph(tmp_path: Path) -> Callable[..., Graph]:
    def make(old: str = "", new: str = "") -> Graph:
        assert old in GRAPH
        for name, text in NODES.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "graph.yaml").write_text(GRAPH.replace(old, new, 1) if old else GRAPH)
        return read(tmp_path / "graph.yaml")

    return make


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("[eye, spear]", "on: expected a machine, got 'spear' (did you mean 'spare'?); there are eye, play, spare"),
        ("[eye, eye]", "on: expected each machine once, got 'eye' twice"),
        ("[]", "on: expected the name of a machine, or a list of names, got a list"),
        ("[eye, 7]", "on: expected the name of a machine, or a list of names, got a list"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_in_one_line(graph: Callable[..., Graph], on: str, expected: str) -> None:
    with pytest.raises(GraphError) as error:
        graph("[eye, spare]", on)
    assert error.value.lines[0].endswith(f"passer: {expected}")


def test_a_list_of_one_is_that_machine(graph: Callable[..., Graph]) -> None:
    node = graph("[eye, spare]", "[play]").nodes["passer"]
    assert (node.on, node.places) == ("play", [])


def test_a_node_is_written_with_all_its_machines(graph: Callable[..., Graph]) -> None:
    assert graph().nodes["passer"].shortest()["on"] == ["eye", "spare"]


def test_a_node_has_a_port_on_each_machine_that_may_run_it(graph: Callable[..., Graph]) -> None:
    assert graph().ports() == {("ticker", "eye"): 5601, ("passer", "eye"): 5602, ("passer", "spare"): 5641}


def test_an_exact_run_stays_on_one_machine(graph: Callable[..., Graph]) -> None:
    loaded = graph()
    loaded.exact = True
    with pytest.raises(GraphError, match="an exact run does not cross from one machine to another"):
        resolve(loaded)


def test_a_producer_serves_readers_wherever_they_may_run_and_awaits_those_that_do(graph: Callable[..., Graph]) -> None:
    ticker = resolve(graph())["ticker"]
    assert ticker.crossings == [Crossing("tcp://127.0.0.1:5601", 95), Crossing("tcp://127.0.0.1:5601")]
    assert ticker.awaited == [Crossing("tcp://127.0.0.1:5601")]


def test_edges_follow_a_node_to_another_machine(graph: Callable[..., Graph]) -> None:
    loaded = graph()
    stages = resolve(loaded)
    same = shared_by_machines(loaded, stages)
    copy = explicit(loaded, stages)
    copy.nodes["passer"].on = "spare"
    (before, _), (after, _) = stages["tap"].edges, edges_as_placed(copy, stages["tap"])
    assert (before.crossing, after.crossing) == (Crossing("tcp://127.0.0.1:5602"), Crossing("tcp://127.0.0.1:5641"))
    passer = resolve(copy, only="passer")["passer"]
    assert passer.crossings == [Crossing("tcp://127.0.0.1:5641")]
    # Of the edge that did not cross before the quality is known all the same.
    assert passer.edges[0].crossing == Crossing("tcp://127.0.0.1:5601", 95)
    assert shared_by_machines(graph(), resolve(graph())) == same


def test_inputs_read_elsewhere_once_their_node_has_moved(tmp_path: Path) -> None:
    here, there = FixedAddress(f"ipc://{tmp_path}/here"), FixedAddress(f"ipc://{tmp_path}/there")
    edges = [Edge("frame", "passer", Frame, drives=True)]
    moves: list[list[Edge]] = []
    with zmq.Context() as context:
        before, after = (Publisher(context, each, Rings(), Profile("passer", 1)) for each in (here, there))

        def subscribe(edge: Edge) -> Subscription:
            address = there if edge.crossing else here
            return Subscription(context, edge, address, LocalDecoder(b"", rings), Profile("tap", 1))

        rings = Rings()
        moved = lambda: moves.pop() if moves else None  # noqa: E731
        inputs = Inputs("tap", edges, (), subscribe, rings, Profile("tap", 1), set(), moved=moved)
        calls = iter(inputs)
        for publisher, seq in ((before, 1), (after, 2)):
            if publisher is after:
                moves.append([Edge("frame", "passer", Frame, drives=True, crossing=Crossing("tcp://spare:1"))])
                assert next(calls) is None
            publisher.wait_for(1, 5)
            publisher.send(Frame(image=np.zeros((2, 2, 3), np.uint8), seq=seq))
            call = next(each for each in calls if each is not None)
            assert call.driving is not None
            assert call.driving.seq == seq
        for each in (inputs, before, after):
            each.close()


@pytest.mark.parametrize(
    ("here", "others", "expected"),
    [
        ("eye", (GONE, GONE), True),
        ("eye", (UNKNOWN, GONE), False),  # it may run there
        ("eye", (READY, READY), True),
        ("eye", (RUNS, READY), True),  # has been back for long enough
        ("eye", (RUNS._replace(steady=False), READY), False),
        ("play", (GONE, GONE), True),
        ("play", (UNKNOWN, GONE), False),
        ("play", (READY, GONE), False),
        ("play", (IDLE, GONE), True),  # it is there and cannot
        ("play", (BEGINS, GONE), False),
        ("play", (GONE, RUNS), True),
        ("spare", (GONE, READY), False),
        ("spare", (GONE, GONE), True),
    ],
)
def test_the_first_machine_that_is_alive_takes_a_node(
    here: str, others: tuple[MachineView, ...], expected: bool
) -> None:
    assert takes(PLACES, here, seen(here, others)) is expected


@pytest.mark.parametrize(
    ("here", "others", "expected"),
    [
        ("eye", (RUNS, RUNS), False),  # both ran while the cable was out
        ("play", (RUNS, RUNS), True),
        ("play", (RUNS._replace(steady=False), RUNS), False),
        ("play", (BEGINS, GONE), False),  # until its messages come
        ("play", (READY, RUNS), False),
        ("play", (GONE, GONE), False),
    ],
)
def test_a_node_is_left_to_a_machine_before_once_it_works_there(
    here: str, others: tuple[MachineView, ...], expected: bool
) -> None:
    assert gives_way(PLACES, here, seen(here, others)) is expected


@pytest.mark.parametrize(
    ("at", "views", "expected"),
    [
        ("eye", (GONE, GONE, GONE), "eye"),
        ("eye", (GONE, BEGINS, GONE), "play"),
        ("eye", (READY, READY, RUNS), "spare"),
        ("play", (BEGINS, RUNS, READY), "play"),
        ("play", (RUNS._replace(steady=False), RUNS, READY), "play"),
        ("play", (RUNS, RUNS, READY), "eye"),
        ("eye", (RUNS, RUNS, RUNS), "eye"),
    ],
)
def test_readers_stay_with_a_machine_until_it_is_gone_or_one_before_it_works(
    at: str, views: tuple[MachineView, ...], expected: str
) -> None:
    assert followed(PLACES, at, dict(zip(PLACES, views, strict=True))) == expected


def test_who_is_lost_again_and_again_is_trusted_later_each_time() -> None:
    assert [steady_after_s(losses) for losses in (0, 1, 2, 3)] == [0, STEADY_S, 2 * STEADY_S, 4 * STEADY_S]
    assert steady_after_s(100) == MAX_STEADY_S


def test_losses_are_counted_and_forgotten() -> None:
    contact = Contact()
    for at, silent_s in ((0.0, 0.0), (2.0, 2.0), (4.5, 4.5), (5.0, 0.0), (9.5, 4.5), (10.0, 5.0)):
        contact.update(silent_s, False, 1, at)
    assert contact.losses == 2
    contact.update(0, False, 1, 11.0)
    assert contact.there
    assert contact.since == 11.0
    contact.update(0, False, 1, 4.5 + FORGOTTEN_S + 1)
    assert contact.losses == 1
    contact.update(0, False, 1, 9.5 + FORGOTTEN_S + 1)
    assert contact.losses == 0


def test_a_machine_that_does_not_answer_for_a_moment_is_not_lost() -> None:
    contact = Contact()
    for at, silent_s, there in ((0.0, 0.0, True), (3.0, 3.0, False), (3.5, 0.0, True)):
        contact.update(silent_s, False, 1, at)
        assert contact.there is there
    assert (contact.since, contact.losses) == (0.0, 0)


def test_a_machine_that_says_that_it_stops_is_lost_and_one_that_is_started_anew_is_new() -> None:
    contact = Contact()
    contact.update(0.0, False, 1, 1.0)
    contact.update(0.1, True, 1, 2.0)
    assert not contact.there
    assert contact.losses == 1
    contact.update(0.0, False, 2, 3.0)
    assert contact.since == 3.0
    contact.update(0.0, False, 3, 4.0)  # it had stopped in between
    assert (contact.since, contact.losses) == (4.0, 1)


def seen(here: str, others: Sequence[MachineView]) -> dict[str, MachineView]:
    return dict(zip([name for name in PLACES if name != here], others, strict=True))
