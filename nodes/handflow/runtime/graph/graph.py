"""A graph: its nodes, who listens to whom, and the machines they run on; what is asked of it, and what changes it."""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec

from handflow.errors import GraphError, SetupError, StageError
from handflow.messages import Message
from handflow.runtime.files import replacing
from handflow.runtime.node import Node
from handflow.runtime.topology import Machine, ports

from .spec import UNSET, EdgeSpec, NodeSpec
from .stage import checked_settings, declaration_of, hint, load


class Graph(msgspec.Struct, omit_defaults=True):
    """A graph file that was read; `resolve` checks it against the nodes' classes."""

    file: Path
    nodes: dict[str, NodeSpec]
    on: str = ""  # the machine that this is
    portable: bool = False  # joined by tcp on loopback and mapped files
    exact: bool = False  # every message counts and inputs are joined by frame: the same results each time
    machines: dict[str, Machine] = {}
    key: str = ""  # file of the key to what crosses; "": nothing is encrypted
    clock_offset_ns: int | None = None  # set in the copy that a running graph's processes read
    began_ns: int | None = None  # likewise: stream clock of its start
    positions: dict[str, str] = {}  # "cam", "cam.run", "cam.in.prior", "cam.with.fps" -> file:line:column

    @staticmethod
    def from_plain(values: Any) -> "Graph":
        """Of what `plain` gave, or an older version of it. msgspec.ValidationError."""
        return msgspec.convert(values, Graph, dec_hook=lambda kind, value: kind(value))

    def plain(self) -> dict[str, Any]:
        """What `Node.graph` is, and what a recording has of it."""
        nodes = {name: {"run": n.run, "in": n.inputs, "with": n.settings} for name, n in self.nodes.items()}
        values = {"file": str(self.file), "on": self.on, "nodes": nodes}
        return msgspec.to_builtins(values if self.began_ns is None else values | {"began_ns": self.began_ns})

    @staticmethod
    def read_copy(file: Path) -> "Graph":
        """Reads what `write_copy` wrote. JSON is read 40 ms faster than YAML. OSError, ValueError."""
        return Graph.from_plain(json.loads(file.read_text("utf-8")))

    def write_copy(self, file: Path) -> None:
        """Writes the graph for its processes: with all that was set, but without the positions in its text."""
        # Through builtins, for msgspec's own JSON has no infinity.
        values = msgspec.to_builtins(msgspec.structs.replace(self, positions={}), enc_hook=str)
        with replacing(file) as part:  # a stage that starts just now reads a whole one
            part.write_text(json.dumps(values), "utf-8")

    def copy(self) -> "Graph":
        """Another graph that says the same."""
        return Graph.from_plain(msgspec.to_builtins(self, enc_hook=str))

    def position(self, name: str, *path: str) -> str:
        """Where a node, or a part such as "with", "fps", stands: file:line:column, as near as is known."""
        keys = [".".join([name, *path[:end]]) for end in range(len(path), -1, -1)]
        return next((self.positions[key] for key in keys if key in self.positions), str(self.file))

    # What is asked of a graph.

    def node_class(self, name: str) -> type[Node]:
        """StageError."""
        return load(self.nodes[name].run, self.file.parent)

    def output_type(self, name: str) -> type[Message] | None:
        """What a node's messages are; None: it gives none. StageError."""
        node = self.node_class(name)
        declaration = declaration_of(node)
        good, wrong = checked_settings(declaration, self.nodes[name].settings)
        try:
            return declaration.output if wrong else node(**good).output_type() or declaration.output
        except (ValueError, TypeError, SetupError):  # checking the graph says what is wrong with it
            return declaration.output

    def outputs(self, kind: type[Message] = Message) -> list[str]:
        """The nodes of this machine that give messages of a kind."""
        found = []
        for name, node in self.nodes.items():
            try:
                output = self.output_type(name) if node.on == self.on else None
            except StageError:
                continue  # checking the graph says what is wrong with it
            if output is not None and issubclass(output, kind):
                found.append(name)
        return found

    def with_setting(self, setting: str) -> list[str]:
        """The nodes whose class has a setting of that name."""
        found = []
        for name in self.nodes:
            try:
                if setting in declaration_of(self.node_class(name)).settings:
                    found.append(name)
            except StageError:
                continue  # checking the graph says what is wrong with it
        return found

    def readers(self, producer: str) -> list[tuple[str, EdgeSpec]]:
        """Who reads a node, once for each edge."""
        edges = [(name, edge) for name, node in self.nodes.items() for _, edge in node.edges()]
        return [(name, edge) for name, edge in edges if edge.producer == producer]

    def drivers(self, name: str) -> set[str]:
        """The nodes that drive this one: its first input's; all of them where it takes any number."""
        return {edge.producer for edge in self.driving(name)}

    def driving(self, name: str) -> list[EdgeSpec]:
        """The edges that drive a node."""
        edges = self.nodes[name].edges()
        try:
            declaration = declaration_of(self.node_class(name))
        except StageError:
            return [edge for _, edge in edges]  # checking the graph says what is wrong with it
        first = next(iter(declaration.inputs), "")
        return [edge for argument, edge in edges if declaration.rest or argument in ("", first)]

    def joins_streams(self) -> bool:
        """Whether a node makes its messages of those of several others."""
        return any(isinstance(given, list) for node in self.nodes.values() for given in node.inputs.values())

    def driven_by(self, names: Collection[str]) -> set[str]:
        """These nodes, and all that run for their messages."""
        driven, before = set(names), set[str]()
        while driven != before:
            before = set(driven)
            driven |= {name for name in self.nodes if self.drivers(name) & driven}
        return driven

    def places(self, name: str) -> list[str]:
        """The machines that may run a node: the first that is alive does."""
        return self.nodes[name].places or [self.nodes[name].on]

    def may_cross(self, producer: str, reader: str) -> bool:
        """Whether the two may run on different machines."""
        return len({*self.places(producer), *self.places(reader)}) > 1

    def ports(self) -> dict[tuple[str, str], int]:
        """The tcp port of each node that may be read on another machine, by node and machine."""
        across = [
            producer
            for producer in self.nodes
            if any(self.may_cross(producer, reader) for reader, _ in self.readers(producer))
        ]
        return ports(self.machines, {name: self.places(name) for name in self.nodes}, across)

    def free_name(self, name: str) -> str:
        """`name`, or with a number where the graph has a node of that name."""
        number, free = 1, name
        while free in self.nodes:
            number += 1
            free = f"{name}-{number}"
        return free

    # What changes it.

    def add(self, name: str, node: NodeSpec, position: str = "") -> None:
        """Adds a node under a name that is free. `position`: what faults of it name, else the graph's file."""
        self.nodes[name] = node
        if position:
            self.positions[name] = position

    def replace(self, name: str, node: NodeSpec) -> None:
        """Puts another node in the place of one; who reads that one reads this one."""
        self._forget_positions(name)
        self.nodes[name] = node

    def insert_after(self, producer: str, name: str, node: NodeSpec, readers: Iterable[str]) -> None:
        """Adds a node that reads `producer`, behind it; the `readers` of that one read the new node instead."""
        order = list(self.nodes)
        order.insert(order.index(producer) + 1, name)
        self.nodes = {each: self.nodes.get(each, node) for each in order}
        for reader in readers:
            for _, edge in self.nodes[reader].edges():
                if edge.producer == producer:
                    edge.producer = name

    def remove(self, names: Collection[str]) -> None:
        """Removes nodes, and the edges from them."""
        for name in names:
            del self.nodes[name]
            self._forget_positions(name)
        for node in self.nodes.values():
            left = {argument: _without(names, given) for argument, given in node.inputs.items()}
            node.inputs = {argument: given for argument, given in left.items() if given}

    def set(self, name: str, key: str, value: Any, position: str) -> None:
        """What `--set` does: beats the file."""
        if name not in self.nodes:
            raise GraphError([f"{position}: there is no node {name!r}{hint(name, list(self.nodes))}"])
        self.nodes[name].settings[key] = value
        self.positions[f"{name}.with.{key}"] = position

    def place_on(self, machine: str | None) -> None:
        """What `--on` does: says which machine this is."""
        names = ", ".join(self.machines)
        if machine is None and self.machines:
            raise GraphError([f"{self.file} has machines; say with --on which of them this is: {names}"])
        if machine is not None and machine not in self.machines:
            has = f"it has {names}" if names else "it has no 'machines:'"
            raise GraphError([f"--on {machine}: no machine of {self.file}{hint(machine, list(self.machines))}; {has}"])
        self.on = machine or ""

    def put_on_one_machine(self) -> None:
        """Whatever ran on several machines runs on this one."""
        for node in self.nodes.values():
            node.on, node.places = "", []
            for _, edge in node.edges():
                edge.jpeg = edge.size = UNSET
        self.machines, self.on = {}, ""

    def rename(self, file: Path) -> None:
        """Runs as `file` from now on; its own .py stages stay the files they are."""
        for node in self.nodes.values():
            if node.run.endswith(".py"):
                node.run = str((self.file.parent / node.run).resolve())
        self.file = file

    def _forget_positions(self, name: str) -> None:
        self.positions = {k: v for k, v in self.positions.items() if k != name and not k.startswith(f"{name}.")}


def _without(names: Collection[str], given: EdgeSpec | list[EdgeSpec]) -> EdgeSpec | list[EdgeSpec] | None:
    """What is left of an argument's edges when these nodes have gone."""
    if isinstance(given, list):
        return [edge for edge in given if edge.producer not in names]
    return None if given.producer in names else given
