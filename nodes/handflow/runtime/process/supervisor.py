"""Starts every process of a graph and watches over them: a table and a loop. Holds no picture and no model."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
import psutil
import zmq

from handflow.errors import RunError
from handflow.messages import Clock
from handflow.runtime.graph.graph import Graph, Stage, write
from handflow.runtime.node import Stopped
from handflow.runtime.profile import NodeStatus
from handflow.runtime.remote.peers import Peers
from handflow.runtime.transport.rundir import RunDir

from .control_server import MAX_BYTES, Desk
from .process import FAILED_TO_START
from .swap import Swaps

PAUSES_S = (0.1, 0.5, 1, 2, 5, 10)  # before a restart, growing while the node keeps dying
HEALTHY_S = 30  # a node that ran so long starts again with the shortest pause
LATE_S = 10  # silent, or at one message, for so long: hung
KILL_S = 2  # what has not stopped by then is killed
LOOP_MS = 100
TELL_S = 10.0  # the same thing is said no more often
ROWS_S = 0.5
LINES = 1000  # of a node's stderr that may wait to be said; a node that writes more waits for us

Row = dict[str, Any]  # one line of `top`


@dataclass
class Child:
    """One node's process."""

    stage: Stage
    process: subprocess.Popen[bytes] | None = None
    watched: psutil.Process | None = None
    status: NodeStatus | None = None
    heard: float = 0.0  # monotonic seconds
    started: float = 0.0
    restarts: int = 0
    pauses: int = 0  # into PAUSES_S
    due: float = 0.0  # when it is to be started
    runs: bool = False  # says that it does
    ran: bool = False  # has got through its start once
    ended: bool = False
    lines: queue.Queue[bytes] = field(default_factory=lambda: queue.Queue(LINES))  # of its stderr
    reader: threading.Thread | None = None  # of its stderr: only sockets can be polled on every system
    last: str = ""  # line of its stderr
    told: set[str] = field(default_factory=set)  # nodes of other machines that it knows to have ended
    swaps: int = 0  # how often another process has taken over

    def begin(self) -> None:
        """Forgets the process before: one is to be started."""
        self.process = self.watched = self.reader = self.status = None
        self.lines, self.told, self.last = queue.Queue(LINES), set(), ""
        self.ran = self.runs = False

    def state(self) -> str:
        """What its process last said of itself."""
        return self.status["state"] if self.status else "starting"


