"""Graphs of small nodes: one sends numbered pictures, others pass them on, fail, or write down what reaches them."""

from pathlib import Path

import pytest

NODES = {
    "ticker.py": """
from collections.abc import Iterator
from handflow import Frame, Node, ticks

class Ticker(Node):
    fps: float = 30
    frames: int = 0

    def process(self) -> Iterator[Frame]:
        for number, _ in enumerate(ticks(self.fps)):
            if self.frames and number >= self.frames:
                return
            image = self.empty((90, 1600, 3), "uint8")  # too big to travel inside the message
            image[:] = number % 256
            yield Frame(image=image)
""",
    "tap.py": """
import time
from handflow import Message, Node, {kind}

class Tap(Node):
    file: str

    def start(self):
        self.out = open(self.file, "a", buffering=1)

    def process(self, message: {kind}) -> None:
        print(time.monotonic(), message.seq, [hop.node for hop in message.hops], file=self.out)
""",
    "passer.py": """
import time
from handflow import Frame, Node

class Passer(Node):
    broken: str = ""

    def start(self):
        if self.broken == "start":
            raise OSError("the passer is broken")
        if self.broken == "slow":
            time.sleep(0.6)

    def process(self, frame: Frame) -> Frame:
        if self.broken == "process" and frame.seq % 10 == 0:
            raise ValueError("ten\\nis too many")
        return Frame(image=frame.image)
""",
    "server.py": """
import socket
from handflow import Frame, Node

class Server(Node):
    port: int

    def start(self):
        self.socket = socket.create_server(("127.0.0.1", self.port))

    def process(self, frame: Frame) -> None: ...
""",
    "frozen.py": """
import time
from handflow import Frame, Node

class Frozen(Node):
    def process(self, frame: Frame) -> None:
        time.sleep(60)
""",
}


def with_nodes(folder: Path, transport: str = "auto") -> Path:
    """A folder of nodes, whose graphs take the path that the test asks for."""
    (folder / "transport").write_text(transport)
    for name, text in NODES.items():
        if name == "tap.py":
            for kind in ("Frame", "Flow", "Heatmap", "Hands"):
                (folder / f"tap_{kind.lower()}.py").write_text(text.replace("{kind}", kind))
        else:
            (folder / name).write_text(text)
    return folder


BOTH_IF_SLOW = pytest.mark.parametrize(
    "folder", ["auto", pytest.param("portable", marks=pytest.mark.slow)], indirect=True
)


def graph(folder: Path, *lines: str) -> Path:
    file = folder / "graph.yaml"
    transport = folder / "transport"
    head = f"transport: {transport.read_text()}\n" if transport.exists() else ""
    file.write_text(f"{head}nodes:\n" + "".join(f"  {line}\n" for line in lines))
    return file


def tapped(folder: Path, name: str = "out") -> list[tuple[float, int]]:
    """When which frame reached the tap."""
    file = folder / name
    lines = file.read_text().splitlines() if file.exists() else []
    return [(float(line.split()[0]), int(line.split()[1])) for line in lines]


TICKER = "ticker: {run: ticker.py, with: {fps: 10, frames: 8}}"
PASSER = "passer: {run: passer.py, in: ticker}"
TAP = "tap: {run: tap_frame.py, in: passer, with: {file: out}}"
