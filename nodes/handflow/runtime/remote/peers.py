"""What a supervisor knows of the graph's other machines: whether they are there, their nodes' rows, their clocks."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from handflow.messages import Clock
from handflow.runtime import keys
from handflow.runtime.awake_clock import AwakeClock, Countdown
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import shared_by_machines
from handflow.runtime.graph.stage import Stage

from .peer_link import Peer, PeerLink, digest
from .places import Holding

# After so long a line says that a machine has not been there yet.
EXPECTED_S = 5.0
# How long a machine whose nodes have all ended waits for the others to ask.
REPORTED_S = 3.0
# The others are looked after once a second.
AWAKE_STEP_S = 2.0
UNREACHABLE = "unreachable"

Row = dict[str, Any]


class Peers:
    """The other machines of a graph that runs on several. `say` is given each line for the user."""

    def __init__(self, graph: Graph, stages: Mapping[str, Stage], say: Callable[[str], None]) -> None:
        self.graph, self.stages, self.say = graph, stages, say
        self._rows: list[Row] = []  # of this machine, as the others hear
        self._ended: list[str] = []
        self.moving = [name for name, node in graph.nodes.items() if node.places]  # nodes that other machines take over
        self.holding = Holding()  # what this machine has of them, as the others hear
        here, others = graph.machines[graph.on], [m for m in graph.machines.values() if m.name != graph.on]
        same = shared_by_machines(graph, stages)
        for node in same["nodes"].values():
            node["run"] = Path(node["run"]).name  # the graph may lie in another folder there
        self._graph = digest(same)
        key = keys.read(Path(graph.key)) if graph.key else None
        self._link = PeerLink(here, others, self._graph, self._answer, key, often=bool(self.moving))
        self._link.start()
        self._clock = AwakeClock(AWAKE_STEP_S)
        self._began = self._clock.now()
        self._reachable: dict[str, bool] = {}  # when last looked
        self._since: dict[str, float] = {}  # when that last changed, by that clock
        self._met: set[str] = set()  # machines that have been there
        self._other_graph: set[str] = set()  # machines that run another graph

    def close(self) -> None:
        self._link.close()

    def _answer(self) -> dict[str, Any]:
        return {"rows": self._rows, "ended": self._ended, "holding": msgspec.to_builtins(self.holding)}

    def machines(self) -> dict[str, Peer]:
        """The others by name."""
        return self._link.peers

    def report(self, rows: list[Row], ended: Iterable[str]) -> None:
        """Sets what the other machines hear of this one, and says which of them have gone or are back."""
        self._rows, self._ended = rows, list(ended)
        for name, peer in self._link.peers.items():
            self._say_whether_reachable(name, peer)
            self._say_if_another_graph(name, peer)

    def _say_whether_reachable(self, name: str, peer: Peer) -> None:
        now, reachable = self._clock.now(), peer.reachable()
        machine = f"machine {name} ({peer.machine.host}:{peer.machine.port})"
        if not reachable and name not in self._reachable and now - self._began > EXPECTED_S:
            key = ", with the same key" if self.graph.key else ""
            self.say(f"{machine} has not answered yet; does it run{key}, and is its port open?")
            self._reachable[name], self._since[name] = False, self._began
        elif reachable != self._reachable.get(name, False):
            lasted = now - self._since.get(name, now)
            if reachable:
                again = f" again, after {lasted:.0f} s" if name in self._met else ""
                self._met.add(name)
                self.say(f"{machine} is reachable{again}")
            else:
                self.say(f"{machine} does not answer; waiting for it")
            self._reachable[name], self._since[name] = reachable, now

    def _say_if_another_graph(self, name: str, peer: Peer) -> None:
        if peer.reachable() and (peer.graph != self._graph) != (name in self._other_graph):
            self._other_graph ^= {name}
            if name in self._other_graph:
                self.say(
                    f"machine {name} runs another graph than this one: nodes, edges or machines differ; "
                    f"give both the same {self.graph.file.name}"
                )

    def wait_reported(self) -> None:
        """After the last of our nodes has ended: until those that are there have heard of it."""
        since, wait = time.monotonic(), Countdown(REPORTED_S)
        while not wait.over():
            there = [name for name, peer in self._link.peers.items() if peer.reachable()]
            if all(self._link.asked_at.get(name, 0) > since for name in there):
                return
            time.sleep(0.05)

    def ended(self) -> set[str]:
        """Nodes of other machines that have sent their last message."""
        return {name for peer in self._link.peers.values() for name in peer.ended if self._is_of(name, peer)}

    def clock(self, name: str) -> int | None:
        """What `Clock.offset_ns` must be in a node that is fed from another machine; None: nothing to be said."""
        source = self.stages[name]
        seen = {name}
        # What merges several machines' messages has its own machine's clock.
        while source.edges and not source.node.merges and source.edges[0].node not in seen:
            seen.add(source.edges[0].node)
            source = self.stages[source.edges[0].node]
        peer = self._link.peers.get(source.on)
        sample = peer.clock() if peer else None
        # What fed it from elsewhere may have moved here.
        own = self.graph.clock_offset_ns if self.moving and not peer else None
        return sample.offset_ns if sample else own

    def clocks(self, name: str) -> dict[str, int]:
        """For a node that merges, the offset of the clock that each input's messages have, where that is another's."""
        stage = self.stages[name]
        found = {edge.node: self.clock(edge.node) for edge in stage.edges} if stage.node.merges else {}
        return {node: offset for node, offset in found.items() if offset is not None}

    def rows(self, own: list[Row], like: Row) -> list[Row]:
        """A row for each node of the graph, with its machine and how far that one's clock is ahead of ours.

        What another machine says is taken only as far as it looks like our own row.
        """
        found = {row["node"]: row | {"on": self.graph.on, "clock_ms": 0.0, "clock_error_ms": 0.0} for row in own}
        for name, peer in self._link.peers.items():
            sample = peer.clock()
            clock = {
                "on": name,
                "clock_ms": round((sample.offset_ns - Clock.offset_ns) / 1e6, 3) if sample else None,
                "clock_error_ms": round(sample.delay_ns / 2e6, 3) if sample else None,
            }
            reported = {row.get("node"): row for row in peer.rows if isinstance(row, dict)} if peer.reachable() else {}
            for stage in self.stages.values():
                if stage.on == name:
                    row = _matching(reported.get(stage.name, {}), like) if peer.reachable() else like
                    state = row["state"] if peer.reachable() else UNREACHABLE
                    found[stage.name] = row | {"node": stage.name, "state": state} | clock
        for name in self.moving:
            first, now_on = self.graph.places(name)[0], self.stages[name].on
            if now_on != first and not found[name]["fault"]:
                found[name]["fault"] = f"spare: runs on {now_on}, for {first} is gone or has only just come back"
            if ready := self._ready(name):
                found[name]["next"] = found[name]["next"] or f"standby on {', '.join(ready)}"
        return [found[name] for name in self.stages]

    def _ready(self, node: str) -> list[str]:
        """The machines that could run a node at once and do not."""
        able = {name: peer.holding.able for name, peer in self._link.peers.items() if peer.reachable()}
        able[self.graph.on] = self.holding.able
        return [name for name in self.graph.places(node) if node in able.get(name, [])]

    def _is_of(self, name: str, peer: Peer) -> bool:
        return name in self.graph.nodes and peer.machine.name in self.graph.places(name)


def _matching(given: Mapping[str, Any], like: Mapping[str, Any]) -> Row:
    """What `given` has of the keys of `like`, where it is of the same type."""
    row: Row = {}
    for key, default in like.items():
        value = given.get(key, default)
        if isinstance(default, dict):
            row[key] = _matching(value, default) if isinstance(value, dict) else default
        elif isinstance(default, float):
            row[key] = float(value) if isinstance(value, int | float) else default
        elif default is None:
            row[key] = value if isinstance(value, int) else None
        else:
            row[key] = value if type(value) is type(default) else default
    return row
