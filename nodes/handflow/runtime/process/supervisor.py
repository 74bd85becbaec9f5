"""Starts every process of a graph and watches over them: a table and a loop. Holds no picture and no model."""

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping

import msgspec
import zmq

from handflow.errors import RunError
from handflow.messages import Clock, now_ns
from handflow.runtime.awake_clock import Countdown
from handflow.runtime.backoff import pause_s
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.stage import Stage
from handflow.runtime.interrupts import STOP_SIGNALS
from handflow.runtime.node import Stopped
from handflow.runtime.process.changes.graph_watch import GraphWatch
from handflow.runtime.process.tracing.trace_file import TraceFile
from handflow.runtime.profile import NodeStatus
from handflow.runtime.refusal import allow_open_files, line_of_refusal
from handflow.runtime.remote.peers import Peers

from .child import Child
from .control_server import MAX_BYTES, ControlServer
from .health import NodeFault
from .line_log import LineLog
from .process import FAILED_TO_START, HUNG_S
from .running_graph import UNANSWERED, RunningGraph
from .service_manager import ServiceManager
from .status_table import EMPTY_ROW, Row, line, row
from .swap import Swaps
from .takeover import Takeover

PAUSES_S = (0.1, 0.5, 1, 2, 5, 10)  # before a restart, growing while the node keeps dying
HEALTHY_S = 30  # a node that ran so long starts again with the shortest pause
LOADING_S = 90  # silent since its process began: a slow or busy machine loads libraries and a network for a minute
KILL_S = 2  # what has not stopped by then is killed
LOOP_MS = 100
REFUSED_EVERY_S = 10.0  # it is said no more often that messages were refused
ROWS_S = 0.5
OPEN_FILES, OPEN_FILES_A_NODE = 64, 4  # twice what was counted; the first is what a node's process needs as well
FAULTS = "faults"  # the command of nodes that pass on what is wrong


