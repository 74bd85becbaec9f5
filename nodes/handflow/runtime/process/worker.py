"""A node's life in its process: it is connected, started, driven, changed, and replaced by the next process.

A swap starts the next process of a node beside the one that works. It loads and starts, listens, and binds nothing; the
one that works finishes a message, unbinds and says so; the next goes on with the message after that one.
"""

import contextlib
import functools
import gc
import logging
import math
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import msgspec
import zmq

from handflow.errors import Refused, SetupError
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import edges_as_placed
from handflow.runtime.graph.stage import Stage
from handflow.runtime.node import Call, run_node
from handflow.runtime.profile import Profile
from handflow.runtime.refusal import REFUSALS, line_of_refusal, remedy
from handflow.runtime.remote.edge import RemotePublisher, subscribe_remote
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.rundir import RunDir
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.subscriber import Subscription, subscribe
from handflow.runtime.transport.wire import Edge

from .commands import NodeCommand, SettingChange, TraceCommand, WorkerCommands, change, run_command

# How long a starting node holds its first message back for those that listen to it, and for those of them that must
# read every message. One that was started again must not hold up the others. When one takes over, ZeroMQ finds it in
# 10 to 20 ms, and nothing is lost meanwhile.
LISTENERS_S = 3.0
READERS_S = 60.0
READERS_AFTER_RESTART_S = 1.0
LISTENERS_AFTER_SWAP_S = 0.15
STANDBY_POLL_S = 0.002
LEAVE_S = 3.0


