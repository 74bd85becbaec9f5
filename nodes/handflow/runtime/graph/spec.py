"""The form of a graph as data: its YAML, the copy that its processes read and a recording's metadata share it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Keep = Literal["newest", "same", "all"]
Transport = Literal["auto", "portable"]
Side = Annotated[int, Meta(ge=16, le=8192)]


class EdgeSpec(msgspec.Struct):
    """One input of a node. What is not set is decided by the classes of the two nodes."""

    producer: str = msgspec.field(name="from")
    keep: Keep | UnsetType = UNSET
    wait_ms: Annotated[float, Meta(ge=0, le=1000)] | UnsetType = UNSET
    # How pictures cross to another machine: quality, and (width, height) that bigger ones are made to fit.
    jpeg: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    size: tuple[Side, Side] | UnsetType | None = UNSET

    def shortest(self) -> Any:
        """As people write it: the producer's name where nothing else is set."""
        form = msgspec.to_builtins(self)
        return form if len(form) > 1 else self.producer


class NodeSpec(msgspec.Struct, omit_defaults=True):
    """One node."""

    run: str
    inputs: dict[str, EdgeSpec] = msgspec.field(name="in")  # by argument; "": the first argument
    settings: dict[str, Any] = msgspec.field(name="with")
    on: str = ""  # the machine; "" in a graph of one

    def shortest_inputs(self) -> Any:
        """`in:` as people write it."""
        edges = {argument: edge.shortest() for argument, edge in self.inputs.items()}
        return edges.get("", edges)

    def shortest(self) -> dict[str, Any]:
        """The node as people write it; what is empty is left out."""
        form = {"run": self.run, "in": self.shortest_inputs(), "on": self.on, "with": self.settings}
        return {key: value for key, value in form.items() if value}
