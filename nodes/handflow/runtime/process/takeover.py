"""Nodes that several machines may run (`on: [stage, spare]`): their processes on this one, and who reads them where.

A machine that does not run such a node has its process loaded all the same, without inputs and bound to nothing, so
that it takes over at once. Which machine runs it is decided in remote/places.py.
"""

import contextlib
from collections import deque

import msgpack

from handflow.runtime.remote.peer_link import Peer
from handflow.runtime.remote.peers import Peers
from handflow.runtime.remote.places import (
    ABLE_S,
    EXPECTED_S,
    FORGOTTEN_S,
    GONE_S,
    GREETED_S,
    LOST_S,
    Holding,
    MachineView,
    followed,
    gives_way,
    steady_after_s,
    takes,
)
from handflow.runtime.transport.rundir import NAMES

from .child import Child
from .running_graph import RunningGraph

# What a node stores to outlive a crash; more is not sent to other machines.
MAX_STORED_BYTES = 64 * 1024
# What has not stopped by then is killed.
STOP_S = 2.0


class Contact:
    """Since when a machine has been there, and how often it was lost."""

    def __init__(self) -> None:
        self.there = False
        self.since = 0.0
        self._run = 0  # of its supervisor
        self._lost = True
        self._lost_at: deque[float] = deque()

    def update(self, silent_s: float, leaving: bool, run: int, now: float) -> None:
        """What is known of it now: for how long it has said nothing, and whether it said that it stops."""
        self.there = silent_s < GONE_S and not leaving
        if self.there and (self._lost or run != self._run):
            self.since, self._lost = now, False
        if not self._lost and (silent_s > LOST_S or leaving):
            self._lost = True
            self._lost_at.append(now)
        while self._lost_at and now - self._lost_at[0] > FORGOTTEN_S:
            self._lost_at.popleft()
        self._run = run

    @property
    def losses(self) -> int:
        return len(self._lost_at)


class Takeover:
    """Looks after this machine's share of them; `step` is called again and again."""

    def __init__(self, running: RunningGraph, peers: Peers) -> None:
        self.running, self.peers = running, peers
        self.places = {name: running.graph.places(name) for name in peers.moving}
        self.taken: set[str] = set()  # nodes that this machine is to run
        self._works: set[str] = set()  # those of them whose messages come: who reads them may rely on it
        self._stopping: dict[str, float] = {}  # nodes given to another machine, until when they may stop
        self._contacts = {name: Contact() for name in peers.machines()}
        self._leaving = False
        self._began = running.clock.now()

    def is_spare(self, child: Child) -> bool:
        """Whether its process only waits."""
        return child.name in self.places and child.name not in self.taken

    def holds(self, name: str) -> bool:
        """Whether a node's process is being stopped here."""
        return name in self._stopping

    def step(self, now: float) -> None:
        for name, contact in self._contacts.items():
            peer = self.peers.machines()[name]
            contact.update(peer.silent_s(), peer.holding.leaving, peer.run, now)
        for node in list(self._stopping):
            self._stopped(node, now)
        here = self.running.graph.on
        for node, places in self.places.items():
            child = self.running.children.get(node)
            if child is not None and not child.ended and node not in self._stopping:
                self._decide(child, {each: self._seen(node, each, now) for each in places if each != here}, now)
            self._follow(node, places, now)
        self._tell()

    def leave(self) -> None:
        """Before this machine's nodes are stopped: others that are ready take them over meanwhile."""
        ready = {node for name, peer in self.peers.machines().items() if peer.reachable() for node in peer.holding.able}
        if self._works & ready:
            self._leaving = True
            self._tell()
            self.peers.wait_reported()

    def _decide(self, child: Child, seen: dict[str, MachineView], now: float) -> None:
        places, here, node = self.places[child.name], self.running.graph.on, child.name
        if node in self.taken:
            if child.running and (child.stage.declaration.output is None or _fps(child) > 0):
                self._works.add(node)
            swapped = any(each.name == node for each in self.running.beside)
            if gives_way(places, here, seen) and not swapped:
                self._stop(child, now)
        elif node in self.peers.ended():
            self._stop(child, now)
        elif child.alive() and child.state() == "standby" and takes(places, here, seen):
            self._restore(node)
            child.send({"go": []})
            self.taken.add(node)

    def _stop(self, child: Child, now: float) -> None:
        self.taken.discard(child.name)
        self._works.discard(child.name)
        self._stopping[child.name] = now + STOP_S
        if child.process is not None:
            child.ask_to_stop(by_signal=not self.running.graph.portable)

    def _stopped(self, node: str, now: float) -> None:
        """A process that has been replaced on another machine: once it has ended the next one waits here."""
        child = self.running.children[node]
        if child.alive() and now > self._stopping[node]:
            child.kill()
        if not child.alive():
            self.running.reap(child)
            del self._stopping[node]
            child.start_at = now
            if node in self.peers.ended():
                self.running.end(child)

    def _seen(self, node: str, machine: str, now: float) -> MachineView:
        """Another machine, as it is seen from here."""
        peer, contact = self.peers.machines()[machine], self._contacts[machine]
        if not contact.there:
            before = self.places[node].index(machine) < self._rank(node)
            wait_s = EXPECTED_S if before else GREETED_S
            never = peer.heard < 0
            return MachineView("unknown" if never and now - self._began < wait_s else "gone")
        there_s = now - contact.since
        # Who has just started does not know that it was lost; others do.
        losses = max(contact.losses, peer.holding.losses.get(self.running.graph.on, 0))
        able = node in peer.holding.able or there_s < ABLE_S
        runs, works = node in peer.holding.runs, node in peer.holding.works
        return MachineView("there", runs, works, able, there_s >= steady_after_s(losses))

    def _rank(self, node: str) -> int:
        places, here = self.places[node], self.running.graph.on
        return places.index(here) if here in places else len(places)

    def _follow(self, node: str, places: list[str], now: float) -> None:
        """Whoever reads the node here reads it where it runs."""
        running, here = self.running, self.running.graph.on
        at = running.stages[node].on
        seen = {each: self._seen(node, each, now) for each in places if each != here}
        seen[here] = MachineView("there", node in self.taken, node in self._works)
        place = followed(places, at, seen)
        if place == at:
            return
        running.move(node, place)
        running.say(f"{node} runs on {place} now, not on {at}")

    def _tell(self) -> None:
        children = self.running.children
        ready = [node for node in self.places if node in children and children[node].state() == "standby"]
        losses = {name: contact.losses for name, contact in self._contacts.items() if contact.losses}
        stored = {node: data for node in self.taken if (data := self._stored(node))}
        self.peers.holding = Holding(sorted(self.taken), sorted(self._works), ready, stored, losses, self._leaving)

    def _stored(self, node: str) -> bytes:
        with contextlib.suppress(OSError, ValueError):
            data = msgpack.packb(self.running.directory.stored(node), unicode_errors=NAMES)
            return data if len(data) < MAX_STORED_BYTES else b""
        return b""

    def _restore(self, node: str) -> None:
        """What the node has stored where it ran last: ids that were given are not given again."""
        peer: Peer | None = self.peers.machines().get(self.running.stages[node].on)
        data = peer.holding.stored.get(node) if peer else None
        if not data:
            return
        with contextlib.suppress(OSError, ValueError, msgpack.UnpackException):
            values = msgpack.unpackb(data, unicode_errors=NAMES)
            if isinstance(values, dict):
                self.running.directory.store(node, values)


def _fps(child: Child) -> float:
    return child.status["fps_out"] if child.status else 0.0
