"""dora's events in place of ZeroMQ's sockets: so a node's publisher and inputs are those of any other process.

What is skipped, joined, waited for and acknowledged is decided there (transport/); here bytes come and go. A reader of
every message answers by an output of its own, for dora drops what is not read in time.
"""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import pyarrow
import zmq

from handflow.errors import WireError
from handflow.runtime.node import Stopped
from handflow.runtime.transport.rundir import RunDir

from .arrow import ArrowArrays
from .wiring import MESSAGES, READ, messages_of, read_by

READABLE = int(zmq.POLLIN)
# How often a reader of every message says that it reads, until something comes: what is said to a node that dora is
# just starting is lost.
ANNOUNCE_S = 0.25


class Dataflow:
    """This node's place in it, and in place of a ZeroMQ context: who sends to whom the dataflow says.

    `node`: dora's, `name`: its own. `ended` gathers the nodes that have sent their last message. `listeners`: how many
    edges read here.
    """

    def __init__(self, node: Any, name: str, arrays: ArrowArrays, ended: set[str], listeners: int) -> None:
        self.node, self.name, self.arrays, self.listeners = node, name, arrays, listeners
        self._ended = ended
        self._closed = False  # nothing more comes
        self._readers: dict[str, list[Socket]] = defaultdict(list)  # the own ones, by the input that they read
        self._sender: Socket | None = None
        self._announced: dict[str, set[bytes]] = defaultdict(set)  # to the sender, by the reader's input
        self._unheard: set[Socket] = set()  # readers whose producer may not know of them
        self._announce_due_s = 0.0

    def socket(self, kind: int) -> "Socket":
        return Socket(self, kind)

    def poller(self) -> "Poller":
        return Poller(self)

    def read(self, producer: str, socket: "Socket") -> None:
        """From now on what `producer` sends comes to `socket`."""
        self._readers[messages_of(producer)].append(socket)
        self._unheard.add(socket)

    def send_by(self, socket: "Socket") -> None:
        """What readers say comes to `socket`. All listen by now: dora starts no node before the others."""
        self._sender = socket
        socket.queue.extend([b"\x01"] * self.listeners)

    def forget(self, socket: "Socket") -> None:
        for sockets in self._readers.values():
            if socket in sockets:
                sockets.remove(socket)
        self._unheard.discard(socket)
        if self._sender is socket:
            self._sender = None

    def send(self, data: bytes) -> None:
        value, metadata = self.arrays.outgoing(data)
        self.node.send_output(MESSAGES, value, metadata)

    def answer(self, producer: str, data: bytes) -> None:
        self.node.send_output(READ, pyarrow.array([data], pyarrow.binary()), {"to": producer})

    def wait(self, true: Callable[[], object], timeout_s: float) -> bool:
        """Takes in what comes until `true()` or the time is over; whether it is true."""
        deadline = time.perf_counter() + timeout_s
        self._take_all()
        while not true():
            left = deadline - time.perf_counter()
            if left <= 0:
                return False
            if self._closed:
                time.sleep(left)
            else:
                self._take(self.node.next(timeout=left))
                self._take_all()
        return True

    def _take_all(self) -> None:
        if self._unheard and not self._closed and (now := time.monotonic()) >= self._announce_due_s:
            self._announce_due_s = now + ANNOUNCE_S
            for socket in self._unheard:
                socket.announce()
        while events := [] if self._closed else self.node.drain():
            for event in events:
                self._take(event)

    def _take(self, event: dict[str, Any] | None) -> None:
        if event is None:
            self._end()
            return
        kind, name = event["type"], event.get("id", "")
        if kind == "INPUT":
            self._input(name, event["value"], event["metadata"])
        elif kind == "INPUT_CLOSED":
            self._close(name)
        elif kind == "NODE_RESTARTED":
            self._restarted(name)
        elif kind == "STOP":
            if name != "ALL_INPUTS_CLOSED":
                raise Stopped
            self._end()
        elif kind == "ERROR" and "timed out" not in event["error"]:
            logging.warning("dora: %s", event["error"].strip().partition("\n")[0])

    def _input(self, name: str, value: Any, metadata: dict[str, Any]) -> None:
        if sockets := self._readers.get(name):
            try:
                data: bytes = self.arrays.incoming(value, metadata)
            except WireError as error:
                data = str(error).encode()  # which the subscription refuses, and counts
            for socket in sockets:
                socket.take(data)
            self._unheard.difference_update(sockets)
        elif name.startswith(f"{READ}-") and metadata.get("to") == self.name and self._sender is not None:
            answer = value[0].as_py()
            known, topic = self._announced[name], answer[1:]
            if answer.startswith(b"\x01"):
                if topic in known:
                    return
                known.add(topic)
            elif answer.startswith(b"\x00"):
                known.discard(topic)
            self._sender.queue.append(answer)

    def _close(self, name: str) -> None:
        if name.startswith(f"{MESSAGES}-"):
            self._ended.add(name.removeprefix(f"{MESSAGES}-"))
            self._unheard.difference_update(self._readers.get(name, ()))
        else:
            self._gone(name)

    def _gone(self, name: str) -> None:
        """The readers of one node are not there any more."""
        for topic in self._announced.pop(name, ()):
            if self._sender is not None:
                self._sender.queue.append(b"\x00" + topic)

    def _restarted(self, node: str) -> None:
        self._gone(read_by(node))
        self._unheard.update(self._readers.get(messages_of(node), ()))

    def _end(self) -> None:
        self._closed = True
        self._ended.update(name.removeprefix(f"{MESSAGES}-") for name in self._readers)


