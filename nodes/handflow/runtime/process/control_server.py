"""What a running graph can be asked: its table, its settings, and to change them."""

import functools
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from handflow.errors import Refused
from handflow.runtime.address import masked_in
from handflow.runtime.graph.stage import hint
from handflow.runtime.process.changes.settings import SettingChanges, all_values, from_osc
from handflow.runtime.process.tracing.trace_file import TraceFile
from handflow.runtime.process.tracing.traces import Traces
from handflow.runtime.refusal import REFUSALS, line_of_refusal

from .child import AttachedNode, Child
from .description import description
from .health import HealthRecord, stats
from .line_log import LineLog
from .running_graph import RunningGraph
from .status_table import Row
from .swap import Swaps

MAX_BYTES = 1024 * 1024  # no request of ours comes near
MAX_PENDING = 64  # commands that may wait for their nodes' answers at once
MAX_ATTACHED = 16
PATIENCE_S = 60.0  # a node that has not carried out a command by then will not

Client = list[bytes]  # the way back to whoever asked


@dataclass
class Pending:
    """A command that was sent to a node, until it answers."""

    process: Child | AttachedNode
    pid: int | None
    expires_at: float
    done: Callable[[Any, str], None]  # is given the answer, and what was wrong


class ControlServer:
    """Answers requests: JSON maps with a `verb`; the answer is {"answer": ...} or {"error": line}."""

    def __init__(
        self,
        running: RunningGraph,
        swaps: Swaps,
        rows: Callable[[], list[Row]],
        lines: LineLog,
        trace: TraceFile | None = None,
    ) -> None:
        self.running, self.swaps, self.rows = running, swaps, rows
        self.traces = Traces(running, trace)
        self.settings = SettingChanges(running, swaps, self._send_settings)
        self.health = HealthRecord()
        self.lines = lines
        self.refused = 0  # messages, here and on the status channel
        self.pending: dict[int, Pending] = {}
        self._numbers = itertools.count(1)
        self.verbs: dict[str, Callable[..., Any]] = {
            "top": self.top,
            "stats": self.stats,
            "log": self.log,
            "describe": self.describe,
            "get": self.get,
            "set": self.set,
            "changes": self.changes,
            "swap": self.swap,
            "trace": self.trace,
            "command": self.command,
            "attach": self.attach,
        }

    def open(self, socket: zmq.Socket, prefix: bytes) -> None:
        """Requests come from this ROUTER socket; each begins with `prefix`."""
        self.socket, self.prefix = socket, prefix
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a client that has gone is noticed

    def receive(self) -> None:
        """Answers what has come, or sees to it that it will be answered."""
        while self.socket.poll(0):
            *client, body = self.socket.recv_multipart()
            try:
                request = self._request(body)
                answer = self.verbs[request.pop("verb")](client, **request)
            except Refused as error:
                self.reply(client, error=str(error))
            except REFUSALS as error:
                self.reply(client, error=line_of_refusal(error))
            except (ValueError, TypeError, KeyError, RecursionError):
                self.refused += 1
                self.reply(client, error="expected a request that this version of handflow knows")
            else:
                if answer is not None:
                    self.reply(client, answer=answer)

    def reply(self, client: Client, **answer: Any) -> bool:
        """Whether the client is still there."""
        body = json.dumps(answer, default=str, skipkeys=True)  # whatever a node has answered
        try:
            self.socket.send_multipart([*client, body.encode()], zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def answered(self, process: Child | AttachedNode, number: int, answer: Any, error: str) -> None:
        """A node says that it has carried out a command, or why not."""
        pending = self.pending.get(number)
        if pending is not None and pending.process is process:
            del self.pending[number]
            pending.done(answer, error and f"{process.name}: {error}")

    def expire(self, now: float) -> None:
        """Gives up commands whose node has died over them, or takes too long, and traces that nobody fetches."""
        self.traces.expire(now)
        for number, pending in list(self.pending.items()):
            name = pending.process.name
            died = pending.process.pid != pending.pid
            if isinstance(pending.process, AttachedNode):
                died = self.running.attached.get(name) is not pending.process
            if died or now > pending.expires_at:
                del self.pending[number]
                why = "failed while carrying it out; it goes on as it was" if died else "has not answered in time"
                pending.done(None, f"{name} {why}")

    def _send(
        self,
        process: Child | AttachedNode,
        command: dict[str, list[Any]],
        within_s: float,
        done: Callable[[Any, str], None],
    ) -> None:
        """Sends a node a command, with a number; `done` is given its answer, or what was wrong. Refused."""
        if len(self.pending) >= MAX_PENDING:
            raise Refused("too many commands are under way; try again when they are done")
        number = next(self._numbers)
        self.pending[number] = Pending(process, process.pid, self.running.clock.now() + within_s, done)
        process.send({kind: [number, *arguments] for kind, arguments in command.items()})

    def top(self, _: Client) -> Any:
        return self.rows()

    def stats(self, _: Client) -> Any:
        """The table, with what is wrong now and what was."""
        return stats(str(self.running.graph.file), self.rows(), self.health)

    def log(self, _: Client, after: int = 0) -> Any:
        """The lines said since the one with the number `after`."""
        return self.lines.after(int(after))

    def describe(self, _: Client) -> Any:
        """Every node of this machine: its class, its inputs, and its settings with bounds and help."""
        nodes = self.running.graph.nodes
        return {name: description(nodes[name], child.stage) for name, child in self.running.children.items()}

    def get(self, _: Client, node: str | None = None, key: str | None = None) -> Any:
        """All settings by node, defaults too; without passwords."""
        children = self.running.children
        if node is not None:
            children = {node: self.settings.child(node)}
        found = {name: all_values(child.stage) for name, child in children.items()}
        if node is not None and key is not None and key not in found[node]:
            raise Refused(f"{node}: no setting {key!r}{hint(key, list(found[node]))}; it has {', '.join(found[node])}")
        return {name: {k: masked_in(v) for k, v in each.items() if key in (None, k)} for name, each in found.items()}

    def set(self, client: Client, node: str, key: str, value: Any, osc: bool = False) -> Any:
        """Changes a setting, once it is checked as in a graph file. `osc`: `value` is a list of OSC arguments."""
        child = self.settings.child(node)
        if osc:
            value = from_osc(child.stage, key, value)
        self.settings.begin(node, {key: value}, functools.partial(self._reply_done, client))

    def _reply_done(self, client: Client, error: str) -> None:
        if error:
            self.reply(client, error=error)
        else:
            self.reply(client, answer={})

    def _send_settings(self, child: Child, values: dict[str, Any], done: Callable[[str], None]) -> None:
        self._send(child, {"set": [values]}, PATIENCE_S, lambda _, error: done(error))

    def swap(self, client: Client, node: str, run: str | None, settings: dict[str, Any]) -> Any:
        """Another process for a node: of another stage, or with other settings."""
        self.settings.child(node)
        if self.settings.under_way(node):
            raise Refused(f"{node} is given another setting just now; try again when that is done")
        self.swaps.begin(node, run, settings, functools.partial(self._reply_done, client))

    def command(
        self,
        client: Client,
        name: str,
        value: Any = None,
        nodes: list[str] | None = None,
        retain: bool = False,
        within_s: float = PATIENCE_S,
    ) -> Any:
        """A command of nodes' own, to those named, else to all that take it; by node what each answers.

        `retain`: a node that starts again is sent it again.
        """
        within_s = min(float(within_s), PATIENCE_S)
        receivers: list[Child | AttachedNode] = (
            self._takers(name) if nodes is None else [self.settings.child(node) for node in nodes]
        )
        answers: dict[str, dict[str, Any]] = {}

        def done(node: str, answer: Any, error: str) -> None:
            answers[node] = {"error": error} if error else {"answer": answer}
            if len(answers) == len(receivers):
                self.reply(client, answer=answers)

        for each in receivers:
            if retain and isinstance(each, Child):
                each.retained[name] = value
            if each.pid is None:
                done(each.name, None, f"{each.name} does not run just now")
            else:
                self._send(each, {"call": [name, value]}, within_s, functools.partial(done, each.name))
        return None if receivers else {}

    def _takers(self, name: str) -> list[Child | AttachedNode]:
        """The nodes that take a command, as they have said."""
        self._drop_lost()
        beside = self.running.beside
        return [
            each
            for each in self.running.participants()
            if each.status and name in each.status["commands"] and each not in beside
        ]

    def _drop_lost(self) -> None:
        """Those that have gone: an empty command cannot be sent to them."""
        for each in list(self.running.attached.values()):
            each.send({})

    def attach(self, client: Client, node: str, pid: int) -> Any:
        """A node that was started beside the graph: it is sent commands from here on, by the way that it asks."""
        attached = self.running.attached
        self._drop_lost()
        if not (isinstance(node, str) and isinstance(pid, int)):
            raise TypeError("expected a name and a process id")
        if node in self.running.children or len(attached) >= MAX_ATTACHED:
            raise Refused(f"{node} cannot be attached: expected at most {MAX_ATTACHED} nodes, with names of their own")

        def send(command: dict[str, Any]) -> None:
            if not self.reply(client, **command) and attached.get(node) is node_beside:
                del attached[node]

        node_beside = attached[node] = AttachedNode(node, pid, send)
        return {}

    def trace(self, _: Client, token: str, end: bool = False) -> Any:
        """What the nodes have done since the last request with this token; the first one begins it."""
        found = self.traces.read(str(token))
        if end:
            self.traces.end(str(token))
        return found

    def changes(self, _: Client) -> Any:
        """The graph's file, and what is given to each node: for `save`, which compares the two."""
        nodes = self.running.graph.nodes.items()
        return {
            "file": str(self.running.graph.file),
            "nodes": {name: {"run": node.run, "with": node.settings} for name, node in nodes},
        }

    def _request(self, body: bytes) -> dict[str, Any]:
        if not body.startswith(self.prefix):
            raise ValueError("not for this graph")
        request = json.loads(body[len(self.prefix) :])
        if not isinstance(request, dict):
            raise TypeError("expected a map")
        return request
