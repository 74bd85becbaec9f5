"""One node in a process of its own: what `handflow node NAME` runs, by hand or under the supervisor."""

import _thread
import contextlib
import gc
import json
import logging
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import msgpack
import zmq

from ..messages import Clock
from .far import FarOutbox
from .graph import Graph, GraphError, Stage, resolve
from .inbox import Inbox
from .node import Inputs, Node, SetupError, Stopped, run_node
from .orders import Orders, change
from .outbox import Outbox
from .profile import Profile
from .ring import Rings
from .rundir import RunDir

LISTENERS_S = 3.0  # how long a starting node holds its first message back for those that listen to it
READERS_S = 60.0  # and for those that must read every message
AGAIN_S = 1.0  # the same when it was started again: it must not hold up the others
STATUS_S = 1.0
FAILED_TO_START = 3  # the exit status that tells the supervisor so


def run_process(graph: Graph, name: str, supervised: bool = False, restarted: bool = False) -> int:
    """Runs the node until its input ends or a signal stops it; the exit status. GraphError."""
    _stop_by_signals()
    directory = RunDir(graph.file, graph.portable, graph.on)
    profile = Profile(name, os.getpid())
    context, rings = zmq.Context(), Rings(memory=directory.memory())
    orders, done = Orders(), threading.Event()
    teller = threading.Thread(target=_tell, args=(context, directory, profile, done), daemon=True)
    teller.start()
    logging.basicConfig(format=f"{name}: %(message)s", level=logging.INFO, force=True)
    try:
        if supervised:  # inside, for the supervisor may have stopped already
            threading.Thread(target=_obey, args=(orders,), daemon=True).start()
        stage = _stage(graph, name)
        Clock.offset_ns = graph.clock_offset_ns or _running_clock(directory) or Clock.offset_ns
        if directory.lock(name, wait_s=3 if supervised else 0) is None:
            raise SetupError(f"node {name!r} of {graph.file} already runs (process {directory.holder(name)})")
        _run(stage, graph, directory, context, rings, profile, orders, restarted)
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
        logging.error("%s", _line(error))
        return 1
    finally:
        _ignore_signals()
        done.set()
        profile.news.set()
        teller.join(0.5)
        context.term()
        rings.close()  # what was sent last has been sent by now
    return 0


def _run(
    stage: Stage,
    graph: Graph,
    directory: RunDir,
    context: zmq.Context,
    rings: Rings,
    profile: Profile,
    orders: Orders,
    restarted: bool,
) -> None:
    log = logging.getLogger(stage.name)
    node = stage.node(**stage.settings)
    node.log, node.exact = log, graph.exact
    node.empty, node.graph = rings.empty, graph.plain()
    kept = directory.kept(stage.name)
    with contextlib.suppress(FileNotFoundError):
        node.kept.update(msgpack.unpackb(kept.read_bytes()))
    with contextlib.ExitStack() as open_:
        near = Outbox(context, directory.address(stage.name), rings, profile, log.warning, graph.exact)
        open_.callback(near.close)
        outbox: Outbox | FarOutbox = near
        if stage.crossings:
            outbox = FarOutbox(context, near, stage.crossings)
            open_.callback(outbox.close)
        _start(node)
        open_.callback(node.stop)
        gc.collect()
        gc.freeze()  # modules and models are here to stay: looking through them again would cost milliseconds
        inbox = None
        if stage.edges:
            unwired = set(stage.what.inputs) - {edge.argument for edge in stage.edges}
            inbox = Inbox(
                context, stage.name, stage.edges, unwired, directory.address, rings, profile, orders.ended, log.warning
            )
            open_.callback(inbox.close)

        def inputs() -> Iterator[Inputs | None]:
            beside = [name for name in stage.listeners if graph.entries[name].on == stage.on]
            look = inbox.look if inbox is not None else lambda: None
            if graph.exact:
                outbox.wait_for_readers(stage.readers, math.inf, look)
            else:
                outbox.wait_for_readers(stage.readers, AGAIN_S if restarted else READERS_S, look)
                outbox.wait_for(len(beside), 0 if restarted else LISTENERS_S)
            profile.state = "running"
            if inbox is not None:
                yield from inbox
            while inbox is None and again:  # a source ends when its process does, unless it was started anew
                again.clear()
                yield Inputs({})

        again = [True]

        def turn() -> bool:
            """Between two messages."""
            while orders.changes:
                number, key, value = orders.changes.popleft()
                try:
                    if change(node, stage.what, key, value):
                        again.append(True)
                    profile.answer(number)
                except SetupError as error:
                    profile.answer(number, str(error))
                    again.append(True)
            return bool(again)

        run_node(node, stage.name, inputs(), outbox, profile, lambda values: _remember(kept, values), turn)
        outbox.drain()


def _stage(graph: Graph, name: str) -> Stage:
    if name not in graph.entries:
        raise SetupError(f"{graph.file} has no node {name!r}; it has {', '.join(graph.entries)}")
    checked = graph.clock_offset_ns is not None  # by the supervisor that wrote this copy
    return resolve(graph, only=name if checked else None)[name]


def _start(node: Node) -> None:
    """Starts the node; whatever it cannot get (a file, a port, a device) is one line."""
    try:
        node.start()
    except SetupError:
        raise
    except Exception as error:
        if not isinstance(error, OSError | zmq.ZMQError | ImportError):
            traceback.print_exc()
        raise SetupError(_line(error)) from error


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _remember(file: Path, values: dict[str, object]) -> None:
    """Written beside and renamed: a kill in the middle leaves what was there."""
    part = file.with_suffix(".part")
    part.write_bytes(msgpack.packb(values))
    part.replace(file)


def _running_clock(directory: RunDir) -> int | None:
    """A node started by hand beside a running graph shares its clock."""
    if not directory.running():
        return None
    return json.loads(directory.graph.read_text("utf-8"))["clock_offset_ns"]


def _stop_by_signals() -> None:
    def stop(*_: object) -> None:
        _ignore_signals()
        raise Stopped

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


def _ignore_signals() -> None:
    """Once is enough: what stops must not be torn out of stopping."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)


def _obey(orders: Orders) -> None:
    """Reads the supervisor's lines. Its end, however it came, ends this process too: no orphan keeps a camera."""
    orders.read(sys.stdin)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # also out of a wait
    else:
        _thread.interrupt_main(signal.SIGINT)  # Windows: the one signal that ends a sleep
    time.sleep(2)
    os._exit(1)


def _tell(context: zmq.Context, directory: RunDir, profile: Profile, done: threading.Event) -> None:
    """Sends the status once a second, also while the node starts or hangs."""
    socket = context.socket(zmq.PUSH)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    address = directory.status
    address.connect(socket)
    told = ""
    due = 0.0
    while True:
        profile.news.wait(0.1)
        if done.is_set():
            break
        address.follow(socket)
        # A change of state is told at once: the supervisor's table and its judgement of a crash rest on it.
        if time.monotonic() >= due or told != profile.state or profile.news.is_set():
            profile.news.clear()
            due, told = time.monotonic() + STATUS_S, profile.state
            with contextlib.suppress(zmq.Again):
                socket.send(msgpack.packb(profile.status()), zmq.NOBLOCK)
    socket.close()
