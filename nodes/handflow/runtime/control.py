"""Talks to the supervisor of a running graph."""

import json
from pathlib import Path
from typing import Any

import zmq

from .rundir import RunDir, running
from .supervisor import RunError

ANSWER_MS = 3000


def ask(file: Path | None, request: str) -> Any:
    """The supervisor's answer. `file`: the graph that runs; None: the only one that runs. RunError."""
    directory = RunDir(file) if file else only_running()
    if file and not directory.running():
        raise RunError(f"{file} does not run")
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        address = directory.control
        address.connect(socket)
        socket.send(address.prefix + request.encode())
        if not socket.poll(ANSWER_MS):
            raise RunError(
                f"the supervisor of {file or directory.path.name} has not answered for {ANSWER_MS // 1000} s"
            )
        return json.loads(socket.recv())


def only_running() -> RunDir:
    """The run directory of the only graph that runs. RunError."""
    directories = running()
    if not directories:
        raise RunError("no graph runs; start one with: handflow run")
    if len(directories) > 1:
        files = [json.loads(each.graph.read_text("utf-8"))["file"] for each in directories]
        raise RunError(f"{len(files)} graphs run; say which with --graph: {', '.join(files)}")
    return directories[0]
