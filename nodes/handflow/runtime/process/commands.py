"""Worker commands: what the supervisor sends a node while it runs, a line of JSON each on its standard input."""

import json
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from handflow.errors import SetupError
from handflow.messages import Clock
from handflow.runtime.graph.stage import Declared, settings
from handflow.runtime.node import Node


class Change(NamedTuple):
    """A setting that is to have another value."""

    number: int  # of the command: the answer names it
    key: str
    value: Any  # as JSON has it


@dataclass
class WorkerCommands:
    """The commands so far. One thread reads them, the node's own follows them between two messages."""

    ended: set[str] = field(default_factory=set)  # nodes that have sent their last message
    changes: deque[Change] = field(default_factory=deque)
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
                self.changes.append(Change(*command["set"]))
            elif "leave" in command:
                self.leave = True
            elif "go" in command:
                self.last = tuple(command["go"]) if command["go"] else None
                self.go.set()


def change(node: Node, what: Declared, key: str, value: Any) -> bool:
    """Gives a started node's setting another value; whether it was started anew for that.

    SetupError: it cannot be, and the node goes on as it was.
    """
    good, wrong = settings(what, {key: value}, whole=False)
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
