"""pipeline.yaml -> which nodes there are, of which class, with which settings, and who listens to whom.

Everything that can be seen to be wrong without a camera is seen here, all of it at once, each fault in one line:
file:line:column, what was found, what was expected, the nearest right name.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from .node import Node
from .stage import Declared, StageError, declared, hint, load, setting_schema, settings
from .wire import Edge

KEYS = ("run", "in", "with")
EDGE_KEYS = ("from", "keep", "wait_ms")
KEEPS = ("newest", "same")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")  # a node's name is also its endpoint's and a word in tables


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
    listeners: list[str]  # who listens to it
    what: Declared


@dataclass
class Graph:
    """A graph file that was read; `stages` holds what it comes to once `resolve` has checked it."""

    file: Path
    entries: dict[str, Entry]
    clock_offset_ns: int | None = None  # set in the copy that a running graph's processes read

    def set(self, name: str, key: str, value: Any, place: str) -> None:
        """What `--set` does: beats the file."""
        entry = self.entries.get(name)
        if entry is None:
            raise GraphError([f"{place}: there is no node {name!r}{hint(name, list(self.entries))}"])
        entry.settings[key] = value
        entry.places[f"with.{key}"] = place


def read(file: Path) -> Graph:
    """Reads a graph: YAML as people write it, or the JSON that a running graph's processes are given. GraphError."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GraphError([f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from error
    if file.suffix == ".json":
        whole = json.loads(text)
        entries = {
            name: Entry(name, e["run"], e["in"], e["with"], {"": f"{whole['file']}: {name}"})
            for name, e in whole["nodes"].items()
        }
        return Graph(Path(whole["file"]), entries, whole["clock_offset_ns"])
    return Graph(file.absolute(), _Reader(str(file)).entries(text))


def write(graph: Graph, stages: Mapping[str, Stage], file: Path) -> None:
    """The copy of a checked graph that its processes read: JSON is quicker to read, and --set is in it."""
    nodes = {
        s.name: {
            "run": s.run,
            "in": {e.argument: {"from": e.node, "keep": e.keep, "wait_ms": e.wait_ms} for e in s.edges},
            "with": graph.entries[s.name].settings,
        }
        for s in stages.values()
    }
    whole = {"file": str(graph.file), "clock_offset_ns": graph.clock_offset_ns, "nodes": nodes}
    file.write_text(json.dumps(whole), "utf-8")


def value(text: str) -> Any:
    """One value as YAML 1.2 reads it (for --set). GraphError."""
    try:
        return _plain(YAML().load(text))
    except YAMLError as error:
        raise GraphError([f"{text!r} is not YAML"]) from error


