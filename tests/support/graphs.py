"""Graphs in real processes, and a game that listens to them."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage


def hears_hangup() -> None:
    """In the new process: a signal that pytest was told to ignore, by nohup, is not ignored there."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Run:
    """A `handflow` command running in a process; its output gathers in `out` and `err`."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path | None = None,
        within: Iterable[str] = (),
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
    ) -> None:
        """`within`: a program and its arguments, which becomes the command in the end (unshare, say)."""
        self.process = subprocess.Popen(
            [*within, python, "-m", "handflow", *arguments],
            cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            encoding=encoding, errors="replace", preexec_fn=hears_hangup,
        )  # fmt: skip
        self.out: list[str] = []
        self.err: list[str] = []
        pipes = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self.readers = [threading.Thread(target=lambda p=p, o=o: o.extend(p), daemon=True) for p, o in pipes]  # type: ignore[misc]
        for reader in self.readers:
            reader.start()
        self.seen: set[int] = set()  # every process id that it ever had

    def children(self) -> dict[str, psutil.Process]:
        """The stages' processes by name."""
        found: dict[str, psutil.Process] = {}
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return found
        for child in children:
            # One may end meanwhile; that hides none of the others.
            with contextlib.suppress(psutil.NoSuchProcess):
                command = child.cmdline()
                if "node" in command:
                    found[command[command.index("node") + 1]] = child
        self.seen |= {child.pid for child in found.values()}
        return found

    def kill(self, node: str) -> int:
        """kill -9 of one stage; its process id."""
        child = self.children()[node]
        child.kill()
        return child.pid

    def end(self, timeout: float = 60) -> int:
        """Waits for it to end; the exit status."""
        self.process.wait(timeout)
        for reader in self.readers:
            reader.join(20)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return self.process.returncode

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.children()
        self.process.send_signal(how)
        return self.end()


def left(pids: set[int]) -> set[int]:
    """Those of the processes that still run."""
    return {pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE}


def until(true: Callable[[], object], otherwise: str, timeout: float = 60, pause_s: float = 0.02) -> None:
    """Waits for a fact, and looks for it every `pause_s`; fails with `otherwise` if it does not come."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(otherwise)
        time.sleep(pause_s)


class Heard(NamedTuple):
    at: float  # monotonic seconds
    address: str
    values: list


class Game:
    """Receives OSC on a free UDP port."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.port: int = self.socket.getsockname()[1]
        self.heard: list[Heard] = []
        self.open = True
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def frames(self) -> list[Heard]:
        return [h for h in self.heard if h.address == "/hands/frame"]

    def ids(self) -> list[int]:
        """The ids of all hands heard of, in order of first appearance."""
        return list(dict.fromkeys(h.values[0] for h in self.heard if h.address == "/hands/hand"))

    def close(self) -> None:
        self.open = False
        self.thread.join()
        self.socket.close()

    def _listen(self) -> None:
        while self.open:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            at = time.monotonic()
            packets = list(OscBundle(data)) if data.startswith(b"#bundle") else [OscMessage(data)]
            self.heard += [Heard(at, p.address, list(p.params)) for p in packets if isinstance(p, OscMessage)]


def memory_files(processes: Iterable[psutil.Process]) -> set[str]:
    """Shared memory in the file system that these processes have mapped; others may have theirs there too."""
    maps = {each.path for process in processes for each in process.memory_maps()}
    return {path for path in maps if path.startswith("/dev/shm/") and os.path.exists(path)}


HEADLESS = """--headless --no-sandbox --disable-gpu --enable-unsafe-swiftshader --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync"""


def free_ports(count: int) -> int:
    """The first of so many tcp ports in a row that nobody uses; below those that systems give away by themselves."""
    chance = random.Random(os.getpid() + time.monotonic_ns())
    while True:
        first = chance.randrange(20000, 30000)
        with contextlib.suppress(OSError), ExitStack() as open_:
            for port in range(first, first + count):
                open_.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
