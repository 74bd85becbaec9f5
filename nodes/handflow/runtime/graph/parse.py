"""The text of a graph, as people write it -> its entries, with the place of all that may turn out to be wrong."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from handflow.errors import GraphError, SetupError
from handflow.runtime import keys
from handflow.runtime.address import outside
from handflow.runtime.topology import Machine
from handflow.runtime.transport.rundir import portable

from .graph import KEEPS, TRANSPORTS, Entry, Graph
from .stage import hint

GRAPH_KEYS = ("nodes", "transport", "machines", "key", "insecure")
KEYS = ("run", "in", "with", "on")
EDGE_KEYS = ("from", "keep", "wait_ms", "jpeg", "size")
MACHINE_KEYS = ("host", "port")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")  # a node's name is also its endpoint's and a word in tables


def read(file: Path) -> Graph:
    """Reads a graph file. GraphError."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GraphError([f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from error
    return Reader(str(file)).graph(text, file.absolute())


def value(text: str) -> Any:
    """One value as YAML 1.2 reads it (for --set). GraphError."""
    try:
        return _plain(YAML().load(text))
    except YAMLError as error:
        raise GraphError([f"{text!r} is not YAML"]) from error


class Reader:
    """One graph's text; `faults` gathers what is wrong with its form."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[str] = []

    def graph(self, text: str, file: Path) -> Graph:
        """GraphError with all that is wrong."""
        whole = self.whole(text)
        self.known(whole, GRAPH_KEYS, "the graph")
        transport = whole.get("transport", "auto")
        if transport not in TRANSPORTS:
            place, expected = self.at(whole, "transport"), " or ".join(TRANSPORTS)
            self.faults.append(f"{place}: transport is {_found(transport)}; {expected} expected")
        key = self.private_key(whole, file)
        machines = self.machines(whole)
        entries = self.entries(whole)
        for entry in entries.values():
            if not entry.on:
                entry.on = next(iter(machines), "")
            elif entry.on not in machines and "machines" in whole:
                has = f"{hint(entry.on, list(machines))}; machines: has {', '.join(machines) or 'none'}"
                self.faults.append(f"{entry.place('on')}: {entry.name}: on {entry.on!r} is not a machine{has}")
            elif "machines" not in whole:
                self.faults.append(f"{entry.place('on')}: {entry.name}: on {entry.on!r}: the graph has no 'machines:'")
        if self.faults:
            raise GraphError(self.faults)
        return Graph(file, entries, transport == "portable" or portable(), machines=machines, key=key)

    def machines(self, whole: CommentedMap) -> dict[str, Machine]:
        """The machines of the graph; none: it runs on one."""
        given, insecure = whole.get("machines", CommentedMap()), whole.get("insecure", False)
        if not isinstance(insecure, bool):
            self.faults.append(f"{self.at(whole, 'insecure')}: insecure is {_found(insecure)}; true or false expected")
        if not isinstance(given, CommentedMap) or ("machines" in whole and not given):
            place = self.at(whole, "machines")
            self.faults.append(f"{place}: machines is {_found(given)}; a map of name to {{host, port}} expected")
            return {}
        found = {}
        for name in given:
            machine = self.machine(given, name)
            if machine is None:
                continue
            found[machine.name] = machine
            if outside(machine.host) and insecure is not True and "key" not in whole:
                self.faults.append(
                    f"{self.at(given[name], 'host')}: machine {name}: whoever reaches {machine.host} could read and "
                    "feed this graph, for nothing is encrypted; beside 'machines:' a key: FILE (made by handflow key "
                    "FILE) expected, or insecure: true if the network is yours alone"
                )
        return found

    def private_key(self, whole: CommentedMap, file: Path) -> str:
        """The file of the graph's key, with its whole path; "": none."""
        if "key" not in whole:
            return ""
        given = whole["key"]
        try:
            if not isinstance(given, str):
                raise SetupError(f"key is {_found(given)}; the name of a file beside the graph expected")
            path = file.parent / given
            keys.read(path)
            return str(path)
        except SetupError as error:
            self.faults.append(f"{self.at(whole, 'key')}: {error}")
            return ""

    def machine(self, given: CommentedMap, name: Any) -> Machine | None:
        place, body = self.key(given, name), given[name]
        if not isinstance(name, str) or not NAME.fullmatch(name):
            self.faults.append(f"{place}: {name!r} is no name for a machine; small letters, digits, - and _ expected")
            return None
        if not isinstance(body, CommentedMap):
            self.faults.append(f"{place}: machine {name}: {_found(body)} found, {{host: ADDRESS, port: N}} expected")
            return None
        self.known(body, MACHINE_KEYS, f"machine {name}")
        host, port = _plain(body.get("host")), _plain(body.get("port"))
        if not isinstance(host, str) or not HOST.fullmatch(host):
            place = self.at(body, "host") if "host" in body else place
            self.faults.append(f"{place}: machine {name}: host is {_found(host)}; an IPv4 address or a name expected")
        elif not _whole(port, 1024, 65000):
            place = self.at(body, "port") if "port" in body else place
            self.faults.append(f"{place}: machine {name}: port is {_found(port)}; a number from 1024 to 65000 expected")
        else:
            return Machine(name, host, port)
        return None

    def whole(self, text: str) -> CommentedMap:
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
        return whole

    def entries(self, whole: CommentedMap) -> dict[str, Entry]:
        nodes = whole.get("nodes")
        if not isinstance(nodes, CommentedMap) or not nodes:
            place = self.key(whole, "nodes") if "nodes" in whole else f"{self.file}:1:1"
            self.faults.append(f"{place}: nodes: {_found(nodes)} found, a map of at least one node expected")
            nodes = CommentedMap()
        return {str(name): entry for name in nodes if (entry := self.entry(nodes, name)) is not None}

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
        on = body.get("on", "")
        if not isinstance(on, str):
            self.faults.append(f"{places['on']}: {name}: on is {_found(on)}; the name of a machine expected")
            return None
        inputs = self.inputs(name, body, places)
        return None if inputs is None else Entry(name, run, inputs, _plain(with_), places, str(on))

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
            fault = _edge_fault(edge)
            if fault:
                self.faults.append(f"{place}: {name}: {fault}")
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


def _edge_fault(edge: Any) -> str:
    """What is wrong with the form of one edge."""
    if not isinstance(edge, dict) or not isinstance(edge.get("from"), str):
        return f"{_found(edge)} found, the name of a node expected"
    if edge.get("keep", "same") not in KEEPS:
        return f"keep is {edge['keep']!r}; {' or '.join(KEEPS)} expected"
    if not _number(edge.get("wait_ms", 0), 0, 1000):
        return f"wait_ms is {edge['wait_ms']!r}; a number from 0 to 1000 expected"
    if not _whole(edge.get("jpeg", 1), 1, 100):
        return f"jpeg is {edge['jpeg']!r}; a quality from 1 to 100 expected"
    size = edge.get("size", [16, 16])
    if not isinstance(size, list) or len(size) != 2 or not all(_whole(side, 16, 8192) for side in size):
        return f"size is {size!r}; [width, height] from 16 to 8192 expected"
    return ""


def _number(given: Any, low: float, high: float) -> bool:
    return not isinstance(given, bool) and isinstance(given, int | float) and low <= given <= high


def _whole(given: Any, low: int, high: int) -> bool:
    return isinstance(given, int) and _number(given, low, high)


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