class _Reader:
    """The text of a graph -> entries, with the place of everything that may turn out to be wrong."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[str] = []

    def entries(self, text: str) -> dict[str, Entry]:
        try:
            whole = YAML().load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self.file}:{mark.line + 1}:{mark.column + 1}" if mark else self.file
            problem = re.sub(r" with value .*", " is given twice", str(error.problem).replace("found duplicate ", ""))
            raise GraphError([f"{place}: {problem}"]) from error
        except YAMLError as error:
            raise GraphError([f"{self.file}: not YAML: {' '.join(str(error).split())}"]) from error
        if whole is None:
            raise GraphError([f"{self.file}: the graph is empty; 'nodes:' with at least one node expected"])
        if not isinstance(whole, CommentedMap):
            raise GraphError([f"{self.file}:1:1: {_found(whole)} found, 'nodes:' expected"])
        self.known(whole, ("nodes",), "the graph")
        nodes = whole.get("nodes")
        if not isinstance(nodes, CommentedMap) or not nodes:
            place = self.key(whole, "nodes") if "nodes" in whole else f"{self.file}:1:1"
            self.faults.append(f"{place}: nodes: {_found(nodes)} found, a map of at least one node expected")
            nodes = CommentedMap()
        entries = {str(name): entry for name in nodes if (entry := self.entry(nodes, name)) is not None}
        if self.faults:
            raise GraphError(self.faults)
        return entries

    def entry(self, nodes: CommentedMap, name: Any) -> Entry | None:
        place, body = self.key(nodes, name), nodes[name]
        if not isinstance(name, str) or not NAME.fullmatch(name):
            self.faults.append(f"{place}: {name!r} is no name for a node; small letters, digits, - and _ expected")
            return None
        if not isinstance(body, CommentedMap):
            self.faults.append(f"{place}: {name}: {_found(body)} found, a map with {', '.join(KEYS)} expected")
            return None
        self.known(body, KEYS, name)
        places = {"": place} | {key: self.at(body, key) for key in body}
        run = body.get("run")
        if not isinstance(run, str):
            self.faults.append(f"{places.get('run', place)}: {name}: run is {_found(run)}; a stage's name expected")
            return None
        with_ = body.get("with") or CommentedMap()
        if not isinstance(with_, CommentedMap):
            self.faults.append(f"{places['with']}: {name}: with is {_found(with_)}; a map of settings expected")
            return None
        places |= {f"with.{key}": self.at(with_, key) for key in with_}
        inputs = self.inputs(name, body, places)
        return None if inputs is None else Entry(name, run, inputs, _plain(with_), places)

    def inputs(self, name: str, body: CommentedMap, places: dict[str, str]) -> dict[str, dict[str, Any]] | None:
        given = body.get("in")
        if given is None:
            return {}
        if isinstance(given, str) or (isinstance(given, CommentedMap) and "from" in given):
            named = {"": given}
        elif isinstance(given, CommentedMap):
            named = dict(given)
            places |= {f"in.{argument}": self.at(given, argument) for argument in given}
        else:
            self.faults.append(f"{places['in']}: {name}: in is {_found(given)}; a node or a map of nodes expected")
            return None
        edges: dict[str, dict[str, Any]] = {}
        for argument, node in named.items():
            place = places.get(f"in.{argument}", places["in"])
            if isinstance(node, CommentedMap):
                self.known(node, EDGE_KEYS, f"{name}: in")
            edge: Any = {"from": node} if isinstance(node, str) else _plain(node)
            wait = edge.get("wait_ms", 0) if isinstance(edge, dict) else 0
            if not isinstance(edge, dict) or not isinstance(edge.get("from"), str):
                self.faults.append(f"{place}: {name}: {_found(edge)} found, the name of a node expected")
            elif edge.get("keep", "same") not in KEEPS:
                self.faults.append(f"{place}: {name}: keep is {edge['keep']!r}; {' or '.join(KEEPS)} expected")
            elif isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait <= 1000:
                self.faults.append(f"{place}: {name}: wait_ms is {wait!r}; a number from 0 to 1000 expected")
            else:
                edges[str(argument)] = edge
        return edges

    def known(self, given: CommentedMap, allowed: tuple[str, ...], what: str) -> None:
        for key in given:
            if key not in allowed:
                self.faults.append(
                    f"{self.key(given, key)}: {what}: no key {key!r}{hint(key, allowed)}; it has {', '.join(allowed)}"
                )

    def key(self, given: CommentedMap, key: Any) -> str:
        line, column = given.lc.key(key)
        return f"{self.file}:{line + 1}:{column + 1}"

    def at(self, given: CommentedMap, key: Any) -> str:
        line, column = given.lc.value(key)
        return f"{self.file}:{line + 1}:{column + 1}"


def resolve(graph: Graph) -> dict[str, Stage]:
    """Loads the classes and checks everything against them; the stages by name. GraphError with all that is wrong."""
    faults: list[str] = []
    stages: dict[str, Stage] = {}
    for entry in graph.entries.values():
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
                node(**good)
            except (ValueError, TypeError) as error:  # settings that do not go together, as the class has it
                faults.append(f"{entry.place('with')}: {entry.name}: {error}")
        run = str((graph.file.parent / entry.run).resolve()) if entry.run.endswith(".py") else entry.run
        stages[entry.name] = Stage(entry.name, run, node, good, [], [], what)
    for stage in stages.values():
        faults += _connect(graph, stages, stage)
    faults = faults or _loops(graph, stages)
    if faults:
        raise GraphError(faults)
    for stage in stages.values():
        for edge in stage.edges:
            stages[edge.node].listeners.append(stage.name)
    return stages


def schema() -> dict[str, Any]:
    """The JSON Schema of a graph file, from the classes of our own stages, for editors to complete by."""
    from .stage import names

    edge = {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {
                    "from": {"type": "string"},
                    "keep": {"enum": list(KEEPS)},
                    "wait_ms": {"type": "number", "minimum": 0, "maximum": 1000},
                },
                "required": ["from"],
                "additionalProperties": False,
            },
        ]
    }
    rules = []
    for name in names():
        what = declared(load(name, Path()))
        own = {
            "type": "object",
            "properties": {key: setting_schema(annotation) for key, annotation in what.settings.items()},
            "required": sorted(what.required),
            "additionalProperties": False,
        }
        ins = {"type": "object", "properties": dict.fromkeys(what.inputs, edge)}
        rules.append(
            {
                "if": {"properties": {"run": {"const": name}}},
                "then": {"properties": {"with": own, "in": {"anyOf": [edge, ins]}}},
            }
        )
    run = {"anyOf": [{"enum": names()}, {"type": "string", "pattern": r"\.py$|\."}]}
    node = {"type": "object", "properties": {"run": run, "in": {}, "with": {}}, "required": ["run"], "allOf": rules}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "handflow graph",
        "type": "object",
        "properties": {"nodes": {"type": "object", "additionalProperties": node, "minProperties": 1}},
        "required": ["nodes"],
        "additionalProperties": False,
    }


def _connect(graph: Graph, stages: Mapping[str, Stage], stage: Stage) -> list[str]:
    """Fills in `stage.edges`, in the order of process(); what is wrong with them, one line each."""
    entry, inputs = graph.entries[stage.name], stage.what.inputs
    faults = []
    first = next(iter(inputs), None)
    given = {argument or first: edge for argument, edge in entry.inputs.items()}
    for argument, edge in given.items():
        place = f"{entry.place('in', argument or '')}: {stage.name}"
        producer = stages.get(edge["from"])
        if argument not in inputs:
            has = f"it has {', '.join(inputs)}" if inputs else "it is a source"
            faults.append(f"{place}: no input {argument or edge['from']!r}{hint(argument, list(inputs))}; {has}")
        elif edge["from"] not in graph.entries:
            faults.append(f"{place}: in {edge['from']!r} is not a node{hint(edge['from'], list(graph.entries))}")
        elif producer is not None and (
            producer.what.output is None or not issubclass(producer.what.output, inputs[argument].kind)
        ):
            gives = producer.what.output.__name__ if producer.what.output else "nothing"
            kind = inputs[argument].kind.__name__
            faults.append(f"{place}: {argument} expects {kind}, {edge['from']!r} gives {gives}")
    for argument, wanted in inputs.items():
        if argument not in given:
            if not wanted.optional:
                faults.append(
                    f"{entry.place('in')}: {stage.name}: input {argument!r} ({wanted.kind.__name__}) is missing"
                )
            continue
        edge = given[argument]
        drives = not stage.edges
        keep: Any = edge.get("keep") or ("newest" if drives or _feeds(graph, stage.name, edge["from"]) else "same")
        if drives and keep != "newest":
            faults.append(f"{entry.place('in', argument)}: {stage.name}: {argument} drives; keep: newest expected")
        stage.edges.append(
            Edge(argument, edge["from"], wanted.kind, wanted.optional, keep, float(edge.get("wait_ms", Edge.wait_ms)))
        )
    return faults


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


def _plain(given: Any) -> Any:
    """Builtin types for ruamel's, so that strict checks and JSON see what was meant."""
    if isinstance(given, Mapping):
        return {str(key): _plain(item) for key, item in given.items()}
    if isinstance(given, CommentedSeq | list):
        return [_plain(item) for item in given]
    for kind in (bool, int, float, str):
        if isinstance(given, kind):
            return kind(given)
    return given


def _found(given: Any) -> str:
    if given is None:
        return "nothing"
    return "a map" if isinstance(given, Mapping) else "a list" if isinstance(given, list) else repr(_plain(given))
