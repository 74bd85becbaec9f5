"""A node's life in its process: its ends are opened, it is started, driven, changed, and handed over to the next one.

A swap starts the next process of a node beside the one that works. It loads and starts, listens, and binds nothing; the
one that works finishes a message, unbinds and says so; the next goes on with the message after that one.
"""

import contextlib
import functools
import gc
import logging
import math
import traceback
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import msgpack
import msgspec
import zmq

from handflow.errors import SetupError
from handflow.runtime.graph.graph import Graph, Stage
from handflow.runtime.node import Call, run_node
from handflow.runtime.profile import Profile
from handflow.runtime.remote.edge import RemotePublisher, subscribe_remote
from handflow.runtime.transport.inputs import Inputs
from handflow.runtime.transport.publisher import Publisher
from handflow.runtime.transport.rundir import RunDir
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.subscriber import Subscription, subscribe
from handflow.runtime.transport.wire import Edge

from .commands import NodeCommand, SettingChange, WorkerCommands, change, run_command

LISTENERS_S = 3.0  # how long a starting node holds its first message back for those that listen to it
SWAPPED_S = 0.15  # the same when it has taken over: ZeroMQ finds it again in 10 to 20 ms, and nothing is lost meanwhile
READERS_S = 60.0  # and for those that must read every message
AGAIN_S = 1.0  # the same when it was started again: it must not hold up the others
STANDBY_POLL_S = 0.002  # how often one that stands by looks whether it is to take over


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
    ) -> None:
        self.stage, self.graph, self.directory = stage, graph, directory
        self.context, self.rings, self.profile, self.commands = context, rings, profile, commands
        self.log = logging.getLogger(stage.name)
        self.node = stage.node(**stage.settings)
        self.node.log, self.node.exact = self.log, graph.exact
        self.node.empty, self.node.graph = rings.empty, graph.plain()
        self.inputs: Inputs | None = None
        self._started = False
        self._again = True  # a source's process is called (again)
        self._open = contextlib.ExitStack()

    def run(self, restarted: bool) -> None:
        """Until the input has ended, or another process takes over."""
        with self._open:
            self._remembered()
            local, publisher = self._publishers()
            self._start()
            self.inputs = self._open_inputs()
            self._drive(local, publisher, 0 if restarted else LISTENERS_S, AGAIN_S if restarted else READERS_S)

    def take_over(self) -> None:
        """Starts beside the process that works, and goes on when that has left."""
        with self._open:
            # A source or a sink may hold what only one can hold: a camera, a port. Others can start before.
            alone = not (self.stage.edges and self.stage.what.output)
            if not alone:
                self._start()
            self.inputs = self._open_inputs()
            self.profile.tell("standby")
            while not self.commands.go.wait(0 if self.inputs else 1):
                if self.inputs is not None:
                    self.inputs.pass_by(STANDBY_POLL_S)
            if self.directory.lock(self.stage.name, wait_s=3) is None:
                raise SetupError("the process before this one has not left")
            self._remembered()
            local, publisher = self._publishers()
            if alone:
                self._start()
            if self.inputs is not None:
                self.inputs.go_on_after(self.commands.last)
            self._drive(local, publisher, SWAPPED_S, AGAIN_S)

    def _drive(
        self, local: Publisher, publisher: Publisher | RemotePublisher, listeners_s: float, readers_s: float
    ) -> None:
        beside = [name for name in self.stage.listeners if self.graph.entries[name].on == self.stage.on]
        look = self.inputs.look if self.inputs is not None else lambda: None
        if self.graph.exact:
            publisher.wait_for_readers(self.stage.readers, math.inf, look)
        else:
            publisher.wait_for_readers(self.stage.readers, readers_s, look)
            publisher.wait_for(len(beside), listeners_s)
        self.profile.commands = list(self.node.commands)
        self.profile.tell("running")
        run_node(self.node, self.stage.name, self._calls(), publisher, self.profile, self._remember, self._turn)
        publisher.drain()
        if self.commands.leave:
            publisher.close()
            local.close()
            local.address.vanish()
            if not (self.stage.edges and self.stage.what.output):
                self._stop()
            self.directory.release(self.stage.name)
            self.profile.tell("left")
            self.profile.said.wait(1)  # the end of this process says it too, but takes longer

    def _calls(self) -> Iterator[Call | None]:
        for call in self.inputs or ():
            yield call
            if self.commands.leave:  # after a message, not before one: that leaves the most time until the next
                return
        while self.inputs is None and self._again and not self.commands.leave:
            self._again = False  # a source ends when its process does, unless it was started anew
            yield Call({})

    def _turn(self) -> bool:
        """What is to be done between two messages. True: a source's `process` must not go on."""
        waiting = self.commands.waiting
        while waiting:
            command = waiting.popleft()
            if isinstance(command, SettingChange):
                self._change(command)
            else:
                self._call(command)
        return self._again or self.commands.leave

    def _change(self, command: SettingChange) -> None:
        try:
            self._again |= change(self.node, self.stage.what, command.key, command.value)
            self.profile.answer(command.number)
        except SetupError as error:
            self._again = True
            self.profile.answer(command.number, error=str(error))
        self.profile.commands = list(self.node.commands)

    def _call(self, command: NodeCommand) -> None:
        try:
            answer = run_command(self.node, command.name, command.value)
        except SetupError as error:
            self.profile.answer(command.number, error=str(error))
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
            self.profile.answer(number, error=str(error) if isinstance(error, SetupError) else line_of(error))

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
        )
        self._open.callback(local.close)
        if not stage.crossings:
            return local, local
        far = RemotePublisher(self.context, local, stage.crossings)
        self._open.callback(far.close)
        return local, far

    def _open_inputs(self) -> Inputs | None:
        stage = self.stage
        if not stage.edges:
            return None
        unwired = set(stage.what.inputs) - {edge.argument for edge in stage.edges}
        inputs = Inputs(
            stage.name,
            stage.edges,
            unwired,
            self._subscribe,
            self.rings,
            self.profile,
            self.commands.ended,
            self.log.warning,
        )
        self._open.callback(inputs.close)
        return inputs

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
            if not isinstance(error, OSError | zmq.ZMQError | ImportError):
                traceback.print_exc()
            raise SetupError(line_of(error)) from error
        self._started = True
        self._open.callback(self._stop)
        gc.collect()
        gc.freeze()  # modules and models are here to stay: looking through them again would cost milliseconds

    def _stop(self) -> None:
        if self._started:
            self._started = False
            self.node.stop()

    def _remembered(self) -> None:
        """What the processes before this one kept."""
        with contextlib.suppress(FileNotFoundError):
            self.node.persistent.update(msgpack.unpackb(self.directory.persistent(self.stage.name).read_bytes()))

    def _remember(self, values: dict[str, object]) -> None:
        """Written beside and renamed: a kill in the middle leaves what was there."""
        file = self.directory.persistent(self.stage.name)
        part = file.with_suffix(".part")
        part.write_bytes(msgpack.packb(values))
        part.replace(file)


def line_of(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
