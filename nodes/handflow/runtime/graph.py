"""pipeline.yaml -> which nodes there are, of which class, with which settings, and who listens to whom.

Everything that can be seen to be wrong without a camera is seen here, all of it at once, each fault in one line:
file:line:column, what was found, what was expected, the nearest right name.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .node import Node, SetupError
from .stage import KEEPS_DRIVING, Declared, Input, StageError, declared, hint, load, settings
from .wire import Edge, Packed

KEEPS = ("newest", "same", "all")
KEEPS_BESIDE = ("newest", "same")  # of inputs that do not drive
TRANSPORTS = ("auto", "portable")


class GraphError(Exception):
    """What is wrong with a graph: `lines`, one per fault."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


@dataclass
class Entry:
    """One node as the file has it."""

    name: str
    run: str
    inputs: dict[str, dict[str, Any]]  # argument ("" = the first) -> from, keep, wait_ms
    settings: dict[str, Any]
    places: dict[str, str] = field(default_factory=dict)  # "run", "in.prior", "with.fps" -> file:line:column

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


@dataclass
class Graph:
    """A graph file that was read; `stages` holds what it comes to once `resolve` has checked it."""

    file: Path
    entries: dict[str, Entry]
    portable: bool = False  # joined by tcp on loopback and mapped files
    exact: bool = False  # every message counts and inputs are joined by frame: the same results each time
    clock_offset_ns: int | None = None  # set in the copy that a running graph's processes read

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
        return {"file": str(self.file), "nodes": nodes}


def copied(file: Path) -> Graph:
    """Reads what `write` wrote."""
    whole = json.loads(file.read_text("utf-8"))
    entries = {
        name: Entry(name, e["run"], e["in"], e["with"], {"": f"{whole['file']}: {name}"})
        for name, e in whole["nodes"].items()
    }
    return Graph(Path(whole["file"]), entries, whole["portable"], whole["exact"], whole["clock_offset_ns"])


def write(graph: Graph, stages: Mapping[str, Stage], file: Path) -> None:
    """The copy of a checked graph that its processes read: --set is in it, and JSON is 40 ms quicker than YAML."""
    nodes = {
        s.name: {
            "run": s.run,
            "in": {e.argument: {"from": e.node, "keep": e.keep, "wait_ms": e.wait_ms} for e in s.edges},
            "with": graph.entries[s.name].settings,
        }
        for s in stages.values()
    }
    whole = {
        "file": str(graph.file),
        "portable": graph.portable,
        "exact": graph.exact,
        "clock_offset_ns": graph.clock_offset_ns,
        "nodes": nodes,
    }
    file.write_text(json.dumps(whole), "utf-8")


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
                what = replace(what, output=node(**good).gives() or what.output)
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
        stages[entry.name] = Stage(entry.name, run, node, good, [], listeners, readers, what)
    for stage in stages.values():
        faults += _connect(graph, stages, stage)
    if not only:  # a class may ask for every message where the graph does not
        edges = [(stage, edge) for stage in stages.values() for edge in stage.edges if edge.keep == "all"]
        for producer in stages.values():
            producer.readers = [reader.name for reader, edge in edges if edge.node == producer.name]
    if not only:
        faults = faults or _loops(graph, stages)
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
        stage.edges.append(Edge(argument, edge["from"], wanted.kind, wanted.optional, keep, drives, wait_ms, loop))
    return faults


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