class Supervisor:
    """Runs a checked graph. `say` is given each line for the user, `show` the table once a second."""

    def __init__(
        self,
        graph: Graph,
        stages: Mapping[str, Stage],
        say: Callable[[str], None],
        show: Callable[[list[Row]], None],
    ) -> None:
        self.graph, self.say, self.show = graph, say, show
        self.directory = RunDir(graph.file, graph.portable, graph.on)
        self.stages = stages  # of the whole graph; those of other machines are theirs to run
        self.children = {name: Child(stage) for name, stage in stages.items() if stage.on == graph.on}
        self.swaps = Swaps(self)
        self.peers: Peers | None = None
        self._own: list[Row] = []
        self._rowed = -ROWS_S

    def run(self, for_s: float | None = None) -> None:
        """Until all nodes have ended, `for_s` is over or a signal comes. RunError."""
        lock = self.directory.hold()
        if lock is None:
            raise RunError(f"{self.graph.file} already runs (process {(self.directory.path / 'pid').read_text()})")
        self.graph.clock_offset_ns = Clock.offset_ns
        self.write()
        context = zmq.Context()
        with _signals_stop():
            try:
                if self.graph.machines:
                    self.peers = Peers(self.graph, self.stages, self.say)
                self._loop(context, for_s)
            except Stopped:
                pass
            finally:
                self._stop()
                if self.peers:
                    self.peers.close()
                context.destroy(linger=0)
                lock.release()

    def write(self) -> None:
        """Writes the copy of the graph that its processes read when they start."""
        write(self.graph, self.stages, self.directory.graph)

    def rows(self) -> list[Row]:
        """The table: a row per node, as `top --json` has it."""
        rows = self._own_rows()
        return self.peers.rows(rows, NO_ROW) if self.peers else rows

    def _own_rows(self) -> list[Row]:
        """Made anew twice a second at most: the processor's share is what was used since the last time."""
        if time.monotonic() - self._rowed > ROWS_S:
            self._own, self._rowed = self._made_rows(), time.monotonic()
        return self._own

    def _made_rows(self) -> list[Row]:
        coming = {name: swap.new.state() for name, swap in self.swaps.under_way.items()}
        return [_row(child, coming.get(name, "")) for name, child in self.children.items()]

    def _loop(self, context: zmq.Context, for_s: float | None) -> None:
        control, statuses = context.socket(zmq.ROUTER), context.socket(zmq.PULL)
        for socket, address in ((control, self.directory.control), (statuses, self.directory.status)):
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
            address.bind(socket)
        desk = self.desk = Desk(self, control, self.directory.control.prefix)
        started = shown = time.monotonic()
        told, told_s = 0, -TELL_S
        while not all(child.ended for child in self.children.values()):
            now = time.monotonic()
            if for_s is not None and now - started >= for_s:
                return
            for name, child in self.children.items():
                if name not in self.swaps.under_way or self.swaps.under_way[name].phase == "loading":
                    self._tend(child, now)
            if now - shown >= 1:
                shown = now
                if desk.refused > told and now - told_s > TELL_S:
                    self.say(
                        f"{desk.refused - told} messages to the supervisor were refused: nobody of ours sends such"
                    )
                    told, told_s = desk.refused, now
                self.show(self.rows())
                if self.peers:
                    self._exchange()
            poller = zmq.Poller()
            poller.register(control, zmq.POLLIN)
            poller.register(statuses, zmq.POLLIN)
            ready = dict(poller.poll(LOOP_MS))
            if statuses in ready:
                self._hear(statuses)
            if control in ready:
                desk.hear()
            self.swaps.tend(time.monotonic())
            desk.tend(now)
            for child in self.children.values():
                self.relay(child)
        if self.peers:
            self._exchange()
            self.peers.wait_told()

    def _exchange(self) -> None:
        """Once a second: tells the other machines of our nodes, and our nodes of what they feed them."""
        assert self.peers is not None
        self.peers.tell(self._own_rows(), [name for name, child in self.children.items() if child.ended])
        for child in self.children.values():
            self._tell_of_peers(child)

    def _tell_of_peers(self, child: Child) -> None:
        if self.peers is None:
            return
        if (clock := self.peers.clock(child.stage.name)) is not None:
            self.order(child, {"clock": clock})
        for name in self.peers.ended() & {edge.node for edge in child.stage.edges} - child.told:
            child.told.add(name)
            self.order(child, {"ended": name})

    def _tend(self, child: Child, now: float) -> None:
        """Starts, restarts or gives up one node."""
        if child.ended:
            return
        if child.process is None:
            if now >= child.due:
                self.start(child, now)
            return
        code = child.process.poll()
        if code is None:
            self._judge(child, now)
            return
        self.reap(child)
        name = child.stage.name
        if code == 0:
            child.ended = True
            for other in (*self.children.values(), *self.swaps.processes()):
                if any(edge.node == name for edge in other.stage.edges):
                    self.order(other, {"ended": name})
            return
        if code == FAILED_TO_START and not child.ran:
            raise RunError("")  # the node has said why
        if now - child.started > HEALTHY_S:
            child.pauses = 0
        why = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"failed ({child.last or code})"
        if self.graph.exact:
            raise RunError(f"{name} {why}: this run cannot be exact any more")
        pause = PAUSES_S[min(child.pauses, len(PAUSES_S) - 1)]
        child.pauses += 1
        child.restarts += 1
        child.due = now + pause
        self.say(f"{name} {why}; restart {child.restarts} in {pause:g} s")

    def start(self, child: Child, now: float, graph: Path | None = None, flags: Sequence[str] = ()) -> None:
        """Starts a node's process, of the running graph or of another copy of it."""
        command = [sys.executable, "-m", "handflow", "node", child.stage.name, "--supervised", *flags]
        command += ["--graph", str(graph or self.directory.graph)] + ["--restarted"] * bool(child.restarts)
        # A session (Windows: a group) of its own: Ctrl-C in the terminal reaches the supervisor alone, which then stops
        # all in order.
        child.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        child.reader = threading.Thread(target=_read, args=(child.process.stderr, child.lines), daemon=True)
        child.reader.start()
        child.watched = psutil.Process(child.process.pid)
        child.started = child.heard = now
        child.status, child.last, child.runs = None, "", False
        child.told.clear()
        self._tell_of_peers(child)
        for producer in {edge.node for edge in child.stage.edges} & self.children.keys():
            if self.children[producer].ended:
                self.order(child, {"ended": producer})

    def _judge(self, child: Child, now: float) -> None:
        """Kills a node that hangs; its end is then dealt with like any other."""
        busy = child.status["busy_s"] if child.status else 0.0
        why = f"has been at one message for {busy:.0f} s" if busy > LATE_S else ""
        if now - child.heard > LATE_S:
            why = f"has been silent for {now - child.heard:.0f} s"
        if why and child.process:
            self.say(f"{child.stage.name} {why}; killing it")
            child.process.kill()
            child.process.wait()

    def _at(self, node: str, pid: int) -> list[Child]:
        """The child that this process is of; none: it is nobody of ours any more."""
        known = [child for child in (self.children.get(node), *self.swaps.processes()) if child]
        return [child for child in known if child.process and child.process.pid == pid]

    def order(self, child: Child, order: dict[str, Any]) -> None:
        """Tells a node something (orders.py)."""
        if child.process and child.process.stdin:
            with contextlib.suppress(OSError):
                child.process.stdin.write(json.dumps(order).encode() + b"\n")
                child.process.stdin.flush()

    def _hear(self, statuses: zmq.Socket) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                data = statuses.recv(zmq.NOBLOCK)
                try:
                    status = msgspec.msgpack.decode(data, type=NodeStatus)
                except (msgspec.DecodeError, RecursionError):
                    self.desk.refused += 1
                    continue
                for child in self._at(status["node"], status["pid"]):
                    child.status, child.heard = status, time.monotonic()
                    # Twice, a second apart: a source may find only in its work that there is nothing to read.
                    child.ran |= child.runs and status["state"] == "running"
                    child.runs = status["state"] == "running"
                    for number, wrong in status["answers"]:
                        self.desk.done(child, number, wrong)

    def relay(self, child: Child) -> None:
        """Passes on the lines that the node wrote to stderr."""
        with contextlib.suppress(queue.Empty):
            while True:
                text = child.lines.get_nowait().decode(errors="replace").rstrip("\r\n")
                child.last = text.removeprefix(f"{child.stage.name}: ")
                self.say(text)

    def reap(self, child: Child) -> None:
        """Lets go of a process that has ended, once its last words are said."""
        if child.process:
            child.process.wait()
            if child.process.stdin:
                with contextlib.suppress(OSError):  # what it has not read is lost with it
                    child.process.stdin.close()
            while child.reader and child.reader.is_alive():
                child.reader.join(0.2)
                waiting = not child.lines.empty()
                self.relay(child)
                if not waiting:
                    break  # a process that it started holds the pipe; the thread ends with that
            self.relay(child)
            child.process = None

    def _stop(self) -> None:
        running = [child for child in (*self.children.values(), *self.swaps.processes()) if child.process]
        for child in running:
            assert child.process is not None
            if self.graph.portable and child.process.stdin:
                with contextlib.suppress(OSError):
                    child.process.stdin.close()  # Windows' terminate would leave it no time to say goodbye
            else:
                child.process.terminate()
        deadline = time.monotonic() + KILL_S
        for child in running:
            assert child.process is not None
            try:
                child.process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"{child.stage.name} did not stop in {KILL_S} s; killing it")
                child.process.kill()
            self.reap(child)


