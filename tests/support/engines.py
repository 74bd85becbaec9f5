"""Engines that receive: what `simulate` sends to one, the example that it runs, and what the example then holds.

`simulate` runs once for each layout; each engine is sent these very datagrams, as fast as it answers. What it must hold
is what python-osc reads in them.
"""

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from support.osc_receivers import Mailbox, free_port, parsed

EXAMPLES = Path(__file__).parents[2] / "nodes" / "examples"
ENGINES = EXAMPLES / "engines"
HARNESSES = Path(__file__).parent / "receivers"
FRAMES, HANDS = 1000, 12
# Of a hand, by its id: x, y and open, or what of them a layout or an example tells.
State = dict[int, tuple[float, ...]]


class Step(NamedTuple):
    """Datagrams, and who is there after them."""

    datagrams: list[bytes]
    hands: State


def simulated(protocol: str, *options: str) -> list[Step]:
    """A thousand frames of `simulate` with hands that come and go, and the two without anybody that end it."""
    for fps in (400, 400, 200, 100, 50):
        mailbox, steps = Mailbox(), Steps()
        words = ["--protocol", protocol, "--to", f"127.0.0.1:{mailbox.port}", "--pattern", "storm", "--hands", HANDS]
        command = [sys.executable, "-m", "handflow", "simulate", *words, "--fps", fps, "--json", *options]
        with closing(mailbox.socket), subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE) as process:
            while process.poll() is None:
                steps.add(mailbox.datagrams())
                if len(steps.done) > FRAMES:
                    process.terminate()
                time.sleep(0.005)
            assert process.stdout
            told = json.load(process.stdout)
            steps.add(mailbox.datagrams())
        # On a machine that was too busy the socket's buffer ran over; slower, it holds what comes in a longer time.
        if told["targets"][0]["datagrams"] == steps.count:
            return steps.done
    pytest.fail("simulate sends more than this machine can take")


