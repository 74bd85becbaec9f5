"""A graph that runs, and its processes: what the supervisor, a swap and the control server work on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from handflow.errors import RunError
from handflow.runtime.awake_clock import AwakeClock
from handflow.runtime.files import cannot_write
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import explicit
from handflow.runtime.graph.stage import Stage
from handflow.runtime.remote.peers import Peers
from handflow.runtime.transport.rundir import RunDir

from .child import AttachedNode, Child

# The supervisor looks at its processes ten times a second; one that was stopped has seen no more than this of it.
AWAKE_STEP_S = 1.0
UNANSWERED = 0  # number of a command whose answer nobody waits for


class RunningGraph:
    """A checked graph and the processes of its nodes on this machine. `say` is given each line for the user."""

    def __init__(self, graph: Graph, stages: Mapping[str, Stage], say: Callable[[str], None]) -> None:
        self.graph, self.say = graph, say
        self.clock = AwakeClock(AWAKE_STEP_S)  # by which processes are judged
        self.stages = stages  # of the whole graph; those of other machines are theirs to run
        self.directory = RunDir(graph.file, graph.portable, graph.on)
        self.children = {name: Child(stage) for name, stage in stages.items() if graph.on in graph.places(name)}
        self.beside: list[Child] = []  # processes that are to take over from a child, or have been replaced
        self.attached: dict[str, AttachedNode] = {}
        self.peers: Peers | None = None
        self.tracing = False  # whether the nodes record what they do

    def processes(self) -> list[Child]:
        return [child for child in (*self.children.values(), *self.beside) if child.process]

    def participants(self) -> list[Child | AttachedNode]:
        """All processes that send their status: those of `processes`, and attached nodes."""
        return [*self.processes(), *self.attached.values()]

    def write(self) -> None:
        """Writes the copy of the graph that its processes read when they start. RunError."""
        try:
            explicit(self.graph, self.stages).write_copy(self.directory.graph)
        except OSError as error:
            raise RunError(
                f"{cannot_write(self.directory.path, error)}; make room there, or set TMPDIR to a folder with room"
            ) from error

    def write_again(self) -> None:
        """The same after a change, which holds anyhow; a disk that is full ends no graph."""
        try:
            self.write()
        except RunError as error:
            self.say(f"{error}; until then a node that is started again has the settings of before")

    def start(self, child: Child, graph: Path | None = None, flags: Sequence[str] = ()) -> None:
        """Starts a node's process, of this graph or of another copy of it, and sends it what it must know."""
        child.start(graph or self.directory.graph, self.clock.now(), flags)
        self.send_news_of_peers(child)
        if self.tracing:
            child.send({"trace": True})
        for name, value in child.retained.items():
            child.send({"call": [UNANSWERED, name, value]})
        for edge in child.stage.edges:
            if edge.node in self.children and self.children[edge.node].ended:
                child.send({"ended": edge.node})

    def end(self, child: Child) -> None:
        """Its process has ended for good: those that it feeds need not wait for more."""
        child.ended = True
        for other in (*self.children.values(), *self.beside):
            if any(edge.node == child.stage.name for edge in other.stage.edges):
                other.send({"ended": child.stage.name})

    def send_news_of_peers(self, child: Child) -> None:
        """The clock that feeds the node from another machine, and which of its inputs there have ended."""
        if self.peers is None:
            return
        if (clock := self.peers.clock(child.stage.name)) is not None:
            child.send({"clock": clock})
        if clocks := self.peers.clocks(child.stage.name):
            child.send({"clocks": clocks})
        for name in self.peers.ended() & {edge.node for edge in child.stage.edges} - child.ended_inputs:
            child.ended_inputs.add(name)
            child.send({"ended": name})

    def move(self, node: str, machine: str) -> None:
        """Another machine runs the node from now on: those that read it here read it there."""
        self.graph.nodes[node].on = self.stages[node].on = machine
        self.write_again()
        for each in self.participants():
            each.send({"place": [node, machine]})
        for child in self.processes():
            self.send_news_of_peers(child)

    def relay(self, child: Child) -> None:
        """Passes on the lines that the node wrote to stderr."""
        for line in child.lines():
            self.say(line)

    def reap(self, child: Child) -> None:
        """Lets go of a process that has ended, once its last words are said."""
        for line in child.reap():
            self.say(line)
