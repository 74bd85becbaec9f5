"""A node's process as its supervisor sees it: started, sent commands, read and let go of."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import psutil

from handflow.runtime.graph.stage import Stage
from handflow.runtime.profile import NodeStatus

STDERR_LINES = 1000  # of a node that may wait to be shown; a node that writes more waits for us


@dataclass(eq=False)
class Child:
    """One node, and the process that runs it now."""

    stage: Stage
    process: subprocess.Popen[bytes] | None = None
    usage: psutil.Process | None = None
    status: NodeStatus | None = None
    status_at: float = 0.0  # this and what follows: seconds by the clock of the RunningGraph
    started_at: float = 0.0
    start_at: float = 0.0  # when it is to be started
    restarts: int = 0
    failures: int = 0  # in a row
    running: bool = False  # by its last status
    ran: bool = False  # has got through its start once
    ended: bool = False
    swaps: int = 0  # how often another process has taken over
    stderr: queue.Queue[bytes] = field(default_factory=lambda: queue.Queue(STDERR_LINES))
    stderr_reader: threading.Thread | None = None  # only sockets can be polled on every system
    last_line: str = ""  # of its stderr
    ended_inputs: set[str] = field(default_factory=set)  # nodes of other machines that it knows to have ended
    retained: dict[str, Any] = field(
        default_factory=dict
    )  # values of its own commands, sent again when it starts again

    @property
    def name(self) -> str:
        return self.stage.name

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def successor(self) -> "Child":
        """The same node for a process that is to run beside this one and take over from it."""
        return replace(
            self,
            process=None,
            usage=None,
            status=None,
            running=False,
            ran=False,
            stderr=queue.Queue(STDERR_LINES),
            stderr_reader=None,
            last_line="",
            ended_inputs=set(),
        )

    def state(self) -> str:
        """What its process last said of itself."""
        return self.status["state"] if self.status else "starting"

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, graph: Path, now: float, flags: Sequence[str] = ()) -> None:
        """Starts its process, which reads the graph from the copy in `graph`."""
        python, environment = this_python()
        command = [python, "-m", "handflow", "node", self.name, "--supervised", *flags]
        command += ["--graph", str(graph)] + ["--restarted"] * bool(self.restarts)
        # A session (Windows: a group) of its own: Ctrl-C in the terminal reaches the supervisor alone, which then stops
        # all in order.
        self.process = subprocess.Popen(
            command,
            # Its lines are read as UTF-8, whatever the locale (Windows: the code page) is.
            env=os.environ | environment | {"PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self.stderr_reader = threading.Thread(target=_read, args=(self.process.stderr, self.stderr), daemon=True)
        self.stderr_reader.start()
        with contextlib.suppress(psutil.Error, OSError):
            self.usage = psutil.Process(self.process.pid)
        self.started_at = self.status_at = now
        self.status, self.last_line, self.running = None, "", False
        self.ended_inputs.clear()

    def send(self, command: dict[str, Any]) -> None:
        """Sends a worker command (commands.py)."""
        if self.process and self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.write(json.dumps(command).encode() + b"\n")
                self.process.stdin.flush()

    def lines(self) -> Iterator[str]:
        """What it has written to stderr since the last time."""
        with contextlib.suppress(queue.Empty):
            while True:
                line = self.stderr.get_nowait().decode(errors="replace").rstrip("\r\n")
                self.last_line = line.removeprefix(f"{self.name}: ")
                yield line

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask_to_stop(self, by_signal: bool = True) -> None:
        """Not `by_signal`: by the end of its commands; Windows' terminate would leave it no time to say goodbye."""
        assert self.process is not None
        if by_signal or self.process.stdin is None:
            self.process.terminate()
        else:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def reap(self) -> Iterator[str]:
        """Lets go of a process that has ended (or waits for that); its last lines."""
        if self.process is None:
            return
        self.process.wait()
        if self.process.stdin:
            with contextlib.suppress(OSError):  # what it has not read is lost with it
                self.process.stdin.close()
        while self.stderr_reader and self.stderr_reader.is_alive():
            self.stderr_reader.join(0.2)
            waiting = not self.stderr.empty()
            yield from self.lines()
            if not waiting:
                break  # a process that it started holds the pipe; the thread ends with that
        yield from self.lines()
        self.process = None


def this_python() -> tuple[str, dict[str, str]]:
    """The Python that runs this process, and what it needs in its environment.

    Windows' virtual environments have a launcher in its place, which runs it in a process of its own: a kill would hit
    the launcher, and the process id that a node reports would be unknown here. (As `multiprocessing` does it.)
    """
    base = getattr(sys, "_base_executable", sys.executable)
    if os.name == "nt" and os.path.normcase(base) != os.path.normcase(sys.executable):
        return base, {"__PYVENV_LAUNCHER__": sys.executable}
    return sys.executable, {}


def _read(pipe: IO[bytes], lines: "queue.Queue[bytes]") -> None:
    with pipe:
        for line in pipe:
            lines.put(line)


@dataclass(eq=False)
class AttachedNode:
    """A node that somebody has started beside the graph (`handflow record`); it takes commands and sends its status."""

    name: str
    pid: int
    send: Callable[[dict[str, Any]], None]
    status: NodeStatus | None = None
