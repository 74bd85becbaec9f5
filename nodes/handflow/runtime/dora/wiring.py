"""What who writes a dataflow and who runs in it agree on: the graph that it is of, and its names."""

from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.spec import UNSET

# Of every node: its messages. Those that read every message have one more, back to who sends them.
MESSAGES, READ = "out", "read"


def messages_of(producer: str) -> str:
    """The input by which a node reads `producer`, once for all its edges from there."""
    return f"{MESSAGES}-{producer}"


def read_by(reader: str) -> str:
    """The input by which a producer hears what `reader` has read."""
    return f"{READ}-{reader}"


def joined(graph: Graph) -> Graph:
    """The graph as dora joins it: what crosses machines is dora's to carry."""
    whole = graph.copy()
    whole.machines, whole.key, whole.on = {}, "", ""
    for node in whole.nodes.values():
        node.on, node.places = "", []
        for _, edge in node.edges():
            edge.jpeg = edge.size = UNSET
    return whole
