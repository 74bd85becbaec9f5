"""The channel between the supervisors of a graph's machines: what their clocks say, how nodes do, which have ended.

Each answers on its machine's port and asks the others once a second. Nothing that comes here is believed further than
it is shown.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack
import msgspec
import zmq

from handflow.messages import now_ns
from handflow.runtime.awake_clock import AwakeClock
from handflow.runtime.keys import Guard, Key, serve, visit
from handflow.runtime.topology import Machine

from .clock import KEPT_SAMPLES, ClockSample, Offset, exchanged
from .places import Holding
from .sockets import bind, harden

# Seconds between two questions to a machine, and between the first ones once it has been reached. Where another is to
# take its nodes over its silence must be noticed sooner.
ASK_S, ASK_OFTEN_S, FIRST_ASK_S = 1.0, 0.2, 0.1
FIRST_QUESTIONS = 8
# A machine that has not answered for so long is not reachable.
LOST_S = 3.0
MAX_ANSWER_BYTES = 1 << 20
VERSION = 1


@dataclass
class Peer:
    """What is known of another machine."""

    machine: Machine
    offset: Offset = field(default_factory=Offset)  # its stream clock less our monotonic clock
    awake: AwakeClock = field(default_factory=AwakeClock)
    heard: float = -1e9  # this and `due`: seconds by that clock
    answers: int = 0  # since it was reached
    run: int = 0  # of its supervisor
    graph: str = ""  # what it says it runs
    rows: list[Any] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    holding: Holding = field(default_factory=Holding)
    asked: int = 0  # monotonic ns: the question that waits for its answer
    due: float = 0.0

    def silent_s(self) -> float:
        """For how long it has said nothing; seconds."""
        return self.awake.now() - self.heard

    def reachable(self) -> bool:
        return self.silent_s() < LOST_S

    def clock(self) -> ClockSample | None:
        return self.offset.best(time.perf_counter_ns())


class PeerLink(threading.Thread):
    """Runs beside the supervisor's loop, so that an answer waits for nothing. `report` says what ours are report.

    `often`: the others are asked so often that one which has gone is noticed within two seconds.
    """

    def __init__(
        self,
        here: Machine,
        others: Sequence[Machine],
        graph: str,
        report: Callable[[], Mapping[str, Any]],
        key: Key | None = None,
        often: bool = False,
    ) -> None:
        super().__init__(daemon=True)
        self._ask_s = ASK_OFTEN_S if often else ASK_S
        kept = round(KEPT_SAMPLES * ASK_S / self._ask_s)
        self.peers = {machine.name: Peer(machine, Offset(kept)) for machine in others}
        self.asked_at: dict[str, float] = {}  # who asked last when, monotonic seconds
        self._here, self._graph, self._report = here, graph, report
        self._run_id = time.time_ns()
        self._done = threading.Event()
        self._context = zmq.Context()
        self._server = self._context.socket(zmq.ROUTER)
        harden(self._server)
        self._server.setsockopt(zmq.MAXMSGSIZE, 1024)
        self._server.setsockopt(zmq.LINGER, 0)
        self._key, self._guard = key, Guard(self._context, key) if key else None
        if key:
            serve(self._server, key)
        try:
            bind(self._server, f"tcp://{here.host}:{here.port}")
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        sockets = {name: self._connected(peer) for name, peer in self.peers.items()}
        poller = zmq.Poller()
        for socket in (self._server, *sockets.values()):
            poller.register(socket, zmq.POLLIN)
        while not self._done.is_set():
            ready = dict(poller.poll(50))
            if self._server in ready:
                self._answer()
            for name, socket in sockets.items():
                if socket in ready:
                    self._hear(self.peers[name], socket)
                self._ask(self.peers[name], socket)
        self._end()

    def _end(self) -> None:
        if self._guard is not None:
            self._guard.stop()
        self._context.destroy(linger=0)

    def _connected(self, peer: Peer) -> zmq.Socket:
        socket = self._context.socket(zmq.DEALER)
        harden(socket)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_ANSWER_BYTES)
        socket.setsockopt(zmq.SNDHWM, 2)
        if self._key:
            visit(socket, self._key)
        socket.setsockopt(zmq.IMMEDIATE, 1)  # a question asked while the link is cut must not be answered later
        socket.connect(f"tcp://{peer.machine.host}:{peer.machine.port}")
        return socket

    def _ask(self, peer: Peer, socket: zmq.Socket) -> None:
        now = peer.awake.now()
        if now < peer.due:
            return
        if not peer.reachable():
            peer.answers = 0
        peer.due = now + (FIRST_ASK_S if peer.answers < FIRST_QUESTIONS else self._ask_s)
        peer.asked = time.perf_counter_ns()
        try:
            socket.send(msgpack.packb([VERSION, self._here.name, peer.asked]), zmq.NOBLOCK)
        except zmq.Again:
            peer.asked = 0

    def _answer(self) -> None:
        """t1 and t2 are taken close to the socket: what lies between them costs no precision."""
        parts = self._server.recv_multipart()
        received = now_ns()
        try:
            _, name, asked = msgpack.unpackb(parts[-1])
            if len(parts) != 2 or not isinstance(asked, int) or not isinstance(name, str):
                return
            if name in self.peers:
                self.asked_at[name] = time.monotonic()
            report = {"v": VERSION, "run": self._run_id, "graph": self._graph, **self._report()}
            body = msgpack.packb(report)
            self._server.send_multipart([parts[0], body, msgpack.packb([asked, received, now_ns()])], zmq.NOBLOCK)
        except (ValueError, TypeError, msgpack.UnpackException, zmq.ZMQError):
            return  # nobody of ours

    def _hear(self, peer: Peer, socket: zmq.Socket) -> None:
        parts = socket.recv_multipart()
        arrived = time.perf_counter_ns()
        try:
            body, times = map(msgpack.unpackb, parts)
            asked, received, sent = map(int, times)
            run, graph = int(body["run"]), str(body["graph"])
            rows, ended = list(body["rows"]), [str(name) for name in body["ended"]]
            holding = msgspec.convert(body.get("holding", {}), Holding)
        except (ValueError, TypeError, KeyError, msgpack.UnpackException, msgspec.ValidationError):
            return
        if asked != peer.asked:  # the answer to a question that was given up
            return
        if run != peer.run:
            peer.offset.clear()
        peer.run, peer.graph, peer.rows, peer.ended, peer.holding = run, graph, rows, ended, holding
        peer.offset.add(exchanged(asked, received, sent, arrived))
        peer.heard = peer.awake.now()
        peer.answers += 1


def digest(graph: Mapping[str, Any]) -> str:
    """A graph's nodes, edges and machines as one word, for machines to see that they run the same."""
    return hashlib.sha1(json.dumps(graph, sort_keys=True).encode()).hexdigest()[:12]
