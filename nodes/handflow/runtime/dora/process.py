"""One node in a process that dora has started: `handflow node NAME --graph GRAPH --dora`, as the dataflow has it."""

import logging
import os
import traceback
from typing import Any

import dora

from handflow.errors import GraphError, SetupError
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.node import Stopped
from handflow.runtime.process.commands import WorkerCommands
from handflow.runtime.process.process import LineFormatter, ignore_signals, stop_by_signals
from handflow.runtime.process.processor import confine
from handflow.runtime.process.worker import Worker, line_of
from handflow.runtime.profile import Profile

from .arrow import ArrowArrays
from .sockets import Dataflow, DataflowDir
from .wiring import joined

# The process before may not be quite gone yet.
LOCK_S = 3


def run_in_dataflow(graph: Graph, name: str) -> int:
    """Runs the node until its inputs end, or dora or a signal stops it; the exit status. GraphError."""
    machine, graph = graph.on, joined(graph)
    directory = DataflowDir(graph.file, on=machine)
    lines = logging.StreamHandler()
    lines.setFormatter(LineFormatter("%(message)s"))
    logging.root.handlers = [lines]
    try:
        stop_by_signals()
        if name not in graph.nodes:
            raise SetupError(f"{graph.file} has no node {name!r}; it has {', '.join(graph.nodes)}")
        stage = resolve(graph)[name]
        confine(graph.nodes[name].cores, graph.nodes[name].nice)
        if directory.lock(name, LOCK_S) is None:
            raise SetupError(
                f"node {name!r} of {graph.file} already runs (process {directory.holder(name)}); stop that one first"
            )
        try:
            node = dora.Node()
        except RuntimeError as error:
            why = str(error).strip().partition("\n")[0]
            raise SetupError(f"expected to be started by dora, got {why!r}; use `dora run`") from error
        finally:
            # In place of dora's own handler: dora logs the lines of its nodes, and these are without passwords.
            logging.root.handlers = [lines]
            logging.root.setLevel(logging.INFO)
        restarted = node.is_restart()
        if not restarted:
            directory.forget(name)
        arrays, commands = ArrowArrays(), WorkerCommands()
        flow: Any = Dataflow(node, name, arrays, commands.ended, len(stage.listeners))
        profile = Profile(name, os.getpid())
        Worker(stage, graph, directory, flow, arrays, profile, commands, flow.poller).run(restarted)
        if graph.exact and profile.lost:
            raise SetupError(f"expected every message, got all but {profile.lost}: dora dropped them; run it again")
    except Stopped:
        pass
    except SetupError as error:
        logging.error("%s", error)
        return 1
    except GraphError:
        raise
    except Exception as error:
        traceback.print_exc()
        logging.error("%s", line_of(error))
        return 1
    finally:
        ignore_signals()
    return 0
