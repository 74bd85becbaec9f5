"""What receives OSC in tests, made by others, each told what it should hear; and hands to send."""

import json
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage

from handflow import Hands, State
from support.graphs import until

from .needed import need

SECOND = 10**9
RECEIVERS = Path(__file__).parent / "receivers"
NPM = Path(__file__).parents[2] / ".npm" / "node_modules"
NPM_INSTALL = (
    "npm install --prefix .npm --no-save --no-package-lock --omit=optional "
    "osc@2.4 tuio-client@0.1 axe-core@4 three@0.170 node-red@4 node-red-contrib-osc@1"
)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def with_npm(script: Path, folder: Path) -> Path:
    """A copy of a script that finds npm's packages."""
    need(shutil.which("node") and (NPM / "osc").exists() and (NPM / "tuio-client").exists(), f"node; {NPM_INSTALL}")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(NPM)
    return Path(shutil.copy(script, folder))


def some_hands(ids: list[int], seq: int = 1, at_s: float = 100.0, **values: object) -> Hands:
    """Tracked hands at (0.25, 0.5) of a 1000 x 500 picture, resting, closed; `values` says what is different."""
    n = len(ids)
    fields = {
        "state": np.full(n, State.TRACKED, np.int32),
        "xy": np.full((n, 2), [0.25, 0.5]),
        "velocity": np.zeros((n, 2)),
        "radius": np.full(n, 0.125),
        "score": np.full(n, 0.75),
        "open": np.zeros(n),
        "is_open": np.zeros(n, bool),
        "age": np.ones(n),
    }
    return Hands(
        stream=1, seq=seq, captured_ns=round(at_s * SECOND), id=ids, width=1000, height=500, **{**fields, **values}
    )


class Mailbox:
    """A UDP port that keeps what arrives."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def datagrams(self) -> list[bytes]:
        """What has come since the last time; loopback delivers within sendto."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(65536))
            except BlockingIOError:
                return found

    def messages(self) -> list[tuple]:
        return [message for datagram in self.datagrams() for message in parsed(datagram)]


def parsed(datagram: bytes) -> list[tuple]:
    """The messages of a datagram by python-osc: (address, value, value...)."""
    if not OscBundle.dgram_is_bundle(datagram):
        message = OscMessage(datagram)
        return [(message.address, *message.params)]
    return [(message.address, *message.params) for message in OscBundle(datagram)]


class Heard(NamedTuple):
    """A message as a receiver printed it; `tags` is None where it does not tell."""

    address: str
    tags: str | None
    values: list


KNOCK = b"/knock\0\0,\0\0\0"


class Program:
    """A receiver in a process of its own; its lines gather."""

    def __init__(self, command: Callable[[str], list[str | Path]]) -> None:
        self.port = free_port()
        self.lines: list[str] = []
        self.knocks = 0
        self.process = subprocess.Popen(
            command(str(self.port)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.knock()

    def knock(self) -> None:
        """Waits until it listens, and what was sent before has been heard: datagrams keep their order here."""
        before = self.knocks
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def heard() -> bool:
                sender.sendto(KNOCK, ("127.0.0.1", self.port))
                return self.knocks > before

            until(heard, f"{self.process.args} does not listen: {self.lines}", 60)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if "knock" in line:
                self.knocks += 1
            else:
                self.lines.append(line.rstrip("\n"))

    def wait(self, count: int) -> None:
        """Until so many lines have come."""
        until(lambda: len(self.lines) >= count, f"{count} lines expected from {self.process.args}", 60)

    def heard(self) -> list[Heard]:
        return [self.parse(line) for line in self.lines]

    def parse(self, line: str) -> Heard:
        address, tags, values = json.loads(line)
        return Heard(address, tags, values)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stdout
        self.process.stdout.close()


class Oscdump(Program):
    """liblo's."""

    def __init__(self, folder: Path) -> None:
        need(shutil.which("oscdump"), "oscdump: apt-get install liblo-tools")
        super().__init__(lambda port: ["oscdump", "-L", port])

    def parse(self, line: str) -> Heard:
        _, address, *rest = shlex.split(line)
        tags = rest[0] if rest else ""
        values = [value if tag in "st" else float(value) for tag, value in zip(tags, rest[1:], strict=True)]
        return Heard(address, tags, values)


class Oscpack(Program):
    """oscpack, which openFrameworks' ofxOsc is built on."""

    def __init__(self, folder: Path) -> None:
        need(shutil.which("g++") and Path("/usr/include/oscpack").exists(), "apt-get install g++ liboscpack-dev")
        subprocess.run(["g++", RECEIVERS / "dump.cpp", "-loscpack", "-o", folder / "dump"], check=True, timeout=110)
        super().__init__(lambda port: [folder / "dump", port])


class NpmOsc(Program):
    """npm's osc."""

    def __init__(self, folder: Path) -> None:
        script = with_npm(RECEIVERS / "dump.mjs", folder)
        super().__init__(lambda port: ["node", script, port])


class TuioClient(Program):
    """npm's tuio-client, for TUIO 1.1 and 2."""

    def __init__(self, folder: Path) -> None:
        script = with_npm(RECEIVERS / "tuio.mjs", folder)
        shutil.copy(NPM / "tuio-client" / "dist" / "tuio-client.es.js", folder / "tuio-client.mjs")
        super().__init__(lambda port: ["node", script, port])


class PureData(Program):
    """Pure Data: it tells no types, and has no number but float32 with six digits."""

    def __init__(self, folder: Path) -> None:
        need(shutil.which("pd"), "pd: apt-get install puredata-core")

        def command(port: str) -> list[str | Path]:
            patch = folder / "dump.pd"
            patch.write_text((RECEIVERS / "dump.pd").read_text().replace("PORT", port))
            return ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", patch]

        super().__init__(command)

    def parse(self, line: str) -> Heard:
        return Heard("", None, line.removeprefix("heard: ").split())


class Liblo:
    """liblo by pyliblo3, in this process."""

    def __init__(self, folder: Path) -> None:
        import pyliblo3 as liblo

        self.server = liblo.Server(free_port())
        self.port = self.server.port
        self.server.add_method(None, None, lambda path, values, tags: self.messages.append(Heard(path, tags, values)))
        self.messages: list[Heard] = []

    def wait(self, count: int) -> None:
        def came() -> bool:
            while self.server.recv(0):
                pass
            return len(self.messages) >= count

        until(came, f"{count} messages expected")

    def heard(self) -> list[Heard]:
        return self.messages

    def close(self) -> None:
        self.server.free()


def values(messages: list[tuple], address: str) -> list[tuple]:
    """What the messages to an address say."""
    return [message[1:] for message in messages if message[0] == address]
