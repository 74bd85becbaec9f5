"""Asks the supervisor of a running graph (control_server.py is the other end)."""

import contextlib
import json
from pathlib import Path
from typing import Any

import zmq

from handflow.errors import RunError
from handflow.runtime.awake_clock import Countdown
from handflow.runtime.graph.graph import Graph
from handflow.runtime.transport.rundir import RunDir, running

ANSWER_S = 3.0
LOOK_MS = 100  # a wait is cut into these, so that the time while nobody ran does not count
CHANGE_S = 90.0  # a network that is loaded anew takes seconds, on a busy machine many


def ask(file: Path | None, verb: str, wait_s: float = ANSWER_S, on: str | None = None, **arguments: Any) -> Any:
    """The supervisor's answer. `file`: the graph that runs; None: the only one that runs. `on`: as which machine, where
    a graph of several runs as more than one of them here. RunError."""
    return request(only_running(file, on), verb, wait_s, **arguments)


def request(directory: RunDir, verb: str, wait_s: float = ANSWER_S, **arguments: Any) -> Any:
    """The answer of the supervisor of the graph that runs in `directory`. RunError."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        address = directory.control
        address.connect(socket)
        socket.send(address.prefix + json.dumps({"verb": verb, **arguments}).encode())
        wait = Countdown(wait_s)
        while not socket.poll(LOOK_MS):
            if wait.over():
                raise RunError(f"the supervisor of {directory.path.name} has not answered for {wait_s:g} s")
        reply = json.loads(socket.recv())
    if "error" in reply:
        raise RunError(reply["error"])
    return reply["answer"]


def only_running(file: Path | None = None, on: str | None = None) -> RunDir:
    """The run directory of the only graph that runs, of those that are asked for. RunError."""
    graphs = runs(file, on)
    if not graphs:
        what = f"{file or 'no graph'}{f' on {on}' if on else ''}"
        raise RunError(f"{what} is not running" if file else f"{what} is running; start one with: handflow run")
    if len(graphs) == 1:
        return graphs[0][0]
    files = list(dict.fromkeys(str(graph.file) for _, graph in graphs))
    if len(files) > 1:
        raise RunError(f"{len(files)} graphs are running; say which with --graph: {', '.join(files)}")
    raise RunError(f"{files[0]} is running here as {', '.join(graph.on for _, graph in graphs)}; say which with --on")


def runs(file: Path | None = None, on: str | None = None) -> list[tuple[RunDir, Graph]]:
    """The graphs that run here, of those that are asked for: each one's run directory, and its processes' copy."""
    graphs = []
    for each in running(file):
        with contextlib.suppress(OSError, ValueError):  # one that is just starting has not said yet what it is
            graphs.append((each, Graph.read_copy(each.graph)))
    if file:
        graphs = [(each, graph) for each, graph in graphs if graph.file.resolve() == file.resolve()]
    if on:
        graphs = [(each, graph) for each, graph in graphs if graph.on == on]
    return graphs
