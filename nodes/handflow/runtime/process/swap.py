"""Another process for a running node: it starts beside the one that works, and takes over when it can.

Whatever goes wrong before, the one that works goes on and has noticed nothing. A source or a sink may hold what only
one can hold (a camera, a port): it starts after the change-over, and if it then fails, the one before is started again.
"""

import copy
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import msgspec

from handflow.errors import GraphError, Refused
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import explicit, resolve

from .child import Child
from .running_graph import RunningGraph

LOAD_S = 60.0  # what has not got through its start by then will not
LEAVE_S = 5.0  # what has not finished its message by then is killed


class Swap:
    """One change of processes. `step` takes it on as far as it can go now; False: it is over."""

    def __init__(self, running: RunningGraph, new: Child, graph: Path, done: Callable[[str], None]) -> None:
        self.running, self.new, self.graph, self.done = running, new, graph, done
        self.node = new.stage.name
        self.old = running.children[self.node]
        self.old_works = True  # it has not been asked to leave yet
        self._steps = self._change()

    def step(self) -> bool:
        return next(self._steps, "over") is None

    def _change(self) -> Generator[None]:
        """The whole way; it yields where it has to wait."""
        loaded = yield from self._until("standby")
        if not loaded:
            self.done(f"{self.node} was not swapped: {self._failure()}")
            return
        yield from self._old_leaves()
        took_over = yield from self._until("running")
        if not took_over:
            self.old.start_at = self.running.clock.now()  # the supervisor starts it again
            self.done(f"{self.node} was not swapped, and its old process was started again: {self._failure()}")
            return
        self._replace()
        self.done("")

    def _until(self, state: str) -> Generator[None, None, bool]:
        """Waits until the new process has come to `state`; False: it never will."""
        deadline = self.running.clock.now() + LOAD_S
        while self.new.state() != state or not self.new.alive():
            if not self.new.alive() or self.running.clock.now() > deadline:
                return False
            yield
        return True

    def _failure(self) -> str:
        """Ends the new process; why it has failed."""
        self.new.kill()
        self.running.reap(self.new)
        self.running.beside.remove(self.new)
        return self.new.last_line or "it did not start in time"

    def _old_leaves(self) -> Generator[None]:
        """Waits until the old process has finished its message and sends no more; the new one takes over then."""
        old = self.old
        old.send({"leave": True})
        self.old_works = False
        deadline = self.running.clock.now() + LEAVE_S
        while old.alive() and old.state() != "left":
            if self.running.clock.now() > deadline:
                old.kill()
                break
            yield
        self.new.send({"go": old.status["frames"] if old.status else []})
        if old.process is not None:
            leaving = copy.copy(old)
            leaving.start_at = self.running.clock.now() + LEAVE_S
            self.running.beside.append(leaving)
            old.process = None

    def _replace(self) -> None:
        """Puts the new process, and what it has read without a fault, in the old one's place."""
        running, node = self.running, self.node
        graph = Graph.read_copy(self.graph)
        try:
            stages = resolve(graph)
        except GraphError as error:
            running.say(f"{node}: {error}")
            stages = dict(running.stages)
        new = graph.nodes[node]
        new.inputs = running.graph.nodes[node].inputs  # as the file has them
        running.graph.replace(node, new)
        running.stages = stages
        for name, child in running.children.items():
            child.stage = stages[name]
        self.new.stage = stages[node]
        self.new.swaps = self.old.swaps + 1
        self.new.ran = True
        running.children[node] = self.new
        running.beside.remove(self.new)
        running.write_again()


class Swaps:
    """The changes that are under way, by node."""

    def __init__(self, running: RunningGraph) -> None:
        self.running = running
        self.under_way: dict[str, Swap] = {}

    def begin(self, node: str, run: str | None, settings: dict[str, Any], done: Callable[[str], None]) -> None:
        """Starts the new process; `done` is given "" once it has taken over, else what went wrong. Refused."""
        running = self.running
        old = running.children[node]
        if running.graph.exact:
            raise Refused("an exact run is not changed: it would not be the same the next time")
        if node in self.under_way:
            raise Refused(f"{node} is being swapped already; try again when that is done")
        if old.ended:
            raise Refused(f"{node} has ended; there is nothing to replace")
        if any(edge.keep == "all" for edge in old.stage.edges):
            raise Refused(
                f"{node} reads every message and cannot be swapped: those sent during the change would be lost"
            )
        graph = explicit(running.graph, running.stages)
        if run is None:
            graph.nodes[node].settings |= settings
        else:  # inputs as the file has them, for the arguments of another stage may be others
            inputs = running.graph.nodes[node].inputs
            another = msgspec.structs.replace(graph.nodes[node], run=run, inputs=inputs, settings=settings)
            graph.replace(node, another)
        file = running.directory.path / f"{node}.swap.json"
        graph.write_copy(file)
        new = old.successor()
        running.start(new, file, ["--standby"])
        running.beside.append(new)
        self.under_way[node] = Swap(running, new, file, done)

    def holds(self, node: str) -> bool:
        """Whether the node's own process is none of the supervisor's business: it has left, or is about to."""
        return node in self.under_way and not self.under_way[node].old_works

    def step(self, now: float) -> None:
        """Takes each change as far as it can go, and lets go of processes that have been replaced."""
        for child in self.running.beside:
            self.running.relay(child)
        for node, swap in list(self.under_way.items()):
            if not swap.step():
                del self.under_way[node]
                swap.graph.unlink(missing_ok=True)
        coming = [swap.new for swap in self.under_way.values()]
        for child in [child for child in self.running.beside if child not in coming]:
            if not child.alive() or now > child.start_at:
                child.kill()
                self.running.reap(child)
                self.running.beside.remove(child)
