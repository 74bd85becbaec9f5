"""Worker commands: what the supervisor sends a node while it runs, a line of JSON each.

They come on the standard input of a process that the supervisor has started, else from its control server.
"""

import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from handflow.errors import Refused, SetupError
from handflow.messages import Clock
from handflow.runtime.graph.stage import Declaration, checked_settings, hint, misfit
from handflow.runtime.node import Node


class SettingChange(NamedTuple):
    """Settings that are to have other values, all of them or none."""

    number: int  # of the command: the answer names it
    values: dict[str, Any]  # as JSON has them


class NodeCommand(NamedTuple):
    """A command of the node's own (Node.commands)."""

    number: int
    name: str
    value: Any


class TraceCommand(NamedTuple):
    """Whether what the node does is to be recorded."""

    on: bool


@dataclass
class WorkerCommands:
    """The commands so far. One thread reads them, the node's own follows them between two messages."""

    ended: set[str] = field(default_factory=set)  # nodes that have sent their last message
    waiting: deque[SettingChange | NodeCommand | TraceCommand] = field(default_factory=deque)
    leave: bool = False  # another process is to take over
    go: threading.Event = field(default_factory=threading.Event)  # this one takes over,
    clocks: dict[str, int] = field(default_factory=dict)  # of inputs whose messages have another clock: its offset_ns
    moved: deque[tuple[str, str]] = field(default_factory=deque)  # nodes, and the machines that run them now
    last: dict[int, int] = field(default_factory=dict)  # after these frames: seq by stream

    def read(self, lines: Iterable[str]) -> None:
        """Until the supervisor's end."""
        for line in lines:
            command = json.loads(line)
            if "ended" in command:
                self.ended.add(command["ended"])
            elif "clock" in command:
                Clock.follow(command["clock"])
            elif "clocks" in command:
                self.clocks.update(command["clocks"])
            elif "set" in command:
                self.waiting.append(SettingChange(*command["set"]))
            elif "call" in command:
                self.waiting.append(NodeCommand(*command["call"]))
            elif "place" in command:
                node, machine = command["place"]
                self.moved.append((node, machine))
            elif "trace" in command:
                self.waiting.append(TraceCommand(command["trace"]))
            elif "leave" in command:
                self.leave = True
            elif "go" in command:
                self.last = dict(command["go"])
                self.go.set()


def run_command(node: Node, name: str, value: Any) -> Any:
    """Carries out one of a node's own commands; its answer as JSON has it, or a Future of that. SetupError."""
    if name not in node.commands:
        has = f"it has {', '.join(node.commands)}" if node.commands else "it has none"
        raise SetupError(f"no command {name!r}{hint(name, list(node.commands))}; {has}")
    answer = node.commands[name](value)
    return answer if isinstance(answer, Future) else msgspec.to_builtins(answer)


def change(node: Node, what: Declaration, values: Mapping[str, Any]) -> bool:
    """Gives a started node's settings other values; whether it was started anew for that.

    Refused: they cannot be, nothing was touched. SetupError: it did not start with them, and was started as it was.
    """
    good, wrong = checked_settings(what, dict(values), whole=False)
    if wrong:
        raise Refused(next(iter(wrong.values())))
    if line := misfit(type(node), {**{key: getattr(node, key) for key in what.settings}, **good}):
        raise Refused(line)
    before = {key: getattr(node, key) for key in good}
    _set(node, good)
    if not [key for key in good if node.changed(key)]:
        return False
    node.stop()
    try:
        node.start()
    except Exception as error:  # whatever it is: what ran before can run again
        _set(node, before)
        node.start()
        stays = ", ".join(f"{key} stays {value!r}" for key, value in before.items())
        raise SetupError(f"{' '.join(str(error).split())}; {stays}") from error
    return True


def _set(node: Node, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        setattr(node, key, value)
