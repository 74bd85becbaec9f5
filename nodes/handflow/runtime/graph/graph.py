"""pipeline.yaml -> which nodes there are, of which class, with which settings, and who listens to whom.

Everything that can be seen to be wrong without a camera is seen here, all of it at once, each fault in one line:
file:line:column, what was found, what was expected, the nearest right name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from handflow.errors import GraphError, SetupError, StageError
from handflow.runtime.node import Node
from handflow.runtime.topology import Crossing, Machine, ports
from handflow.runtime.transport.wire import Edge, Packed

from .stage import KEEPS_DRIVING, Declared, Input, declared, hint, load, settings

KEEPS = ("newest", "same", "all")
KEEPS_BESIDE = ("newest", "same")  # of inputs that do not drive
TRANSPORTS = ("auto", "portable")


@dataclass
class Entry:
    """One node as the file has it."""

    name: str
    run: str
    inputs: dict[str, dict[str, Any]]  # argument ("" = the first) -> from, keep, wait_ms
    settings: dict[str, Any]
    places: dict[str, str] = field(default_factory=dict)  # "run", "in.prior", "with.fps" -> file:line:column
    on: str = ""  # the machine; "" in a graph of one

    def place(self, *path: str) -> str:
        while path:
            if (key := ".".join(path)) in self.places:
                return self.places[key]
            path = path[:-1]
        return self.places.get("", "")


@dataclass
class Stage:
    """One node, ready to be made."""

    name: str
    run: str  # a file of the user's with its whole path
    node: type[Node]
    settings: dict[str, Any]
    edges: list[Edge]  # the first drives; none: a source
    listeners: list[str]  # who listens to it, once for each edge
    readers: list[str]  # those of them that read every message
    what: Declared
    on: str = ""  # the machine
    crossings: list[Crossing] = field(default_factory=list)  # how it is read on other machines, each way once


@dataclass
class Graph:
    """A graph file that was read; `stages` holds what it comes to once `resolve` has checked it."""

    file: Path
    entries: dict[str, Entry]
    portable: bool = False  # joined by tcp on loopback and mapped files
    exact: bool = False  # every message counts and inputs are joined by frame: the same results each time
    machines: dict[str, Machine] = field(default_factory=dict)
    on: str = ""  # the machine that this is
    key: str = ""  # file of the key to what crosses; "": nothing is encrypted
    clock_offset_ns: int | None = None  # set in the copy that a running graph's processes read

    def ports(self) -> dict[str, int]:
        """The tcp port of each node that is read on another machine."""
        across = [
            edge["from"]
            for entry in self.entries.values()
            for edge in entry.inputs.values()
            if edge["from"] in self.entries and self.entries[edge["from"]].on != entry.on
        ]
        return ports(self.machines, {entry.name: entry.on for entry in self.entries.values()}, across)

    def place_on(self, machine: str | None) -> None:
        """What `--on` does: says which machine this is."""
        names = ", ".join(self.machines)
        if machine is None and self.machines:
            raise GraphError([f"{self.file} has machines; say with --on which of them this is: {names}"])
        if machine is not None and machine not in self.machines:
            has = f"it has {names}" if names else "it has no 'machines:'"
            raise GraphError([f"--on {machine}: no machine of {self.file}{hint(machine, list(self.machines))}; {has}"])
        self.on = machine or ""

    def set(self, name: str, key: str, value: Any, place: str) -> None:
        """What `--set` does: beats the file."""
        entry = self.entries.get(name)
        if entry is None:
            raise GraphError([f"{place}: there is no node {name!r}{hint(name, list(self.entries))}"])
        entry.settings[key] = value
        entry.places[f"with.{key}"] = place

    def plain(self) -> dict[str, Any]:
        """What `Node.graph` is."""
        nodes = {e.name: {"run": e.run, "in": e.inputs, "with": e.settings} for e in self.entries.values()}
        return {"file": str(self.file), "on": self.on, "nodes": nodes}


def copied(file: Path) -> Graph:
    """Reads what `write` wrote."""
    whole = json.loads(file.read_text("utf-8"))
    entries = {
        name: Entry(name, e["run"], e["in"], e["with"], {"": f"{whole['file']}: {name}"}, e["on"])
        for name, e in whole["nodes"].items()
    }
    machines = {name: Machine(name, host, port) for name, (host, port) in whole["machines"].items()}
    graph = Graph(Path(whole["file"]), entries, whole["portable"], whole["exact"], machines, whole["on"], whole["key"])
    graph.clock_offset_ns = whole["clock_offset_ns"]
    return graph


def write(graph: Graph, stages: Mapping[str, Stage], file: Path) -> None:
    """The copy of a checked graph that its processes read: --set is in it, and JSON is 40 ms quicker than YAML."""
    whole = {
        "file": str(graph.file),
        "portable": graph.portable,
        "exact": graph.exact,
        "clock_offset_ns": graph.clock_offset_ns,
        "on": graph.on,
        "key": graph.key,
        **described(graph, stages),
    }
    for name, node in whole["nodes"].items():
        node["with"] = graph.entries[name].settings
    part = file.with_suffix(".part")
    part.write_text(json.dumps(whole), "utf-8")
    part.replace(file)  # a stage that starts just now reads a whole one


def described(graph: Graph, stages: Mapping[str, Stage]) -> dict[str, Any]:
    """What must be the same on all machines of a graph, as JSON has it: nodes, edges and machines, not settings."""
    nodes = {s.name: {"run": s.run, "on": s.on, "in": {e.argument: _edge(e) for e in s.edges}} for s in stages.values()}
    return {"machines": {m.name: [m.host, m.port] for m in graph.machines.values()}, "nodes": nodes}


def _edge(edge: Edge) -> dict[str, Any]:
    crossing = {"jpeg": edge.crossing.jpeg, "size": edge.crossing.size} if edge.crossing else {}
    return {"from": edge.node, "keep": edge.keep, "wait_ms": edge.wait_ms, **crossing}


def resolve(graph: Graph, only: str | None = None) -> dict[str, Stage]:
    """Loads the classes and checks everything against them; the stages by name. GraphError with all that is wrong.

    `only`: this node alone, of a graph that has been checked: a stage's process need not load the others' libraries.
    """
    faults: list[str] = []
    stages: dict[str, Stage] = {}
    for entry in [graph.entries[only]] if only else graph.entries.values():
        try:
            node = load(entry.run, graph.file.parent)
            what = declared(node)
        except StageError as error:
            faults.append(f"{entry.place('run')}: {entry.name}: {error}")
            continue
        good, wrong = settings(what, entry.settings)
        faults += [f"{entry.place('with', key)}: {entry.name}: {line}" for key, line in wrong.items()]
        if not wrong:
            try:
                what = replace(what, output=node(**good).output_type() or what.output)
            except (ValueError, TypeError, SetupError) as error:  # what does not go together
                faults.append(f"{entry.place('with')}: {entry.name}: {error}")
        run = str((graph.file.parent / entry.run).resolve()) if entry.run.endswith(".py") else entry.run
        listeners = [e.name for e in graph.entries.values() for i in e.inputs.values() if i["from"] == entry.name]
        readers = [
            e.name
            for e in graph.entries.values()
            for i in e.inputs.values()
            if i["from"] == entry.name and i.get("keep") == "all"
        ]
        stages[entry.name] = Stage(entry.name, run, node, good, [], listeners, readers, what, entry.on)
    for stage in stages.values():
        faults += _connect(graph, stages, stage)
    for producer in stages.values():
        producer.crossings = _crossings(graph, producer.name)
    if not only:  # a class may ask for every message where the graph does not
        edges = [(stage, edge) for stage in stages.values() for edge in stage.edges if edge.keep == "all"]
        for producer in stages.values():
            producer.readers = [reader.name for reader, edge in edges if edge.node == producer.name]
    if not only:
        faults = faults or [*_loops(graph, stages), *_taken_twice(graph)]
    if faults:
        raise GraphError(faults)
    return stages


def _connect(graph: Graph, stages: Mapping[str, Stage], stage: Stage) -> list[str]:
    """Fills in `stage.edges`, in the order of process(); what is wrong with them, one line each."""
    entry, what = graph.entries[stage.name], stage.what
    first = next(iter(what.inputs), None)
    given = {argument or first or edge["from"]: edge for argument, edge in entry.inputs.items()}
    inputs = dict.fromkeys(given, what.rest) if what.rest else what.inputs
    faults = [line for argument in given for line in _misfit(graph, stages, stage, argument, given[argument], inputs)]
    if what.rest and not given:
        faults.append(f"{entry.place()}: {stage.name}: no input; any number of {what.rest.kind.__name__} expected")
    for argument, wanted in inputs.items():
        if argument not in given:
            if not wanted.optional:
                faults.append(
                    f"{entry.place('in')}: {stage.name}: input {argument!r} ({wanted.kind.__name__}) is missing"
                )
            continue
        edge = given[argument]
        drives = what.rest is not None or not stage.edges
        loop = not drives and _feeds(graph, stage.name, edge["from"])
        allowed = ("all",) if graph.exact else KEEPS_DRIVING if drives else KEEPS_BESIDE
        default = what.keep if drives else "newest" if loop else "same"
        keep: Any = "all" if graph.exact else edge.get("keep") or default
        if keep not in allowed:
            how = "drives" if drives else "does not drive"
            place = f"{entry.place('in', argument)}: {stage.name}"
            faults.append(f"{place}: {argument} {how}; keep: {' or '.join(allowed)} expected")
        wait_ms = float(edge.get("wait_ms", Edge.wait_ms))
        crossing = _crossing(graph, stage.name, edge)
        if crossing and keep == "all":
            place = f"{entry.place('in', argument)}: {stage.name}"
            faults.append(f"{place}: keep: all does not cross from one machine to another; put both nodes on one")
        stage.edges.append(
            Edge(argument, edge["from"], wanted.kind, wanted.optional, keep, drives, wait_ms, loop, crossing)
        )
    return faults


def _crossing(graph: Graph, reader: str, edge: Mapping[str, Any]) -> Crossing | None:
    """How an edge crosses to another machine; None: it does not."""
    producer = graph.entries.get(edge["from"])
    if producer is None or producer.on == graph.entries[reader].on or producer.on not in graph.machines:
        return None
    size = edge.get("size")
    host, port = graph.machines[producer.on].host, graph.ports()[producer.name]
    form = edge.get("jpeg", Crossing.jpeg), (size[0], size[1]) if size else None
    return Crossing(f"tcp://{host}:{port}", *form, graph.key)


def _misfit(
    graph: Graph,
    stages: Mapping[str, Stage],
    stage: Stage,
    argument: str,
    edge: Mapping[str, Any],
    inputs: Mapping[str, Input],
) -> list[str]:
    """What is wrong with one edge of the file: a line, or none."""
    place = f"{graph.entries[stage.name].place('in', argument)}: {stage.name}"
    producer = stages.get(edge["from"])
    if argument not in inputs:
        has = f"it has {', '.join(inputs)}" if inputs else "it is a source"
        return [f"{place}: no input {argument!r}{hint(argument, list(inputs))}; {has}"]
    if edge["from"] not in graph.entries:
        return [f"{place}: in {edge['from']!r} is not a node{hint(edge['from'], list(graph.entries))}"]
    output, kind = (producer.what.output if producer else None), inputs[argument].kind
    if producer and (output is None or not (kind is Packed or issubclass(output, kind))):
        gives = output.__name__ if output else "nothing"
        return [f"{place}: {argument} expects {kind.__name__}, {edge['from']!r} gives {gives}"]
    return []


def _feeds(graph: Graph, start: str, goal: str) -> bool:
    """Whether what `start` sends reaches `goal`: then `goal` cannot have this frame's answer before `start` has."""
    seen, open_ = {start}, [start]
    while open_:
        name = open_.pop()
        for other in graph.entries.values():
            if other.name not in seen and any(edge["from"] == name for edge in other.inputs.values()):
                seen.add(other.name)
                open_.append(other.name)
    return goal in seen