class Steps:
    """Takes datagrams apart into frames."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.count = 0
        self._open: list[bytes] = []
        self._hands: dict[int, tuple[float, ...]] = {}
        self._slots: dict[int, dict[str, float]] = {}

    def add(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            messages = list(parsed(datagram))
            # The layout without a mark at a frame's end has one at its beginning.
            if messages[0][0] == "/hands/count" and self._open:
                self._end({int(s["id"]): (s["x"], s["y"], s["open"]) for s in self._slots.values() if s["active"]})
            self.count += 1
            self._open.append(datagram)
            for address, *values in messages:
                self._read(address, values)

    def _read(self, address: str, values: list) -> None:
        match address.split("/")[1:], values:
            case ["hands", "hand"], [id_, _, state, _, x, y, *_, open_] if state != 3:
                self._hands[id_] = (x, y, open_)
            case ["tuio", "2Dcur"], ["set", id_, x, y, *_]:
                self._hands[id_] = (x, y)
            case (["hands", "alive"], ids) | (["tuio", "2Dcur"], ["alive", *ids]):
                self._hands = {id_: hand for id_, hand in self._hands.items() if id_ in ids}
            case ["hands", slot, name], [value] if slot.isdecimal():
                self._slots.setdefault(int(slot), {})[name] = value
        if address == "/hands/alive" or (address.startswith("/tuio/") and values[0] == "fseq"):
            self._end(dict(self._hands))

    def _end(self, hands: State) -> None:
        self.done.append(Step(self._open, hands))
        self._open = []


class Engine:
    """A program that runs an example; `read` says what the example holds by a line, or None if that tells no frame."""

    def __init__(self, command: Callable[[str], list[str | Path]], read: "Reader", env: Mapping[str, object]) -> None:
        self.port = free_port()
        self.states: list[State] = []
        self.said: list[str] = []  # what else it printed
        self.news = threading.Condition()
        self.process = subprocess.Popen(
            list(map(str, command(str(self.port)))),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **{key: str(value) for key, value in env.items()}},
        )  # fmt: skip
        self.thread = threading.Thread(target=self._listen, args=[read], daemon=True)
        self.thread.start()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _listen(self, read: "Reader") -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            state = read(line.strip())
            with self.news:
                if state is None:
                    self.said.append(line.rstrip())
                else:
                    self.states.append(state)
                self.news.notify()
        with self.news:
            self.news.notify()

    def send(self, step: Step) -> None:
        for datagram in step.datagrams:
            self.socket.sendto(datagram, ("127.0.0.1", self.port))

    def wait(self, fact: Callable[[], bool], otherwise: str, timeout: float = 60) -> bool:
        """Until a fact about what it said; False when `timeout` is short and it did not come to be."""
        with self.news:
            came = self.news.wait_for(lambda: fact() or self.process.poll() is not None, timeout)
            if fact():
                return True
            if timeout < 5 and not came:
                return False
            pytest.fail(f"{otherwise}; it holds {self.states[-1:]} and said\n" + "\n".join(self.said[-30:]))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.socket.close()
        assert self.process.stdout
        self.process.stdout.close()


Reader = Callable[[str], State | None]


def begun(states: list[State]) -> list[State]:
    """From the first hand on."""
    first = next((n for n, state in enumerate(states) if state), len(states))
    return states[first:]


def follow(engine: Engine, steps: list[Step], window: int = 8, abs_tol: float = 2e-5) -> None:
    """Sends all; after each frame the example holds the hands that were sent, each frame once.

    With `window` 0 the engine tells what it holds when that changes, so it is asked frame by frame."""
    try:
        # A frame again and again until it is heard: from then on nothing is lost. Without hands it counts for nothing
        # below; but who tells changes alone has to be sent some.
        knock = next(step for step in steps if bool(step.hands) == (window == 0))
        heard = lambda: bool(engine.states) and close(engine.states[-1], knock.hands, abs_tol)  # noqa: E731
        silent = lambda: not engine.wait(heard, "nothing is heard", 0.3)  # noqa: E731
        deadline = time.monotonic() + 100
        engine.send(knock)
        while silent():
            assert time.monotonic() < deadline, f"it does not listen: {engine.said}"
            engine.send(knock)
        nobody = next(step for step in steps if not step.hands)
        engine.send(nobody)
        engine.wait(lambda: engine.states[-1] == {}, "an empty frame is not heard")
        engine.said.clear()
        wanted: list[State] = []
        for step in steps:
            engine.send(step)
            wanted.append(step.hands)
            if window == 0:
                now = step.hands
                engine.wait(lambda now=now: close(engine.states[-1], now, abs_tol), f"{now} is not held")  # type: ignore[misc]
            elif len(wanted) % window == 0:
                count = len(begun(wanted))
                engine.wait(lambda count=count: len(begun(engine.states)) >= count, f"{count} frames expected")  # type: ignore[misc]
        if window:
            compare(begun(wanted), lambda: begun(engine.states), engine, abs_tol)
    finally:
        engine.close()


def compare(wanted: list[State], found: Callable[[], list[State]], engine: Engine, abs_tol: float) -> None:
    engine.wait(lambda: len(found()) >= len(wanted), f"{len(wanted)} frames expected")
    states = found()
    assert len(states) == len(wanted)
    for number, (want, got) in enumerate(zip(wanted, states, strict=True)):
        assert close(got, want, abs_tol), f"frame {number}: {want} sent, {got} held"


def close(found: State, sent: State, abs_tol: float) -> bool:
    """Whether the same hands are there; in the numbers that an example tells, which may be fewer than were sent."""
    return found.keys() == sent.keys() and all(
        all(map(lambda a, b: math.isclose(a, b, abs_tol=abs_tol), hand, sent[id_])) for id_, hand in found.items()
    )


def flat(line: str) -> State | None:
    """`hands: id x y open id x y open ...`, as our harnesses print it."""
    if not line.startswith("hands:"):
        return None
    words = line.removeprefix("hands:").split()
    return {int(float(words[at])): tuple(map(float, words[at + 1 : at + 4])) for at in range(0, len(words), 4)}


def example(name: str, folder: Path, port: str, added: str = "", default: str = "9000") -> Path:
    """A copy of an example that listens to a port, as a user changes it, with a harness's lines behind it."""
    text = (ENGINES / name).read_text("utf-8")
    assert text.count(default) >= 1, f"{name} names no port {default}"
    copy = folder / name
    copy.write_text(text.replace(default, port) + added, "utf-8")
    return copy


def came_and_went_once(engine: Engine, steps: list[Step]) -> None:
    """Whether the example's own events told of every hand once: `came 3` and `went 3`, as our harnesses print them."""
    everybody = sorted({id_ for step in steps for id_ in step.hands})
    for what in ("came", "went"):
        told = [int(float(line.split()[1])) for line in engine.said if line.startswith(what)]
        assert sorted(told) == everybody, what
