"""A graph's stages in one process: every frame through all of them, in order, nothing skipped, no sockets.

What `detect` and tests run: the same nodes as in the processes, so that what is measured is what runs. Every frame
counts and no result depends on the time it took: the nodes are told that the graph is exact.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from handflow.messages import Hop, Message, now_ns

from .node import Node, each

N = TypeVar("N", bound=Node)


@dataclass
class Wired:
    """A node and where each argument of its `process` comes from; "" is what is pushed in."""

    node: Node
    inputs: dict[str, str]
    running: bool = False  # somebody else starts and stops it: `started` does


@contextmanager
def started(node: N) -> Iterator[N]:
    """A node that several `Inline`s use one after the other, as `Wired(node, …, running=True)`: a model opens once."""
    node.exact = True
    node.start()
    try:
        yield node
    finally:
        node.stop()


class Inline:
    """Pushes messages through nodes, in the order given; as a context it starts and stops them.

    An input from a node that comes later (heatmap's prior from the tracker) is what that gave for the message before.
    """

    def __init__(self, nodes: Mapping[str, Wired]) -> None:
        self.nodes = dict(nodes)
        self._last: dict[str, Message | None] = {}

    def __enter__(self) -> "Inline":
        for wired in self.nodes.values():
            if not wired.running:
                wired.node.exact = True
                wired.node.start()
        return self

    def __exit__(self, *_: object) -> None:
        for wired in self.nodes.values():
            if not wired.running:
                wired.node.stop()

    def push(self, message: Message) -> dict[str, Any]:
        """One message through all nodes: what each of them gave, the last message where it gave several."""
        given: dict[str, Message | None] = {"": message}
        for name, wired in self.nodes.items():
            values = {
                argument: given[source] if source in given else self._last.get(source)
                for argument, source in wired.inputs.items()
            }
            received_ns = now_ns()
            given[name] = None
            if next(iter(values.values())) is None:
                continue  # its driving input has nothing this time
            for result in each(wired.node.process(**values)):
                if result is not None:
                    result.stream, result.seq, result.captured_ns = message.stream, message.seq, message.captured_ns
                    result.hops = [*message.hops, Hop(name, received_ns, now_ns())]
                    given[name] = result
        self._last = given
        return given