def _read(pipe: IO[bytes], lines: "queue.Queue[bytes]") -> None:
    with pipe:
        for line in pipe:
            lines.put(line)


NOTHING = {"p50": 0.0, "p99": 0.0}
NO_ROW: Row = {
    "node": "",
    "pid": None,
    "state": "starting",
    "fps_in": 0.0,
    "fps_out": 0.0,
    "work_ms": NOTHING,
    "age_ms": NOTHING,
    "skipped": 0,
    "lost": 0,
    "refused": 0,
    "restarts": 0,
    "swaps": 0,
    "next": "",  # how far the process is that is to take over
    "note": "",
    "cpu_percent": 0.0,
    "rss_mb": 0.0,
}


def _row(child: Child, coming: str) -> Row:
    status: Mapping[str, Any] = child.status or {}
    cpu = rss = 0.0
    if child.process and child.watched:
        with contextlib.suppress(psutil.Error):
            cpu, rss = child.watched.cpu_percent(), child.watched.memory_info().rss / 2**20
    state = "ended" if child.ended else status.get("state", "starting") if child.process else "restarting"
    return {
        **NO_ROW,
        **{key: status[key] for key in NO_ROW.keys() & status.keys()},
        "node": child.stage.name,
        "pid": child.process.pid if child.process else None,
        "state": state,
        "restarts": child.restarts,
        "swaps": child.swaps,
        "next": coming,
        "cpu_percent": round(cpu, 1),
        "rss_mb": round(rss, 1),
    }


@contextlib.contextmanager
def _signals_stop() -> Iterator[None]:
    """The first SIGINT, SIGTERM or closed terminal raises Stopped in the block; what follows cannot disturb the end."""

    def stop(*_: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    kinds = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.signal(each, stop) for each in kinds}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