def _loops(graph: Graph, stages: Mapping[str, Stage]) -> list[str]:
    """A loop through driving inputs would wait for itself."""
    for stage in stages.values():
        path = [stage.name]
        while (edges := stages[path[-1]].edges) and edges[0].node not in path:
            path.append(edges[0].node)
        if edges and edges[0].node == stage.name:
            entry = graph.entries[stage.name]
            loop = " <- ".join([*path, stage.name])
            return [f"{entry.place('in', edges[0].argument)}: loop through driving inputs: {loop}"]
    return []


def _crossings(graph: Graph, producer: str) -> list[Crossing]:
    """The ways in which a node is read on other machines."""
    edges = [(e.name, edge) for e in graph.entries.values() for edge in e.inputs.values() if edge["from"] == producer]
    found = [crossing for reader, edge in edges if (crossing := _crossing(graph, reader, edge)) is not None]
    return list(dict.fromkeys(found))


def _taken_twice(graph: Graph) -> list[str]:
    """Ports that two machines with the same address would both listen on."""
    wanted = [(machine.host, machine.port, machine.name) for machine in graph.machines.values()]
    wanted += [(graph.machines[(e := graph.entries[n]).on].host, p, f"{e.on}'s {n}") for n, p in graph.ports().items()]
    seen: dict[tuple[str, int], str] = {}
    for host, port, who in wanted:
        other = seen.setdefault((host, port), who)
        if other != who:
            return [
                f"{graph.file}: machines: {who} and {other} both listen on {host}:{port}; ports farther apart expected"
            ]
    return []
