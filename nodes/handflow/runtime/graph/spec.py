"""The form of a graph as data: its YAML, the copy that its processes read and a recording's metadata share it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Keep = Literal["newest", "same", "all"]
Transport = Literal["auto", "portable"]
Side = Annotated[int, Meta(ge=16, le=8192)]
Core = Annotated[int, Meta(ge=0, le=4095)]
Nice = Annotated[int, Meta(ge=0, le=19)]


class EdgeSpec(msgspec.Struct):
    """One input of a node. What is not set is decided by the classes of the two nodes."""

    producer: str = msgspec.field(name="from")
    keep: Keep | UnsetType = UNSET
    wait_ms: Annotated[float, Meta(ge=0, le=1000)] | UnsetType = UNSET
    # How pictures cross to another machine: quality, and (width, height) that bigger ones are made to fit.
    jpeg: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    size: tuple[Side, Side] | UnsetType | None = UNSET
    # Of what a node makes of several inputs, only the messages that came by this one.
    stream: str | UnsetType = UNSET

    def shortest(self) -> Any:
        """As people write it: the producer's name where nothing else is set."""
        form = msgspec.to_builtins(self)
        return form if len(form) > 1 else self.producer


def shortest(edges: EdgeSpec | list[EdgeSpec]) -> Any:
    """What feeds one argument, as people write it."""
    return [edge.shortest() for edge in edges] if isinstance(edges, list) else edges.shortest()


class NodeSpec(msgspec.Struct, omit_defaults=True):
    """One node."""

    run: str
    # By argument; "": the first argument. A list: several nodes feed it.
    inputs: Mapping[str, EdgeSpec | list[EdgeSpec]] = msgspec.field(name="in")
    settings: dict[str, Any] = msgspec.field(name="with")
    on: str = ""  # the machine, of several the one that it runs on; "" in a graph of one
    cores: list[Core] = []  # of the processor, that its process may run on; []: on any
    nice: Nice = 0  # how far it stands back for other processes
    places: list[str] = []  # machines that may run it: the first that is alive does; []: `on` alone

    def edges(self) -> list[tuple[str, EdgeSpec]]:
        """Each edge with its argument, those of a list one after the other."""
        return [
            (argument, edge)
            for argument, given in self.inputs.items()
            for edge in (given if isinstance(given, list) else [given])
        ]

    def shortest_inputs(self) -> Any:
        """`in:` as people write it."""
        edges = {argument: shortest(given) for argument, given in self.inputs.items()}
        return edges.get("", edges)

    def shortest(self) -> dict[str, Any]:
        """The node as people write it; what is empty is left out."""
        form = {"run": self.run, "in": self.shortest_inputs(), "on": self.places or self.on, "with": self.settings}
        form |= {"cores": self.cores, "nice": self.nice}
        return {key: value for key, value in form.items() if value}
