"""Where the messages of a node come from: the sources whose frames they belong to, and the nodes that they pass.

A node that is driven by several makes messages of several streams, which its readers may choose from. One that merges
(Node.merges) begins a stream of its own.
"""

from collections.abc import Sequence

from handflow.errors import StageError

from .graph import Graph


def origins(graph: Graph, node: str, stream: str = "") -> tuple[str, ...]:
    """The sources of a node's messages, or of those of them that came by the node `stream`; sorted."""
    return tuple(sorted({way[-1] for way in _ways(graph, node, ()) if not stream or stream in way}))


def streams(graph: Graph, node: str) -> list[str]:
    """The nodes by which readers of this one may choose: those that its messages passed before."""
    return sorted({name for way in _ways(graph, node, ()) for name in way[1:]})


def common_way(graph: Graph, node: str, chosen: Sequence[str]) -> list[str]:
    """Two of the `chosen` nodes that the same messages of `node` passed; []: there are none such."""
    for way in _ways(graph, node, ()) if len(chosen) > 1 else ():
        if len(both := [name for name in chosen if name in way]) > 1:
            return both[:2]
    return []


def _ways(graph: Graph, node: str, after: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Each way from a node against its driving inputs to a source: the nodes on it, both included."""
    if node in after or node not in graph.nodes:
        # A loop, or a name of nobody: checking the graph says so.
        return []
    edges = [] if _begins(graph, node) else graph.driving(node)
    if not edges:
        return [(node,)]
    found = []
    for edge in edges:
        ways = _ways(graph, edge.producer, (*after, node))
        found += [(node, *way) for way in ways if not edge.stream or edge.stream in way]
    return found


def _begins(graph: Graph, node: str) -> bool:
    """Whether a stream begins at a node."""
    if not graph.nodes[node].inputs:
        return True
    try:
        return graph.node_class(node).merges
    except StageError:
        # Checking the graph says what is wrong with it.
        return False
