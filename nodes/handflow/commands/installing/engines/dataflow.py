"""dora's dataflows: one file for all machines, in which each node of ours is one of dora's."""

import shlex
import sys
from typing import Any

from handflow.errors import SetupError
from handflow.runtime.dora.wiring import MESSAGES, READ, messages_of, read_by
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.stage import Stage
from handflow.runtime.transport.flow_control import CREDIT
from handflow.runtime.transport.policies import HELD_MESSAGES

# As our supervisor does: seconds before a node that failed is started again, each time twice as long, up to this; after
# a minute without a failure from the beginning.
RESTART = {"restart_policy": "on-failure", "restart_delay": 0.1, "max_restart_delay": 10.0, "restart_window": 60.0}
# What has credit must fit, and some more for a reader that has just come. The policy takes these messages over the
# daemon: on the direct way from node to node dora drops some under load (dora-rs/dora#3439), whatever the queue's size.
LOSSLESS = {"queue_size": 2 * CREDIT, "queue_policy": "backpressure"}


def dataflow(graph: Graph, stages: dict[str, Stage]) -> dict[str, Any]:
    """The dataflow; `stages`: of the graph as dora joins it. SetupError."""
    sources = [name for name, stage in stages.items() if not stage.edges]
    if graph.exact and len(sources) > 1:
        got = ", ".join(sources)
        raise SetupError(f"--exact: expected one source, got {got}; they would begin at different times in each run")
    return {"nodes": [_node(graph, stages, name) for name in stages]}


def _node(graph: Graph, stages: dict[str, Stage], name: str) -> dict[str, Any]:
    stage, machine = stages[name], graph.nodes[name].on
    arguments = ["-m", "handflow", "node", name, "--graph", str(graph.file), *(["--on", machine] if machine else [])]
    inputs = {messages_of(edge.node): _input(edge.node, MESSAGES, _queue(stage, edge.node)) for edge in stage.edges}
    inputs |= {read_by(reader): _input(reader, READ, LOSSLESS) for reader in stage.readers}
    lossless = any(edge.keep == "all" for edge in stage.edges)
    return {
        "id": name,
        "path": sys.executable,
        "args": shlex.join([*arguments, "--dora", *(["--exact"] if graph.exact else [])]),
        **({"inputs": inputs} if inputs else {}),
        "outputs": [MESSAGES, *([READ] if lossless else [])],
        # A run that can be repeated ends with a stage that fails.
        **({} if graph.exact else RESTART),
        **({"deploy": {"machine": machine, "working_dir": str(graph.file.parent)}} if machine else {}),
    }


def _queue(stage: Stage, producer: str) -> dict[str, Any]:
    """How many messages dora keeps for a node; which of them are read the node decides."""
    edges = [edge for edge in stage.edges if edge.node == producer]
    return LOSSLESS if any(edge.keep == "all" for edge in edges) else {"queue_size": HELD_MESSAGES * len(edges)}


def _input(node: str, output: str, queue: dict[str, Any]) -> dict[str, Any]:
    return {"source": f"{node}/{output}", **queue}
