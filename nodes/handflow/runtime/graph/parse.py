"""A graph's text, as people write it -> a Graph that knows the position of all that may turn out to be wrong."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from handflow.errors import GraphError, SetupError
from handflow.runtime import keys
from handflow.runtime.address import outside
from handflow.runtime.names import meant
from handflow.runtime.topology import Machine
from handflow.runtime.transport.rundir import portable

from .graph import Graph
from .spec import Core, EdgeSpec, Nice, NodeSpec, Transport
from .stage import hint
from .yaml_text import YamlText, found, plain

GRAPH_KEYS = ("nodes", "transport", "machines", "key", "insecure")
NODE_KEYS = ("run", "in", "with", "on", "cores", "nice")
EDGE_VALUES = {  # of the long form of an edge, beside `from`
    "keep": "newest or same or all",
    "wait_ms": "a number from 0 to 1000",
    "jpeg": "a quality from 1 to 100",
    "size": "[width, height] from 16 to 8192",
    "stream": "the name of a node",
}
MACHINE_KEYS = ("host", "port")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")  # a node's name is also its endpoint's and a word in tables


def read(file: Path) -> Graph:
    """Reads a graph file. GraphError with all that is wrong with its form."""
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise GraphError([f"{file}:{line}: expected text in UTF-8, got other bytes; save it as UTF-8"]) from error
    except OSError as error:
        raise GraphError([f"{file}: cannot be read: {error.strerror or error}"]) from error
    return _GraphText(str(file)).graph(text, file.absolute())


def yaml_value(text: str) -> Any:
    """One value as YAML 1.2 reads it (for --set). GraphError."""
    try:
        return plain(YAML().load(text))
    except YAMLError as error:
        raise GraphError([f"expected YAML, got {text!r}"]) from error


class _GraphText(YamlText):
    """One graph's text; `positions` holds where everything stands."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.positions: dict[str, str] = {}

    def graph(self, text: str, file: Path) -> Graph:
        """GraphError with all that is wrong."""
        whole = self.whole(text, "'nodes:' with at least one node")
        self.known(whole, GRAPH_KEYS, "the graph")
        transport = whole.get("transport", "auto")
        if transport not in get_args(Transport):
            expected = " or ".join(get_args(Transport))
            self.fault(self.at(whole, "transport"), f"transport: expected {expected}, got {found(transport)}")
        key = self.private_key(whole, file)
        machines = self.machines(whole)
        nodes = self.nodes(whole)
        for name, node in nodes.items():
            self.place(name, node, machines, "machines" in whole)
        if self.faults:
            raise GraphError(self.faults)
        by_tcp = transport == "portable" or portable()
        return Graph(file, nodes, portable=by_tcp, machines=machines, key=key, positions=self.positions)

    def private_key(self, whole: CommentedMap, file: Path) -> str:
        """The file of the graph's key, with its whole path; "": none."""
        if "key" not in whole:
            return ""
        given = whole["key"]
        try:
            if not isinstance(given, str):
                raise SetupError(f"key: expected the name of a file beside the graph, got {found(given)}")
            path = file.parent / meant(given, file.parent)
            keys.read(path)
            return str(path)
        except SetupError as error:
            self.fault(self.at(whole, "key"), str(error))
            return ""

    # Machines

    def machines(self, whole: CommentedMap) -> dict[str, Machine]:
        """The machines of the graph; none: it runs on one."""
        given, insecure = whole.get("machines", CommentedMap()), whole.get("insecure", False)
        if not isinstance(insecure, bool):
            self.fault(self.at(whole, "insecure"), f"insecure: expected true or false, got {found(insecure)}")
        if not isinstance(given, CommentedMap) or ("machines" in whole and not given):
            expected = "a map of name to {host, port}"
            self.fault(self.at(whole, "machines"), f"machines: expected {expected}, got {found(given)}")
            return {}
        read = [self.machine(given, name) for name in given]
        known = {machine.name: machine for machine in read if machine is not None}
        for machine in known.values():
            if outside(machine.host) and insecure is not True and "key" not in whole:
                self.fault(
                    self.at(given[machine.name], "host"),
                    f"machine {machine.name}: whoever reaches {machine.host} could read and feed this graph, for "
                    "nothing is encrypted; make a key with handflow key FILE and write key: FILE beside 'machines:', "
                    "or write insecure: true if the network is yours alone",
                )
        return known

    def machine(self, given: CommentedMap, name: Any) -> Machine | None:
        position, body = self.key(given, name), given[name]
        if not self.is_name(position, name, "machine"):
            return None
        if not isinstance(body, CommentedMap):
            self.fault(position, f"machine {name}: expected {{host: ADDRESS, port: N}}, got {found(body)}")
            return None
        self.known(body, MACHINE_KEYS, f"machine {name}")
        host, port = plain(body.get("host")), plain(body.get("port"))
        if not isinstance(host, str) or not HOST.fullmatch(host):
            position = self.at(body, "host") if "host" in body else position
            self.fault(position, f"machine {name}: host: expected an IPv4 address or a name, got {found(host)}")
        elif type(port) is not int or not 1024 <= port <= 65000:
            position = self.at(body, "port") if "port" in body else position
            self.fault(position, f"machine {name}: port: expected a number from 1024 to 65000, got {found(port)}")
        else:
            return Machine(name, host, port)
        return None

    def place(self, name: str, node: NodeSpec, machines: Mapping[str, Machine], several: bool) -> None:
        """Puts a node on the machine that it names, of several the first of them, or on the graph's first one."""
        for place in node.places:
            if not several:
                self.fault(self.positions[f"{name}.on"], f"{name}: on {place!r}: the graph has no 'machines:'")
            elif place not in machines:
                near = f"{hint(place, list(machines))}; there are {', '.join(machines) or 'none'}"
                self.fault(self.positions[f"{name}.on"], f"{name}: on: expected a machine, got {place!r}{near}")
        if twice := [place for place in node.places if node.places.count(place) > 1]:
            self.fault(self.positions[f"{name}.on"], f"{name}: on: expected each machine once, got {twice[0]!r} twice")
        node.on = next(iter(node.places or machines), "")
        if len(node.places) < 2:
            node.places = []

    # Nodes

    def nodes(self, whole: CommentedMap) -> dict[str, NodeSpec]:
        nodes = whole.get("nodes")
        if not isinstance(nodes, CommentedMap) or not nodes:
            position = self.key(whole, "nodes") if "nodes" in whole else f"{self.file}:1:1"
            got = "an empty one" if nodes == {} else found(nodes)
            self.fault(position, f"nodes: expected a map of at least one node, got {got}")
            nodes = CommentedMap()
        return {str(name): node for name in nodes if (node := self.node(nodes, name)) is not None}

    def node(self, nodes: CommentedMap, name: Any) -> NodeSpec | None:
        position, body = self.key(nodes, name), nodes[name]
        if not self.is_name(position, name, "node"):
            return None
        if not isinstance(body, CommentedMap):
            self.fault(position, f"{name}: expected a map with {', '.join(NODE_KEYS)}, got {found(body)}")
            return None
        self.known(body, NODE_KEYS, name)
        at = self.positions
        at |= {name: position} | {f"{name}.{key}": self.at(body, key) for key in body}
        run, with_, on = body.get("run"), body.get("with") or CommentedMap(), plain(body.get("on", []))
        inputs = self.inputs(name, body.get("in"))
        if not isinstance(run, str):
            self.fault(at.get(f"{name}.run", position), f"{name}: run: expected a stage's name, got {found(run)}")
        elif not isinstance(with_, CommentedMap):
            self.fault(at[f"{name}.with"], f"{name}: with: expected a map of settings, got {found(with_)}")
        elif not _is_place(on) and "on" in body:
            expected = "the name of a machine, or a list of names"
            self.fault(at[f"{name}.on"], f"{name}: on: expected {expected}, got {found(on)}")
        else:
            at |= {f"{name}.with.{key}": self.at(with_, key) for key in with_}
            places = [on] if isinstance(on, str) else on
            return NodeSpec(run, inputs, plain(with_), "", *self.processor(name, body), places)
        return None

    def processor(self, name: str, body: CommentedMap) -> tuple[list[int], int]:
        """What a node says of the processor: the cores it may use, and how far it stands back."""
        cores, nice = plain(body.get("cores", [])), plain(body.get("nice", 0))
        for key, value, kind, expected in (
            ("cores", cores, list[Core], "a list of numbers from 0"),
            ("nice", nice, Nice, "a number from 0 to 19"),
        ):
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError:
                self.fault(self.positions[f"{name}.{key}"], f"{name}: {key}: expected {expected}, got {value!r}")
                return [], 0
        return cores, nice

    def inputs(self, name: str, given: Any) -> dict[str, EdgeSpec | list[EdgeSpec]]:
        """A node's `in:`: a node, an edge in its long form, a list of these, or a map of argument to any of that."""
        if given is None:
            return {}
        if isinstance(given, str | CommentedSeq) or (isinstance(given, CommentedMap) and "from" in given):
            named = {"": given}
        elif isinstance(given, CommentedMap):
            named = dict(given)
            self.positions |= {f"{name}.in.{argument}": self.at(given, argument) for argument in given}
        else:
            expected = "a node, a list of nodes or a map of nodes"
            self.fault(self.positions[f"{name}.in"], f"{name}: in: expected {expected}, got {found(given)}")
            return {}
        edges = {str(argument): self.edges(name, argument, each) for argument, each in named.items()}
        return {argument: each for argument, each in edges.items() if each is not None}

    def edges(self, name: str, argument: Any, given: Any) -> EdgeSpec | list[EdgeSpec] | None:
        """What feeds one argument: a node, or several."""
        position = self.positions.get(f"{name}.in.{argument}", self.positions[f"{name}.in"])
        if not isinstance(given, CommentedSeq):
            return self.edge(name, position, given)
        if not given:
            self.fault(position, f"{name}: expected the names of nodes, got an empty list")
            return None
        edges = [self.edge(name, position, each) for each in given]
        return [edge for edge in edges if edge is not None]

    def edge(self, name: str, position: str, given: Any) -> EdgeSpec | None:
        if isinstance(given, str):
            return EdgeSpec(given)
        if not isinstance(given, CommentedMap) or not isinstance(given.get("from"), str):
            self.fault(position, f"{name}: expected the name of a node, got {found(given)}")
            return None
        self.known(given, ("from", *EDGE_VALUES), f"{name}: in")
        try:
            return msgspec.convert(plain(given), EdgeSpec)
        except msgspec.ValidationError as error:
            key = re.split(r"\W+", str(error).partition("$.")[2])[0]
            self.fault(position, f"{name}: {key}: expected {EDGE_VALUES[key]}, got {plain(given[key])!r}")
            return None

    def is_name(self, position: str, name: Any, of: str) -> bool:
        good = isinstance(name, str) and NAME.fullmatch(name) is not None
        if not good:
            self.fault(position, f"expected a name for a {of} of small letters, digits, - and _, got {name!r}")
        return good


def _is_place(on: Any) -> bool:
    """Whether that is a machine's name, or a list of names, as far as its form goes."""
    names = [on] if isinstance(on, str) else on
    return isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)