class Supervisor:
    """Runs a checked graph. `say` is given each line for the user, `show` the table once a second.

    `reread` reads the graph's file again: it is followed then. `trace` is given what the nodes do.
    """

    def __init__(
        self,
        graph: Graph,
        stages: Mapping[str, Stage],
        say: Callable[[str], None],
        show: Callable[[list[Row]], None],
        reread: Callable[[], Graph] | None = None,
        trace: TraceFile | None = None,
    ) -> None:
        lines = LineLog()
        say = lines.remembering(say)
        self.graph, self.say, self.show = graph, say, show
        self.running = RunningGraph(graph, stages, say)
        self.swaps = Swaps(self.running)
        self.control = ControlServer(self.running, self.swaps, self.rows, lines, trace)
        self.watch = GraphWatch(self.running, self.control.settings, self.swaps, reread) if reread else None
        self.takeover: Takeover | None = None  # where other machines take nodes over
        self._own: list[Row] = []
        self._rows_at = -ROWS_S
        self._refused_said, self._refused_at = 0, -REFUSED_EVERY_S

    def run(self, for_s: float | None = None, opened: Callable[[], None] = lambda: None) -> None:
        """Until all nodes have ended, `for_s` is over or a signal comes. `opened` is called once it answers requests.

        RunError.
        """
        running = self.running
        allow_open_files(OPEN_FILES + OPEN_FILES_A_NODE * len(running.children))
        lock = running.directory.hold()
        if lock is None:
            pid = running.directory.holder()
            raise RunError(f"{self.graph.file} already runs (process {pid}); stop that one first")
        self.graph.clock_offset_ns, self.graph.began_ns = Clock.offset_ns, now_ns()
        running.write()
        context = zmq.Context()
        self.manager = ServiceManager()
        with signals_stop() as self._stop_asked:
            try:
                # Before what may be refused: the end reads what these sockets still hold.
                self._open(context)
                if self.graph.machines:
                    running.peers = Peers(self.graph, running.stages, self.say)
                    self.takeover = Takeover(running, running.peers) if running.peers.moving else None
                opened()
                self.manager.ready()
                self._loop(for_s)
            except Stopped:
                pass
            finally:
                ignore_stop_signals()
                self.manager.stopping()
                if self.takeover:
                    self.takeover.leave()
                self._stop()
                if running.peers:
                    running.peers.close()
                context.destroy(linger=0)
                self.manager.close()
                lock.release()

    def rows(self) -> list[Row]:
        """The table: a row per node, as `top --json` has it."""
        rows = self._own_rows()
        return self.running.peers.rows(rows, EMPTY_ROW) if self.running.peers else rows

    def _own_rows(self) -> list[Row]:
        """Made anew twice a second at most: the processor's share is what was used since the last time."""
        now = self.running.clock.now()
        if now - self._rows_at > ROWS_S:
            successors = {name: swap.new.state() for name, swap in self.swaps.under_way.items()}
            self._own = [row(child, successors.get(name, "")) for name, child in self.running.children.items()]
            self._rows_at = now
        return self._own

    def _open(self, context: zmq.Context) -> None:
        """Binds the sockets for requests and for the nodes' statuses."""
        directory = self.running.directory
        control, self.statuses = context.socket(zmq.ROUTER), context.socket(zmq.PULL)
        for socket, address in ((control, directory.control), (self.statuses, directory.status)):
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
            address.bind(socket)
        self.control.open(control, directory.control.prefix)

    def _loop(self, for_s: float | None) -> None:
        children, control, statuses = self.running.children, self.control.socket, self.statuses
        poller = zmq.Poller()
        poller.register(control, zmq.POLLIN)
        poller.register(statuses, zmq.POLLIN)
        clock = self.running.clock
        started = shown = clock.now()
        while not all(child.ended for child in children.values()):
            now = clock.now()
            if self._stop_asked.is_set() or (for_s is not None and now - started >= for_s):
                return
            for name, child in children.items():
                if not (self.swaps.holds(name) or (self.takeover and self.takeover.holds(name))):
                    self._tend(child, now)
            if self.takeover:
                self.takeover.step(now)
            if now - shown >= 1:
                shown = now
                self._every_second(now)
            ready = dict(poller.poll(LOOP_MS))
            if statuses in ready:
                self._receive_statuses()
            if control in ready:
                self.control.receive()
            self.swaps.step(now)
            self.control.expire(now)
            if self.watch:
                self.watch.step(now)
            for child in children.values():
                self.running.relay(child)
        if self.running.peers:
            self._exchange_with_peers()
            self.running.peers.wait_reported()

    def _every_second(self, now: float) -> None:
        refused = self.control.refused - self._refused_said
        if refused and now - self._refused_at > REFUSED_EVERY_S:
            self.say(f"refused {refused} messages to the supervisor that no process of this graph sends")
            self._refused_said, self._refused_at = self.control.refused, now
        rows = self.rows()
        self.control.health.update(rows)
        self._tell_of_faults()
        self.show(rows)
        self.manager.alive(line(rows))
        if self.running.peers:
            self._exchange_with_peers()

    def _tell_of_faults(self) -> None:
        """Tells the nodes that pass it on: those with a command `faults`."""
        faults = [[fault["node"], fault["text"]] for fault in self.control.health.faults]
        for child in self.running.children.values():
            takes = child.status is not None and FAULTS in child.status["commands"]
            if takes and child.retained.get(FAULTS, []) != faults:
                child.retained[FAULTS] = faults
                child.send({"call": [UNANSWERED, FAULTS, faults]})

    def _exchange_with_peers(self) -> None:
        """Tells the other machines of our nodes, and our nodes of what feeds them from there."""
        assert self.running.peers is not None
        children = self.running.children
        self.running.peers.report(self._own_rows(), [name for name, child in children.items() if child.ended])
        for child in children.values():
            self.running.send_news_of_peers(child)

    def _tend(self, child: Child, now: float) -> None:
        """Starts, restarts or gives up one node."""
        if child.ended:
            return
        if child.process is None:
            if now >= child.start_at:
                self._start(child, now)
            return
        code = child.process.poll()
        if code is None:
            self._kill_if_hung(child, now)
            return
        self.running.reap(child)
        if code == 0 and not (self.takeover and self.takeover.is_spare(child)):
            self.running.end(child)
            return
        # What other machines can take over ends no run here.
        if code == FAILED_TO_START and not child.ran and not self.graph.nodes[child.name].places:
            raise RunError("")  # the node has said why
        why = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"failed ({child.last_line or code})"
        if self.graph.exact:
            raise RunError(f"{child.name} {why}; an exact run ends here, since its results would differ")
        if now - child.started_at > HEALTHY_S:
            child.failures = 0
        self._restart_later(child, now, why)

    def _start(self, child: Child, now: float) -> None:
        """What the system refuses now it may allow later: only a first start that fails ends the run."""
        spare = ["--spare"] if self.takeover and self.takeover.is_spare(child) else []
        try:
            self.running.start(child, flags=spare)
        except OSError as error:
            if not child.ran:
                raise RunError(f"{child.name} cannot be started: {line_of_refusal(error)}") from error
            self._restart_later(child, now, f"cannot be started: {line_of_refusal(error)}")

    def _restart_later(self, child: Child, now: float, why: str) -> None:
        pause = pause_s(PAUSES_S, child.failures)
        child.failures += 1
        child.restarts += 1
        child.start_at = now + pause
        said = f"{child.name} {why}; restart {child.restarts} in {pause:g} s"
        self.control.health.note(NodeFault(node=child.name, kind="ended", text=said), pause)
        self.say(said)

    def _kill_if_hung(self, child: Child, now: float) -> None:
        """Its end is then dealt with like any other."""
        busy = child.status["busy_s"] if child.status else 0.0
        why = f"has been at one message for {busy:.0f} s" if busy > HUNG_S else ""
        if now - child.status_at > (HUNG_S if child.status else LOADING_S):
            why = f"has been silent for {now - child.status_at:.0f} s"
        if why:
            self.say(f"{child.name} {why}; killing it")
            child.kill()

    def _receive_statuses(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                data = self.statuses.recv(zmq.NOBLOCK)
                try:
                    self._receive_status(msgspec.msgpack.decode(data, type=NodeStatus))
                except (msgspec.DecodeError, RecursionError):
                    self.control.refused += 1

    def _receive_status(self, status: NodeStatus) -> None:
        sender = (status["node"], status["pid"])
        if status["trace"]:
            self.control.traces.take(status["node"], status["trace"])
        for each in self.running.participants():
            if (each.name, each.pid) != sender:
                continue
            each.status = status
            if isinstance(each, Child):
                each.status_at = self.running.clock.now()
                # A source may find only in its work that there is nothing to read, or no room for what it has read.
                worked = bool(each.stage.edges) or status["fps_out"] > 0
                each.ran |= worked and each.running and status["state"] == "running"
                each.running = status["state"] == "running"
            for number, answer, error in status["answers"]:
                self.control.answered(each, number, answer, error)

    def _stop(self) -> None:
        processes = self.running.processes()
        for child in processes:
            child.ask_to_stop(by_signal=not self.graph.portable)
        wait = Countdown(KILL_S)
        for child in processes:
            assert child.process is not None
            while child.alive() and not wait.over():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(LOOP_MS / 1000)
            if child.alive():
                self.say(f"{child.name} did not stop in {KILL_S} s; killing it")
                child.process.kill()
            self.running.reap(child)
        # What they have told last, for a trace.
        self._receive_statuses()


@contextlib.contextmanager
def signals_stop() -> Iterator[threading.Event]:
    """The event is set by the first SIGINT, SIGTERM or closed terminal. A second one raises Stopped in the block.

    The first one raises nothing: an exception out of nowhere can leave a lock taken, of `subprocess` for one, that the
    end waits for then. The second one is for a block that is stuck, in a print to somebody who does not read.
    Under `nohup` a closed terminal stops nothing.
    """
    asked = threading.Event()

    def stop(*_: object) -> None:
        if asked.is_set():
            ignore_stop_signals()
            raise Stopped
        asked.set()

    deaf = {signal.SIGHUP} if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()
    before = {each: signal.signal(each, stop) for each in STOP_SIGNALS if each not in deaf}
    try:
        yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def ignore_stop_signals() -> None:
    """What stops must not be disturbed in stopping."""
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
