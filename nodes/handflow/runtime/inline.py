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
class InlineNode:
    """A node and where each argument of its `process` comes from; "" is what is pushed in."""

    node: Node
    inputs: dict[str, str]
    running: bool = False  # somebody else starts and stops it: `started` does


@contextmanager
def started(node: N) -> Iterator[N]:
    """A node that several `InlineGraph`s use one after the other, as `InlineNode(node, …, running=True)`.

    So a model opens once.
    """
    node.exact = True
    node.start()
    try:
        yield node
    finally:
        node.stop()


class InlineGraph:
    """Pushes messages through nodes, in the order given; as a context it starts and stops them.

    An input from a node that comes later (heatmap's prior from the tracker) is what that gave for the message before.
    """

    def __init__(self, nodes: Mapping[str, InlineNode]) -> None:
        self.nodes = dict(nodes)
        self._last: dict[str, Message | None] = {}

    def __enter__(self) -> "InlineGraph":
        for inline in self.nodes.values():
            if not inline.running:
                inline.node.exact = True
                inline.node.start()
        return self

    def __exit__(self, *_: object) -> None:
        for inline in self.nodes.values():
            if not inline.running:
                inline.node.stop()

    def push(self, message: Message) -> dict[str, Any]:
        """One message through all nodes: what each of them gave, the last message where it gave several."""
        results: dict[str, Message | None] = {"": message}
        for name, inline in self.nodes.items():
            values = {
                argument: results[source] if source in results else self._last.get(source)
                for argument, source in inline.inputs.items()
            }
            received_ns = now_ns()
            results[name] = None
            if next(iter(values.values())) is None:
                continue  # its driving input has nothing this time
            for result in each(inline.node.process(**values)):
                if result is not None:
                    result.stream, result.seq, result.captured_ns = message.stream, message.seq, message.captured_ns
                    result.hops = [*message.hops, Hop(name, received_ns, now_ns())]
                    results[name] = result
        self._last = results
        return results
