"""The demo, and one fault after the other: games hear from it all the time, nothing grows, its health knows of each."""

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil
import pytest
from support.breakable import SettableClock, SmallDisk
from support.graphs import Game, Run, free_ports, until
from support.quiet import in_a_quiet_moment

import handflow

pytestmark = pytest.mark.slow
# Two hours with one a minute: FAULT_MINUTES=120 FAULT_EVERY_S=60. Else each kind comes once.
MINUTES = float(os.environ.get("FAULT_MINUTES", "0"))
EVERY_S = float(os.environ.get("FAULT_EVERY_S", "60" if MINUTES else "2"))
SEED = int(os.environ.get("FAULT_SEED", "0"))
SILENT_S = 3.0
PORTS = 4  # of the page: one that is taken is passed over
MODEL = Path(handflow.__file__).parents[2] / "models" / "hands-int8.onnx"
GRAPH = """nodes:
  camera: {{run: camera, with: {{source: demo, size: [640, 360]}}}}
  flow: {{run: flow, in: camera}}
  heatmap: {{run: heatmap, in: {{frame: camera, prior: tracker}}, with: {{model: hands.onnx, precision: int8}}}}
  tracker: {{run: tracker, in: {{heatmap: heatmap, flow: flow}}}}
  osc: {{run: osc, in: tracker, with: {{targets: [{{protocol: hands, port: {game}}}]}}}}
  record: {{run: record, in: {{hands: tracker}}, with: {{file: a.mcap, keep_free_mb: 0.5}}}}
  view: {{run: view, in: {{frame: camera, heatmap: heatmap, hands: tracker}}, with: {{port: {page}}}}}
"""
NODES = ["camera", "flow", "heatmap", "tracker", "osc", "record", "view"]


class Sample(NamedTuple):
    """A process at one moment."""

    node: str
    memory_mb: float
    descriptors: int


