"""One node in a process of its own: what `handflow node NAME` runs, by hand or under the supervisor."""

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from types import FrameType

import msgpack
import zmq

from handflow.errors import GraphError, SetupError
from handflow.messages import Clock
from handflow.runtime.address import masked
from handflow.runtime.awake_clock import Countdown
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.stage import Stage
from handflow.runtime.interrupts import STOP_SIGNALS, importing, stop_this_process
from handflow.runtime.names import one_line
from handflow.runtime.node import Stopped
from handflow.runtime.profile import NodeStatus, Profile
from handflow.runtime.transport.rundir import RunDir
from handflow.runtime.transport.shared_memory import Rings

from .commands import WorkerCommands
from .processor import confine
from .service_manager import ServiceManager
from .worker import Worker, line_of

STATUS_S = 1.0
LAST_STATUS_MS = 200
STOP_S = 2.0  # the supervisor has gone: what has not stopped by then is ended
# A closed terminal ends the supervisor, which stops its nodes in order; under `nohup` nobody.
NODE_STOP_SIGNALS = [each for each in STOP_SIGNALS if each != getattr(signal, "SIGHUP", None)]
# What a process that gives way adds to its niceness: a third of the others' share where all want the processor.
NICENESS = 5
HUNG_S = 10  # silent, or at one message, for so long
FAILED_TO_START = 3  # the exit status that tells the supervisor so


class LineFormatter(logging.Formatter):
    """One line without passwords, whatever names and addresses are in it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return one_line(masked(super().formatMessage(record)))


def run_process(
    graph: Graph,
    name: str,
    supervised: bool = False,
    restarted: bool = False,
    standby: bool = False,
    spare: bool = False,
) -> int:
    """Runs the node until its input ends or a signal stops it; the exit status. GraphError.

    `standby`: beside the one that runs, to take over from it. `spare`: from one on another machine.
    """
    directory = RunDir(graph.file, graph.portable, graph.on)
    profile = Profile(name, os.getpid())
    context, rings = zmq.Context(), Rings(memory=directory.memory())
    commands, done, manager = WorkerCommands(), threading.Event(), ServiceManager()
    reporter = threading.Thread(target=_send_status, args=(context, directory, profile, done, manager), daemon=True)
    reporter.start()
    lines = logging.StreamHandler()
    lines.setFormatter(LineFormatter(f"{name}: %(message)s"))
    logging.basicConfig(handlers=[lines], level=logging.INFO, force=True)
    try:
        # Inside, for the supervisor may stop it at once, or may have stopped already.
        stop_by_signals()
        if supervised:
            threading.Thread(target=_follow_supervisor, args=(commands,), daemon=True).start()
        if name in graph.nodes:
            confine(graph.nodes[name].cores, graph.nodes[name].nice)
        stage = _stage(graph, name, standby)
        Clock.offset_ns = graph.clock_offset_ns or _running_clock(directory) or Clock.offset_ns
        if not (standby or spare) and directory.lock(name, wait_s=3 if supervised else 0) is None:
            pid = directory.holder(name)
            raise SetupError(f"node {name!r} of {graph.file} already runs (process {pid}); stop that one first")
        manager.ready()
        if not supervised and directory.running():
            threading.Thread(target=_attach, args=(context, directory, name, commands), daemon=True).start()
        if stage.node.gives_way and hasattr(os, "nice"):
            os.nice(NICENESS)
        worker = Worker(stage, graph, directory, context, rings, profile, commands)
        if standby or spare:
            worker.take_over(spare)
        else:
            worker.run(restarted)
        if not commands.leave:
            profile.state = "ended"
    except Stopped:
        pass
    except SetupError as error:
        logging.error("%s", error)
        return FAILED_TO_START if supervised else 1
    except GraphError:
        raise
    except Exception as error:  # of the node's own code: where, for whoever wrote it, and what, in one line
        traceback.print_exc()
        logging.error("%s", line_of(error))
        return 1
    finally:
        ignore_signals()
        manager.stopping()
        done.set()
        profile.urgent.set()
        reporter.join(0.5)
        manager.close()
        context.term()
        rings.close()  # what was sent last has been sent by now
    return 0


def _stage(graph: Graph, name: str, standby: bool) -> Stage:
    if name not in graph.nodes:
        raise SetupError(f"{graph.file} has no node {name!r}; it has {', '.join(graph.nodes)}")
    if graph.on in graph.places(name):
        graph.nodes[name].on = graph.on
    checked = graph.clock_offset_ns is not None and not standby  # by the supervisor that wrote this copy
    return resolve(graph, only=name if checked else None)[name]


def _running_clock(directory: RunDir) -> int | None:
    """A node started by hand beside a running graph shares its clock."""
    if not directory.running():
        return None
    return Graph.read_copy(directory.graph).clock_offset_ns


def stop_by_signals() -> None:
    """Signals to stop end this process by `Stopped`; while it imports, at once."""

    def stop(_: int, frame: FrameType | None) -> None:
        ignore_signals()
        if importing(frame):
            os._exit(0)
        raise Stopped

    for each in NODE_STOP_SIGNALS:
        signal.signal(each, stop)


def ignore_signals() -> None:
    """Once is enough: what stops must not be torn out of stopping."""
    for each in NODE_STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def _follow_supervisor(commands: WorkerCommands) -> None:
    """Reads the supervisor's lines. Its end, however it came, ends this process too: no orphan keeps a camera."""
    commands.read(sys.stdin)
    stop_this_process()
    wait = Countdown(STOP_S)
    while not wait.over():
        time.sleep(0.1)
    os._exit(1)


def _attach(context: zmq.Context, directory: RunDir, name: str, commands: WorkerCommands) -> None:
    """A node that was started beside a running graph takes commands from its supervisor; until the context ends."""
    with contextlib.suppress(zmq.ContextTerminated), context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        address = directory.control
        address.connect(socket)
        socket.send(address.prefix + json.dumps({"verb": "attach", "node": name, "pid": os.getpid()}).encode())
        commands.read(iter(socket.recv_string, ""))


def tell(manager: ServiceManager, status: NodeStatus) -> None:
    """What started this node hears that it lives, unless it hangs; only where a unit of its own did."""
    if status["busy_s"] <= HUNG_S:
        manager.alive(": ".join(filter(None, (status["state"], status["fault"] or status["note"]))))


def _send_status(
    context: zmq.Context, directory: RunDir, profile: Profile, done: threading.Event, manager: ServiceManager
) -> None:
    """Sends the status once a second, also while the node starts or hangs."""
    socket = context.socket(zmq.PUSH)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    address = directory.status
    address.connect(socket)
    due = 0.0
    found = False
    while True:
        # Each time this thread wakes for nothing costs as much as sending a frame.
        profile.urgent.wait(max(0.0, due - time.monotonic()) if found else 0.1)
        if done.is_set():
            if profile.trace is not None:
                # What was done last; the supervisor stays until all have ended.
                socket.setsockopt(zmq.LINGER, LAST_STATUS_MS)
                with contextlib.suppress(zmq.Again):
                    socket.send(msgpack.packb(profile.status()), zmq.NOBLOCK)
            break
        found = address.follow(socket)
        # A change of state is reported at once: the supervisor's table and its judgement of a crash rest on it.
        if time.monotonic() >= due or profile.urgent.is_set():
            profile.urgent.clear()
            due = time.monotonic() + STATUS_S
            status = profile.status()
            tell(manager, status)
            with contextlib.suppress(zmq.Again):
                socket.send(msgpack.packb(status), zmq.NOBLOCK)
            profile.reported.set()
    socket.close()
