"""Worker commands: what the supervisor sends a node while it runs, a line of JSON each.

They come on the standard input of a process that the supervisor has started, else from its control server.
"""

import json
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from handflow.errors import SetupError
from handflow.messages import Clock
from handflow.runtime.graph.stage import Declaration, checked_settings, hint
from handflow.runtime.node import Node


class SettingChange(NamedTuple):
    """A setting that is to have another value."""

    number: int  # of the command: the answer names it
    key: str
    value: Any  # as JSON has it


class NodeCommand(NamedTuple):
    """A command of the node's own (Node.commands)."""

    number: int
    name: str
    value: Any


@dataclass
class WorkerCommands:
    """The commands so far. One thread reads them, the node's own follows them between two messages."""

    ended: set[str] = field(default_factory=set)  # nodes that have sent their last message
    waiting: deque[SettingChange | NodeCommand] = field(default_factory=deque)
    leave: bool = False  # another process is to take over
    go: threading.Event = field(default_factory=threading.Event)  # this one takes over,
    last: tuple[int, int] | None = None  # after this frame (stream and seq)

    def read(self, lines: Iterable[str]) -> None:
        """Until the supervisor's end."""
        for line in lines:
            command = json.loads(line)
            if "ended" in command:
                self.ended.add(command["ended"])
            elif "clock" in command:
                Clock.follow(command["clock"])
            elif "set" in command:
                self.waiting.append(SettingChange(*command["set"]))
            elif "call" in command:
                self.waiting.append(NodeCommand(*command["call"]))
            elif "leave" in command:
                self.leave = True
            elif "go" in command:
                self.last = tuple(command["go"]) if command["go"] else None
                self.go.set()


def run_command(node: Node, name: str, value: Any) -> Any:
    """Carries out one of a node's own commands; its answer as JSON has it, or a Future of that. SetupError."""
    if name not in node.commands:
        has = f"it has {', '.join(node.commands)}" if node.commands else "it has none"
        raise SetupError(f"no command {name!r}{hint(name, list(node.commands))}; {has}")
    answer = node.commands[name](value)
    return answer if isinstance(answer, Future) else msgspec.to_builtins(answer)


def change(node: Node, what: Declaration, key: str, value: Any) -> bool:
    """Gives a started node's setting another value; whether it was started anew for that.

    SetupError: it cannot be, and the node goes on as it was.
    """
    good, wrong = checked_settings(what, {key: value}, whole=False)
    if wrong:
        raise SetupError(wrong[key])
    before = getattr(node, key)
    setattr(node, key, good[key])
    if not node.changed(key):
        return False
    node.stop()
    try:
        node.start()
    except Exception as error:  # whatever it is: what ran before can run again
        setattr(node, key, before)
        node.start()
        raise SetupError(f"{' '.join(str(error).split())}; {key} stays {before!r}") from error
    return True
