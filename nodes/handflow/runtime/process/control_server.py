"""What a running graph can be asked: its table, its settings, and to change them."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

import msgspec
import zmq

from handflow.errors import Refused, SetupError
from handflow.runtime.graph.graph import Stage
from handflow.runtime.graph.stage import hint, settings

if TYPE_CHECKING:
    from .supervisor import Child, Supervisor

MAX_BYTES = 1024 * 1024  # no request of ours comes near
MOST = 64  # orders that may be open at once
PATIENCE_S = 60.0  # a node that has not carried out an order by then will not


@dataclass
class Order:
    """What a node was told to do, until it says that it has."""

    client: list[bytes]  # the way back to whoever asked
    child: "Child"
    pid: int
    due: float
    done: Callable[[], None]


class Desk:
    """Answers requests: JSON maps with a `verb`; the answer is {"answer": ...} or {"error": line}."""

    def __init__(self, supervisor: "Supervisor", socket: zmq.Socket, prefix: bytes) -> None:
        self.supervisor, self.socket, self.prefix = supervisor, socket, prefix
        self.refused = 0
        self.orders: dict[int, Order] = {}
        self._numbers = itertools.count(1)
        self.verbs: dict[str, Callable[..., Any]] = {
            "top": self.top,
            "get": self.get,
            "set": self.set,
            "changes": self.changes,
            "swap": self.swap,
        }

    def hear(self) -> None:
        """Answers what has come, or sees to it that it will be answered."""
        while self.socket.poll(0):
            *client, body = self.socket.recv_multipart()
            try:
                request = self._request(body)
                answer = self.verbs[request.pop("verb")](client, **request)
            except Refused as error:
                self.tell(client, error=str(error))
            except (ValueError, TypeError, KeyError, RecursionError):
                self.refused += 1
                self.tell(client, error="not a request that this version of handflow knows")
            else:
                if answer is not None:
                    self.tell(client, answer=answer)

    def tell(self, client: list[bytes], **answer: Any) -> None:
        self.socket.send_multipart([*client, json.dumps(answer).encode()])

    def done(self, child: "Child", number: int, wrong: str) -> None:
        """A node says that it has carried out an order, or why not."""
        order = self.orders.get(number)
        if order is None or order.child is not child:
            return
        del self.orders[number]
        if wrong:
            self.tell(order.client, error=f"{child.stage.name}: {wrong}")
        else:
            order.done()
            self.tell(order.client, answer={})

    def tend(self, now: float) -> None:
        """Gives up orders whose node has died over them."""
        for number, order in list(self.orders.items()):
            process = order.child.process
            if process is None or process.pid != order.pid or now > order.due:
                del self.orders[number]
                self.tell(order.client, error=f"{order.child.stage.name} failed over it, and goes on as it was")

    def top(self, _: list[bytes]) -> Any:
        return self.supervisor.rows()

    def get(self, _: list[bytes], node: str | None = None, key: str | None = None) -> Any:
        """All settings by node, defaults too."""
        children = self.supervisor.children
        if node is not None:
            children = {node: self._child(node)}
        found = {name: values(child.stage) for name, child in children.items()}
        if node is not None and key is not None and key not in found[node]:
            raise Refused(f"{node}: no setting {key!r}{hint(key, list(found[node]))}; it has {', '.join(found[node])}")
        return {name: {k: v for k, v in each.items() if key in (None, k)} for name, each in found.items()}

    def set(self, client: list[bytes], node: str, key: str, value: Any) -> Any:
        """Changes a setting, once its type and bounds are checked as in a graph file."""
        supervisor, child = self.supervisor, self._child(node)
        if supervisor.graph.exact:
            raise Refused("an exact run is not changed: it would not be the same the next time")
        entry, stage = supervisor.graph.entries[node], child.stage
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
            supervisor.write()

        if child.process is None:
            keep()  # it starts with it
            return {}
        if len(self.orders) >= MOST:
            raise Refused("too much is being set at once")
        number = next(self._numbers)
        due = time.monotonic() + PATIENCE_S
        self.orders[number] = Order(client, child, child.process.pid, due, keep)
        supervisor.order(child, {"set": [number, key, value]})
        return None

    def swap(self, client: list[bytes], node: str, run: str | None, settings: dict[str, Any]) -> Any:
        """Another process for a node: of another stage, or with other settings."""
        self._child(node)
        self.supervisor.swaps.begin(client, node, run, settings)

    def changes(self, _: list[bytes]) -> Any:
        """The graph's file, and what is given to each node: for `save`, which compares the two."""
        entries = self.supervisor.graph.entries.values()
        return {
            "file": str(self.supervisor.graph.file),
            "nodes": {entry.name: {"run": entry.run, "with": entry.settings} for entry in entries},
        }

    def _child(self, node: str) -> "Child":
        children = self.supervisor.children
        if node not in children and node in self.supervisor.stages:
            raise Refused(f"{node} runs on machine {self.supervisor.stages[node].on}; say it there")
        if node not in children:
            raise Refused(f"there is no node {node!r}{hint(node, list(children))}; there are {', '.join(children)}")
        return children[node]

    def _request(self, body: bytes) -> dict[str, Any]:
        if not body.startswith(self.prefix):
            raise ValueError("not for this graph")
        request = json.loads(body[len(self.prefix) :])
        if not isinstance(request, dict):
            raise TypeError("a map expected")
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