class Victim:
    """The graph; what is done to it returns once its health has said so."""

    def __init__(self, run: Callable[..., Run], game: Game, folder: Path) -> None:
        files, place = folder / "files", folder / "disk"
        files.mkdir()
        place.mkdir()
        self.game, self.port = game, free_ports(PORTS)
        (files / "graph.yaml").write_text(GRAPH.format(game=game.port, page=self.port))
        shutil.copy(MODEL, files)
        self.clock = SettableClock(folder)
        self.disk = SmallDisk(place, files, 8)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.clock.environment.items():
                patch.setenv(name, value)
            self.run = run("run", "graph.yaml", within=self.disk.within)
        self.chance = random.Random(SEED)
        self.samples: dict[int, list[Sample]] = {}
        self.silent_s: dict[str, list[float]] = {}
        self.kinds: dict[str, Callable[[], None]] = {
            each.__name__: each
            for each in (
                self.kill,
                self.stop,
                self.file_gone,
                self.port_taken,
                self.flood,
                self.disk_full,
                self.clock_step,
            )
        }
        self.wait_well()

    @property
    def pid(self) -> int:
        return self.run.process.pid

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the page answers, wherever it is now; None: it is not there."""
        for port in range(self.port, self.port + PORTS):
            connection = HTTPConnection("127.0.0.1", port, timeout=3)
            with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException, ValueError):
                if body is None:
                    connection.request("GET", path)
                else:
                    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
                return json.loads(connection.getresponse().read())
        return None

    def events(self) -> list[str]:
        """The faults that there were, the newest last, once the page is there to tell."""
        told: list[Any] = []
        until(lambda: told.append(self.ask("/stats.json")) or told[-1], "the page does not come back")
        return [event["text"] for event in told[-1]["health"]["events"]]

    def wait_for_fault(self, *words: str) -> None:
        """Until one of those that there were has all of the words."""
        until(
            lambda: any(all(word in text for word in words) for text in self.new_events()),
            f"health does not say {words}",
        )

    def new_events(self) -> list[str]:
        return self.events()[self.known :]

    def wait_well(self) -> None:
        def well() -> bool:
            assert self.run.process.poll() is None, self.run.err
            told = self.ask("/stats.json") or {"health": {"ok": False}, "nodes": []}
            running = {row["node"]: row["pid"] for row in told["nodes"] if row["state"] == "running"}
            # What it says may be of a moment ago.
            return told["health"]["ok"] and running == {name: each.pid for name, each in self.run.children().items()}

        until(well, "it does not get well", 90)

    def node(self, *but: str) -> str:
        return self.chance.choice([name for name in NODES if name not in but])

    def suffer(self, kind: str) -> None:
        """One fault; fails where games heard nothing meanwhile."""
        self.wait_well()
        self.known, began = len(self.events()), time.monotonic()
        self.kinds[kind]()
        self.wait_well()
        heard = [began, *(each.at for each in self.game.heard if each.at >= began), time.monotonic()]
        gap = max(b - a for a, b in itertools.pairwise(heard))
        self.silent_s.setdefault(kind, []).append(gap)
        print(f"{kind}: longest silence {gap:.2f} s; {'; '.join(self.new_events()) or 'nothing in health'}", flush=True)
        assert gap <= SILENT_S, f"{kind}: games heard nothing for {gap:.1f} s"

    def sample(self) -> None:
        """How much memory and how many descriptors each process has."""
        for node, process in {"supervisor": psutil.Process(self.pid), **self.run.children()}.items():
            now = Sample(node, process.memory_info().rss / 2**20, process.num_fds())
            self.samples.setdefault(process.pid, []).append(now)

    def kill(self) -> None:
        node = self.node()
        self.run.kill(node)
        self.wait_for_fault(f"{node} was killed by SIGKILL; restart")

    def stop(self) -> None:
        """Until it is killed for its silence. Not `osc`: what else should tell games?"""
        node = self.node("osc")
        self.run.children()[node].suspend()
        self.wait_for_fault(f"{node} was killed by SIGKILL; restart")

    def file_gone(self) -> None:
        """The model, when it is needed."""
        model = self.disk.seen(self.pid) / MODEL.name
        away = model.rename(model.with_name("away"))
        self.run.kill("heatmap")
        self.wait_for_fault("heatmap failed", MODEL.name)
        away.rename(model)

    def port_taken(self) -> None:
        """The page's."""
        page = next(port for port in range(self.port, self.port + PORTS) if self.answers(port))
        self.run.kill("view")
        with contextlib.ExitStack() as ends:
            until(
                lambda: ends.enter_context(self.listening(page)) if not self.answers(page) else None, "it is not free"
            )
            self.wait_for_fault("view was killed")
            self.wait_well()

    def answers(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def listening(self, port: int) -> socket.socket:
        return socket.create_server(("127.0.0.1", port))

    def flood(self) -> None:
        """A hundred of each kind come at once, take nothing of what they are sent, and go."""
        view = self.run.children()["view"]
        before = view.num_fds()
        port = next(port for port in range(self.port, self.port + PORTS) if self.answers(port))
        asyncio.run(_crowd(f"http://127.0.0.1:{port}"))
        until(lambda: view.num_fds() <= before + 2, "descriptors are left open")

    def disk_full(self) -> None:
        """While a node is started again, too."""
        self.disk.fill(self.pid)
        try:
            self.wait_for_fault("record recording stopped")
            self.run.kill("tracker")
            self.wait_for_fault("tracker was killed by SIGKILL; restart")
            until(lambda: self.row("tracker")["state"] == "running", "it does not run on a full disk")
        finally:
            self.disk.free(self.pid)
        for on in (False, True):
            assert self.ask("/set", {"node": "record", "key": "recording", "value": on}) == {}

    def clock_step(self) -> None:
        """Back or forth; nothing is wrong by that."""
        self.clock.set(self.chance.choice([-1, 1]) * self.chance.randint(1, 100_000))
        heard = len(self.game.frames())
        until(lambda: len(self.game.frames()) > heard + 60, "it stands still")
        assert self.new_events() == []

    def row(self, node: str) -> dict[str, Any]:
        rows = (self.ask("/stats.json") or {"nodes": []})["nodes"]
        return next((row for row in rows if row["node"] == node), {"state": ""})


async def _crowd(url: str) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def come(path: str) -> None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                if path in ("/live", "/hands"):
                    async with session.ws_connect(url + path):
                        await asyncio.sleep(2)
                else:
                    async with session.get(url + path, timeout=aiohttp.ClientTimeout(2)):
                        await asyncio.sleep(2)

        paths = ("/live", "/hands", "/frames.mjpg", "/frame.jpg", "/healthz", "/")
        await asyncio.gather(*(come(path) for path in paths for _ in range(100)))


@pytest.fixture
def victim(run: Callable[..., Run], game: Game, tmp_path: Path) -> Iterator[Victim]:
    if os.name != "posix" or os.geteuid() or not (shutil.which("unshare") and shutil.which("cc")):
        pytest.skip("a disk of its own takes root and unshare, a clock of its own a C compiler")
    made = Victim(run, game, tmp_path)
    yield made
    assert made.run.stop() == 0


@pytest.mark.timeout(60 * MINUTES + 600)
def test_games_hear_from_it_through_every_fault_and_nothing_grows(victim: Victim) -> None:
    deadline, rounds = time.monotonic() + 60 * MINUTES, 0
    while not rounds or time.monotonic() < deadline:
        rounds += 1
        for kind in victim.chance.sample(list(victim.kinds), len(victim.kinds)):
            due = time.monotonic() + EVERY_S
            in_a_quiet_moment(lambda kind=kind: victim.suffer(kind))
            time.sleep(max(0.0, due - time.monotonic()))
            victim.sample()
    for kind, gaps in victim.silent_s.items():
        print(f"{kind}: {len(gaps)} times, longest silence {max(gaps):.2f} s")
    for pid, (first, *later) in victim.samples.items():
        if not later:
            continue
        last = later[-1]
        print(
            f"{first.node} ({pid}): {first.memory_mb:.1f} -> {last.memory_mb:.1f} MB, {len(later)} times, descriptors "
            f"{first.descriptors} -> {last.descriptors}"
        )
        assert last.descriptors <= first.descriptors + 2, first.node
        # The page keeps what a few crowds took, 40 MB, and no more however many come.
        assert last.memory_mb < first.memory_mb * (1.6 if first.node == "view" else 1.05) + 3, first.node
