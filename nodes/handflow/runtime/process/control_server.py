"""What a running graph can be asked: its table, its settings, and to change them."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any

import msgspec
import zmq

from handflow.errors import Refused, SetupError
from handflow.runtime.graph.graph import Stage
from handflow.runtime.graph.stage import hint, settings

from .child import Child
from .running_graph import RunningGraph
from .status_table import Row
from .swap import Swaps

MAX_BYTES = 1024 * 1024  # no request of ours comes near
MAX_PENDING = 64  # commands that may wait for their nodes' answers at once
PATIENCE_S = 60.0  # a node that has not carried out a command by then will not

Client = list[bytes]  # the way back to whoever asked


@dataclass
class Pending:
    """A command that was sent to a node, until it answers."""

    client: Client
    child: Child
    pid: int
    expires_at: float
    done: Callable[[], None]


class ControlServer:
    """Answers requests: JSON maps with a `verb`; the answer is {"answer": ...} or {"error": line}."""

    def __init__(self, running: RunningGraph, swaps: Swaps, rows: Callable[[], list[Row]]) -> None:
        self.running, self.swaps, self.rows = running, swaps, rows
        self.refused = 0  # messages, here and on the status channel
        self.pending: dict[int, Pending] = {}
        self._numbers = itertools.count(1)
        self.verbs: dict[str, Callable[..., Any]] = {
            "top": self.top,
            "get": self.get,
            "set": self.set,
            "changes": self.changes,
            "swap": self.swap,
        }

    def open(self, socket: zmq.Socket, prefix: bytes) -> None:
        """Requests come from this ROUTER socket; each begins with `prefix`."""
        self.socket, self.prefix = socket, prefix

    def receive(self) -> None:
        """Answers what has come, or sees to it that it will be answered."""
        while self.socket.poll(0):
            *client, body = self.socket.recv_multipart()
            try:
                request = self._request(body)
                answer = self.verbs[request.pop("verb")](client, **request)
            except Refused as error:
                self.reply(client, error=str(error))
            except (ValueError, TypeError, KeyError, RecursionError):
                self.refused += 1
                self.reply(client, error="expected a request that this version of handflow knows")
            else:
                if answer is not None:
                    self.reply(client, answer=answer)

    def reply(self, client: Client, **answer: Any) -> None:
        self.socket.send_multipart([*client, json.dumps(answer).encode()])

    def answered(self, child: Child, number: int, error: str) -> None:
        """A node says that it has carried out a command, or why not."""
        pending = self.pending.get(number)
        if pending is None or pending.child is not child:
            return
        del self.pending[number]
        if error:
            self.reply(pending.client, error=f"{child.stage.name}: {error}")
        else:
            pending.done()
            self.reply(pending.client, answer={})

    def expire(self, now: float) -> None:
        """Gives up commands whose node has died over them."""
        for number, pending in list(self.pending.items()):
            process = pending.child.process
            if process is None or process.pid != pending.pid or now > pending.expires_at:
                del self.pending[number]
                self.reply(pending.client, error=f"{pending.child.stage.name} failed over it, and goes on as it was")

    def top(self, _: Client) -> Any:
        return self.rows()

    def get(self, _: Client, node: str | None = None, key: str | None = None) -> Any:
        """All settings by node, defaults too."""
        children = self.running.children
        if node is not None:
            children = {node: self._child(node)}
        found = {name: values(child.stage) for name, child in children.items()}
        if node is not None and key is not None and key not in found[node]:
            raise Refused(f"{node}: no setting {key!r}{hint(key, list(found[node]))}; it has {', '.join(found[node])}")
        return {name: {k: v for k, v in each.items() if key in (None, k)} for name, each in found.items()}

    def set(self, client: Client, node: str, key: str, value: Any) -> Any:
        """Changes a setting, once its type and bounds are checked as in a graph file."""
        running, child = self.running, self._child(node)
        if running.graph.exact:
            raise Refused("an exact run is not changed: it would not be the same the next time")
        entry, stage = running.graph.entries[node], child.stage
        good, wrong = settings(stage.what, {**entry.settings, key: value})
        if wrong:
            raise Refused(f"{node}: {wrong.get(key) or next(iter(wrong.values()))}")
        try:
            stage.node(**good)
        except (ValueError, TypeError, SetupError) as error:  # what does not go together
            raise Refused(f"{node}: {error}") from error

        def keep() -> None:
            entry.settings[key] = value
            stage.settings = good
            running.write()

        if child.process is None:
            keep()  # it starts with it
            return {}
        if len(self.pending) >= MAX_PENDING:
            raise Refused("too much is being set at once")
        number = next(self._numbers)
        expires_at = time.monotonic() + PATIENCE_S
        self.pending[number] = Pending(client, child, child.process.pid, expires_at, keep)
        child.send({"set": [number, key, value]})
        return None

    def swap(self, client: Client, node: str, run: str | None, settings: dict[str, Any]) -> Any:
        """Another process for a node: of another stage, or with other settings."""
        self._child(node)

        def done(error: str) -> None:
            if error:
                self.reply(client, error=error)
            else:
                self.reply(client, answer={})

        self.swaps.begin(node, run, settings, done)

    def changes(self, _: Client) -> Any:
        """The graph's file, and what is given to each node: for `save`, which compares the two."""
        entries = self.running.graph.entries.values()
        return {
            "file": str(self.running.graph.file),
            "nodes": {entry.name: {"run": entry.run, "with": entry.settings} for entry in entries},
        }

    def _child(self, node: str) -> Child:
        children = self.running.children
        if node not in children and node in self.running.stages:
            raise Refused(f"{node} runs on machine {self.running.stages[node].on}; say it there")
        if node not in children:
            raise Refused(f"there is no node {node!r}{hint(node, list(children))}; there are {', '.join(children)}")
        return children[node]

    def _request(self, body: bytes) -> dict[str, Any]:
        if not body.startswith(self.prefix):
            raise ValueError("not for this graph")
        request = json.loads(body[len(self.prefix) :])
        if not isinstance(request, dict):
            raise TypeError("expected a map")
        return request


def values(stage: Stage) -> dict[str, Any]:
    """All of a stage's settings, as JSON has them."""
    found = {}
    for each in fields(stage.node):  # type: ignore[arg-type]
        default = each.default if each.default is not MISSING else None
        if each.default_factory is not MISSING:
            default = each.default_factory()
        found[each.name] = msgspec.to_builtins(stage.settings.get(each.name, default))
    return found
