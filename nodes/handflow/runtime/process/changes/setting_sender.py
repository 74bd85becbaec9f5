"""Settings that a node sends to the supervisor: many, and quickly, as somebody turns a knob."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from handflow.errors import RunError
from handflow.runtime.process.control_client import CHANGE_S, only_running

MAX_WAITING = 256  # settings; a graph has fewer

Key = tuple[str, str]  # node and setting


class SettingSender:
    """Of each setting one change is under way, and the newest one after it waits: none piles up, the last one holds.

    `refused` is given a line for each change that was not made. For one thread.
    """

    def __init__(self, graph: Path, on: str | None, refused: Callable[[str], None]) -> None:
        self._graph, self._on, self._refused = graph, on, refused
        self._context = zmq.Context()
        self._socket: zmq.Socket | None = None
        self._prefix = b""
        self._waiting: dict[Key, list[Any]] = {}
        self._under_way: dict[Key, float] = {}  # when it was sent, monotonic
        self._numbers: dict[bytes, Key] = {}
        self._count = 0

    def put(self, node: str, key: str, arguments: list[Any]) -> None:
        """`arguments`: as OSC has them."""
        if len(self._waiting) < MAX_WAITING or (node, key) in self._waiting:
            self._waiting[node, key] = arguments
        else:
            self._refused(f"{node}.{key}: expected at most {MAX_WAITING} settings at once; send fewer")

    def wait(self, others: socket.socket, timeout_s: float) -> None:
        """Until another socket can be read, or an answer has come, or the time is over; sends and reads what it can."""
        self._send()
        poller = zmq.Poller()
        poller.register(others, zmq.POLLIN)
        if self._socket is not None:
            poller.register(self._socket, zmq.POLLIN)
        poller.poll(round(timeout_s * 1000))
        if self._socket is not None:
            while self._socket.poll(0):
                self._read(*self._socket.recv_multipart())

    def close(self) -> None:
        """What was not sent is dropped."""
        self._context.destroy(linger=0)

    def _read(self, number: bytes, body: bytes) -> None:
        key = self._numbers.pop(number, None)
        if key is None:
            return
        self._under_way.pop(key, None)
        if error := json.loads(body).get("error"):
            self._refused(error)

    def _send(self) -> None:
        now = time.monotonic()
        self._under_way = {key: at for key, at in self._under_way.items() if now - at < CHANGE_S}
        ready = [key for key in self._waiting if key not in self._under_way]
        if ready and self._socket is None and not self._connect():
            self._waiting.clear()
        for node, key in ready if self._socket else ():
            assert self._socket is not None
            self._count += 1
            number = b"%d" % self._count
            request = {"verb": "set", "node": node, "key": key, "value": self._waiting.pop((node, key)), "osc": True}
            self._socket.send_multipart([number, self._prefix + json.dumps(request).encode()])
            self._under_way[node, key] = now
            self._numbers[number] = (node, key)

    def _connect(self) -> bool:
        try:
            address = only_running(self._graph, self._on).control
        except RunError as error:
            self._refused(str(error))
            return False
        self._socket, self._prefix = self._context.socket(zmq.DEALER), address.prefix
        address.connect(self._socket)
        return True