class Worker:
    """One node and what the runtime lends it."""

    def __init__(
        self,
        stage: Stage,
        graph: Graph,
        directory: RunDir,
        context: zmq.Context,
        rings: Rings,
        profile: Profile,
        commands: WorkerCommands,
        poller: Callable[[], zmq.Poller] = zmq.Poller,
    ) -> None:
        """`context` and `poller` are ZeroMQ's, or do in their place what the transport asks of them."""
        self.stage, self.graph, self.directory = stage, graph, directory
        self.context, self.rings, self.profile, self.commands = context, rings, profile, commands
        self.poller = poller
        self.log = logging.getLogger(stage.name)
        self.node = stage.node(**stage.settings)
        self.node.log, self.node.exact = self.log, graph.exact
        self.node.empty, self.node.graph = rings.empty, graph.plain()
        self.inputs: Inputs | None = None
        self._started = False
        self._stored: dict[str, object] = {}
        self._store_failed = False
        self._again = True  # a source's process is called (again)
        self._open = contextlib.ExitStack()

    def run(self, restarted: bool) -> None:
        """Until the input has ended, or another process takes over."""
        with self._open:
            self._restore()
            local, publisher = self._publishers()
            self._start()
            self.inputs = self._open_inputs()
            self._drive(
                local, publisher, 0 if restarted else LISTENERS_S, READERS_AFTER_RESTART_S if restarted else READERS_S
            )

    def take_over(self, spare: bool = False) -> None:
        """Starts beside the process that works, and goes on when that has left.

        `spare`: that one is on another machine, whose messages are not to be sent here too meanwhile.
        """
        with self._open:
            # A source or a sink may hold what only one process can hold: a camera, a port. Others can start before.
            exclusive = not (self.stage.edges and self.stage.declaration.output)
            if not exclusive:
                self._start()
            self.inputs = None if spare else self._open_inputs()
            self.profile.enter("standby")
            while not self.commands.go.wait(0 if self.inputs else 1):
                if self.inputs is not None:
                    self.inputs.pass_by(STANDBY_POLL_S)
            if self.directory.lock(self.stage.name, LEAVE_S) is None:
                raise SetupError(f"expected the old process to end within {LEAVE_S:g} s; it still runs")
            self._restore()
            local, publisher = self._publishers()
            if exclusive:
                self._start()
            if spare:
                self._moved()
                self.inputs = self._open_inputs()
            elif self.inputs is not None:
                self.inputs.go_on_after(self.commands.last)
            self._drive(local, publisher, LISTENERS_AFTER_SWAP_S, READERS_AFTER_RESTART_S)

    def _drive(
        self, local: Publisher, publisher: Publisher | RemotePublisher, listeners_s: float, readers_s: float
    ) -> None:
        beside = [name for name in self.stage.listeners if self.graph.nodes[name].on == self.stage.on]
        look = self.inputs.look if self.inputs is not None else lambda: None
        if self.graph.exact:
            publisher.wait_for_readers(self.stage.readers, math.inf, look)
        else:
            publisher.wait_for_readers(self.stage.readers, readers_s, look)
            publisher.wait_for(len(beside), listeners_s)
        self.profile.commands = list(self.node.commands)
        # While there is room for it: later the disk may be full.
        if self.node.persistent != self._stored:
            self._store(self.node.persistent)
        self.profile.enter("running")
        run_node(self.node, self.stage.name, self._calls(), publisher, self.profile, self._store, self._turn)
        publisher.drain()
        if self.commands.leave:
            publisher.close()
            local.close()
            local.address.vanish()
            if not (self.stage.edges and self.stage.declaration.output):
                self._stop()
            self.directory.release(self.stage.name)
            self.profile.enter("left")
            # The end of this process would say it too, but later.
            self.profile.reported.wait(1)

    def _calls(self) -> Iterator[Call | None]:
        for call in self.inputs or ():
            yield call
            # After a message, not before one: that leaves the most time until the next.
            if self.commands.leave:
                return
        # A source ends when its `process` does, unless it was started anew.
        while self.inputs is None and self._again and not self.commands.leave:
            self._again = False
            yield Call({})

    def _turn(self) -> bool:
        """What is to be done between two messages. True: a source's `process` must not go on."""
        waiting = self.commands.waiting
        while waiting:
            command = waiting.popleft()
            if isinstance(command, SettingChange):
                self._change(command)
            elif isinstance(command, TraceCommand):
                self.profile.trace_calls(command.on)
            else:
                self._call(command)
        return self._again or self.commands.leave

    def _change(self, command: SettingChange) -> None:
        try:
            self._again |= change(self.node, self.stage.declaration, command.values)
            self.profile.answer(command.number)
        except Refused as error:
            self.profile.answer(command.number, error=str(error))
        except SetupError as error:
            self._again = True
            self.profile.answer(command.number, error=str(error))
        self.profile.commands = list(self.node.commands)

    def _call(self, command: NodeCommand) -> None:
        try:
            answer = run_command(self.node, command.name, command.value)
        except Exception as error:
            self.profile.answer(command.number, error=self._reason(error))
            return
        if isinstance(answer, Future):
            answer.add_done_callback(functools.partial(self._answer_later, command.number))
        else:
            self.profile.answer(command.number, answer)

    def _answer_later(self, number: int, answer: Future[Any]) -> None:
        """In the thread that has done the work."""
        try:
            self.profile.answer(number, msgspec.to_builtins(answer.result()))
        except Exception as error:
            self.profile.answer(number, error=self._reason(error))

    def _reason(self, error: Exception) -> str:
        """Why a command was not carried out. The node goes on: what was sent may be a mistake of anybody's."""
        if isinstance(error, SetupError):
            return str(error)
        self.log.error("a command failed", exc_info=error)
        return line_of(error)

    def _publishers(self) -> tuple[Publisher, Publisher | RemotePublisher]:
        """The sending end, and the one that sends to other machines too."""
        stage = self.stage
        local = Publisher(
            self.context,
            self.directory.address(stage.name),
            self.rings,
            self.profile,
            self.log.warning,
            self.graph.exact,
            stage.streams,
        )
        self._open.callback(local.close)
        if not stage.crossings:
            return local, local
        far = RemotePublisher(self.context, local, stage.crossings, stage.awaited, self.log.warning)
        self._open.callback(far.close)
        return local, far

    def _open_inputs(self) -> Inputs | None:
        stage = self.stage
        if not stage.edges:
            return None
        unwired = set(stage.declaration.inputs) - {edge.argument for edge in stage.edges}
        inputs = Inputs(
            stage.name,
            stage.edges,
            unwired,
            self._subscribe,
            self.rings,
            self.profile,
            self.commands.ended,
            self.log.warning,
            (lambda: False) if self.graph.exact else self.node.resting,
            in_order=self.graph.exact and stage.declaration.rest is None,
            clocks=self.commands.clocks,
            poller=self.poller,
            moved=self._moved,
        )
        self._open.callback(inputs.close)
        return inputs

    def _moved(self) -> list[Edge] | None:
        """The inputs, if nodes have moved to other machines since the last time."""
        moved = self.commands.moved
        if not moved:
            return None
        while moved:
            node, machine = moved.popleft()
            if node in self.graph.nodes and node != self.stage.name:  # this one is here
                self.graph.nodes[node].on = machine
        self.stage.edges = edges_as_placed(self.graph, self.stage)
        return self.stage.edges

    def _subscribe(self, edge: Edge) -> Subscription:
        if edge.crossing:
            return subscribe_remote(self.context, self.profile, edge)
        return subscribe(self.context, self.directory.address, self.rings, self.profile, edge)

    def _start(self) -> None:
        """Starts the node; whatever it cannot get (a file, a port, a device) is one line."""
        try:
            self.node.start()
        except SetupError:
            raise
        except Exception as error:
            if not isinstance(error, (*REFUSALS, ImportError)):
                traceback.print_exc()
            raise SetupError(line_of(error) + remedy(error)) from error
        self._started = True
        self._open.callback(self._stop)
        if self.node.persistent != self._stored:
            self._store(self.node.persistent)
        # Modules and models are here to stay: looking through them again would cost milliseconds.
        gc.collect()
        gc.freeze()

    def _stop(self) -> None:
        if self._started:
            self._started = False
            self.node.stop()
            if not self.commands.leave and self.node.persistent != self._stored:
                self._store(self.node.persistent)

    def _restore(self) -> None:
        """What the processes before this one have stored."""
        self.node.persistent.update(self.directory.stored(self.stage.name))
        self._stored = dict(self.node.persistent)

    def _store(self, values: dict[str, object]) -> None:
        self._stored = dict(values)
        try:
            self.directory.store(self.stage.name, values)
        except OSError as error:
            # Only a crash would need it: no reason to end what runs well.
            if not self._store_failed:
                self.log.warning("%s; after a crash it would begin anew", line_of_refusal(error))
            self._store_failed = True


def line_of(error: Exception) -> str:
    """An exception in one line, its type first."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
