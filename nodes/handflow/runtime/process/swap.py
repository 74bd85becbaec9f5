"""Another process for a running node: it starts beside the one that works, and takes over when it can.

Whatever goes wrong before, the one that works goes on and has noticed nothing. A source or a sink may hold what only
one can hold (a camera, a port): it starts after the change-over, and if it then fails, the one before is started again.
"""

import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handflow.errors import GraphError, Refused
from handflow.runtime.graph.graph import copied, resolve

if TYPE_CHECKING:
    from .supervisor import Child, Supervisor

LOAD_S = 60.0  # what has not got through its start by then will not
LEAVE_S = 5.0  # what has not finished its message by then is killed


@dataclass
class Swap:
    """One change of processes."""

    client: list[bytes]  # the way back to whoever asked
    old: "Child"
    new: "Child"
    file: Path  # the graph as the new process reads it
    due: float
    phase: str = "loading"  # leaving: the old one finishes; taking over


class Swaps:
    """The changes that are under way, by node."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self.supervisor = supervisor
        self.under_way: dict[str, Swap] = {}
        self.left: list[Child] = []  # processes that have been replaced and are about to end

    def begin(self, client: list[bytes], node: str, run: str | None, settings: dict[str, Any]) -> None:
        """Starts the new process. Refused."""
        supervisor = self.supervisor
        old = supervisor.children[node]
        if supervisor.graph.exact:
            raise Refused("an exact run is not changed: it would not be the same the next time")
        if node in self.under_way:
            raise Refused(f"{node} is being swapped already")
        if old.ended:
            raise Refused(f"{node} has ended")
        if any(edge.keep == "all" for edge in old.stage.edges):
            raise Refused(f"{node} reads every message: those that come during the change would be lost")
        whole = json.loads(supervisor.directory.graph.read_text("utf-8"))
        entry = whole["nodes"][node]
        if run is not None:
            entry["run"] = run
            entry["in"] = supervisor.graph.entries[node].inputs  # as the file has it: its arguments may be others
        entry["with"] = settings if run is not None else {**entry["with"], **settings}
        file = supervisor.directory.path / f"{node}.swap.json"
        file.write_text(json.dumps(whole), "utf-8")
        new = copy.copy(old)
        new.begin()
        supervisor.start(new, time.monotonic(), file, ["--standby"])
        self.under_way[node] = Swap(client, old, new, file, time.monotonic() + LOAD_S)

    def tend(self, now: float) -> None:
        """Takes each change a step further, if it can go one."""
        for node, swap in list(self.under_way.items()):
            self.supervisor.relay(swap.new)
            getattr(self, f"_{swap.phase}")(node, swap, now)
        for child in list(self.left):
            assert child.process is not None
            self.supervisor.relay(child)
            if child.process.poll() is not None or now > child.due:
                child.process.kill()
                self.supervisor.reap(child)
                self.left.remove(child)

    def processes(self) -> list["Child"]:
        """All that run beside the graph's children."""
        return [swap.new for swap in self.under_way.values()] + self.left

    def _loading(self, node: str, swap: Swap, now: float) -> None:
        new, old = swap.new, swap.old
        assert new.process is not None
        if new.process.poll() is not None or now > swap.due:
            new.process.kill()
            self.supervisor.reap(new)
            why = new.last or "it did not start in time"
            self._end(node, swap, error=f"{node} was not swapped: {why}")
        elif new.state() == "standby":
            swap.due = now + LEAVE_S
            swap.phase = "leaving"
            self.supervisor.order(old, {"leave": True})

    def _leaving(self, node: str, swap: Swap, now: float) -> None:
        old = swap.old
        gone = old.process is None or old.process.poll() is not None
        if not gone and now > swap.due and old.process is not None:
            old.process.kill()
            old.process.wait()
            gone = True
        if gone or old.state() == "left":
            frame = old.status["frame"] if old.status else None
            self.supervisor.order(swap.new, {"go": frame})
            if old.process is not None:
                replaced = copy.copy(old)
                replaced.due = now + LEAVE_S
                self.left.append(replaced)
                old.process = None
            swap.due = now + LOAD_S
            swap.phase = "taking_over"

    def _taking_over(self, node: str, swap: Swap, now: float) -> None:
        new, supervisor = swap.new, self.supervisor
        assert new.process is not None
        if new.process.poll() is not None or now > swap.due:
            new.process.kill()
            supervisor.reap(new)
            swap.old.due = now  # the supervisor starts it again
            why = new.last or "it did not start in time"
            self._end(node, swap, error=f"{node} was not swapped, and the one before was started again: {why}")
        elif new.state() == "running":
            graph = copied(swap.file)
            try:
                stages = resolve(graph)  # what the new process has read without a fault
            except GraphError as error:
                supervisor.say(f"{node}: {error}")
                stages = dict(supervisor.stages)
            entry = graph.entries[node]
            entry.inputs = supervisor.graph.entries[node].inputs  # as the file has them
            supervisor.graph.entries[node] = entry
            supervisor.stages = stages
            for name, child in supervisor.children.items():
                child.stage = stages[name]
            new.stage = stages[node]
            new.swaps = swap.old.swaps + 1
            new.ran = True
            supervisor.children[node] = new
            supervisor.write()
            self._end(node, swap, answer={})

    def _end(self, node: str, swap: Swap, **answer: Any) -> None:
        del self.under_way[node]
        swap.file.unlink(missing_ok=True)
        self.supervisor.desk.tell(swap.client, **answer)