class Socket:
    """As much of a ZeroMQ socket as a publisher and a subscription use."""

    def __init__(self, flow: Dataflow, kind: int) -> None:
        self.queue: deque[bytes] = deque()
        self._flow, self._kind = flow, kind
        self._producer = ""
        self._heads: list[bytes] = []  # of the messages that are wanted
        self._timeout_s = 0.0
        self._said: list[bytes] = []  # who it is

    def bind(self) -> None:
        self._flow.send_by(self)

    def connect(self, producer: str) -> None:
        self._producer = producer
        self._flow.read(producer, self)

    def setsockopt(self, option: int, value: Any) -> None:
        if option == zmq.SUBSCRIBE:
            self._heads.append(value)
        elif option == zmq.RCVTIMEO:
            self._timeout_s = value / 1000

    def get(self, option: int) -> int:
        """Of zmq.EVENTS, the only one that is asked for."""
        return READABLE if self._flow.wait(lambda: self.queue, 0) else 0

    def poll(self, timeout_ms: float) -> int:
        return READABLE if self._flow.wait(lambda: self.queue, timeout_ms / 1000) else 0

    def recv(self) -> bytes:
        """zmq.Again."""
        if not self._flow.wait(lambda: self.queue, self._timeout_s):
            raise zmq.Again
        return self.queue.popleft()

    def send(self, data: bytes) -> None:
        if self._kind != zmq.XSUB:
            self._flow.send(data)
            return
        if data.startswith(b"\x01"):
            self._said += [data] if data[1:] else []  # who it is, and told soon; that it reads the dataflow says
        else:
            self._flow.answer(self._producer, data)

    def announce(self) -> None:
        """Tells the producer, which may not have heard it, that this reads."""
        for data in self._said:
            self._flow.answer(self._producer, data)

    def take(self, data: bytes) -> None:
        if self._kind == zmq.XSUB or any(data.startswith(head) for head in self._heads):
            self.queue.append(data)

    def close(self) -> None:
        self._flow.forget(self)
        for data in self._said:
            self._flow.answer(self._producer, b"\x00" + data[1:])
        self._said.clear()


class Poller:
    """As much of zmq.Poller as inputs use."""

    def __init__(self, flow: Dataflow) -> None:
        self._flow = flow
        self._sockets: list[Socket] = []

    def register(self, socket: Any, _: int) -> None:
        self._sockets.append(socket)

    def poll(self, timeout_ms: float) -> list[tuple[Socket, int]]:
        self._flow.wait(lambda: any(socket.queue for socket in self._sockets), timeout_ms / 1000)
        return [(socket, READABLE) for socket in self._sockets if socket.queue]


class DataflowAddress:
    """Where a node of the dataflow sends: wherever dora has started it."""

    prefix = b""

    def __init__(self, node: str) -> None:
        self._node = node

    def bind(self, socket: Any) -> None:
        socket.bind()

    def connect(self, socket: Any) -> None:
        socket.connect(self._node)

    def follow(self, socket: Any) -> bool:
        return True

    def vanish(self) -> None:
        """Does nothing: dora starts no second process of a node."""


class DataflowDir(RunDir):
    """The run directory, whose nodes find each other by the dataflow."""

    def address(self, node: str) -> DataflowAddress:
        return DataflowAddress(node)
