"""What viewers of the page's server cost the graph that they look at: periods with three of a kind and with none.

They take turns within one run. The latency is from the picture's capture to the datagram's arrival in a game, as in
whole.py; the viewers are a process of their own on this machine, and take whatever they are sent.
"""

import asyncio
import json
import multiprocessing
import multiprocessing.synchronize
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import aiohttp
import psutil

from handflow.runtime.transport.rundir import RunDir
from handflow.web.cockpit import PORT

from .whole import Arrival, arrivals, cpu_s, receiver, running

COUNT = 3
KINDS = {"pages": "/live", "readers of lines": "/hands", "films": "/frames.mjpg"}
# Whoever came or went is settled, and a page that nobody looks at rests.
SETTLED_S = 2.5
ENOUGH = 10  # frames that a median is made of
PATIENCE_S = 60.0
NODE = "  view: {run: view, in: {frame: camera, heatmap: heatmap, hands: tracker, flow: flow}, with: {port: 0}}\n"
Figures = dict[str, Any]


class Period(NamedTuple):
    """What was measured while so many looked."""

    p50_ms: float
    view_percent: float  # of one core: the process that serves them
    graph_percent: float  # all processes of the graph


def measure(
    source: str, fps: float, seconds: float, rounds: int, say: Callable[[str], None]
) -> Iterator[list[Figures]]:
    """After each turn the rows so far: one for each kind of viewers, which take turns with none."""
    found: dict[str, list[tuple[Period, Period, Period]]] = {}
    with receiver() as (sock, port), running(source, fps, port, [], extra=NODE) as (process, directory):
        if not arrivals(sock, until=time.monotonic() + 30, most=30):
            raise RuntimeError("no datagram came within 30 s")
        url = _page(directory)
        offset = json.loads(directory.graph.read_text())["clock_offset_ns"] / 1e9
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        view = next(each for each in tree if "view" in each.cmdline())

        def period() -> Period:
            arrivals(sock, until=time.monotonic() + SETTLED_S)
            since, used, used_all = time.monotonic(), cpu_s([view]), cpu_s(tree)
            came: list[Arrival] = []
            while len(came) < ENOUGH and time.monotonic() < since + PATIENCE_S:
                # What says that nobody is there is of no frame.
                came += [each for each in arrivals(sock, until=time.monotonic() + seconds) if each.captured]
            if not came:
                raise RuntimeError(f"no hands came for {PATIENCE_S:g} s; has this machine other things to do?")
            lasted = time.monotonic() - since
            late_ms = statistics.median((a.at + offset - a.captured) * 1000 for a in came)
            return Period(late_ms, 100 * (cpu_s([view]) - used) / lasted, 100 * (cpu_s(tree) - used_all) / lasted)

        alone = period()
        for number in range(rounds):
            for kind, path in KINDS.items():
                say(f"viewers: {COUNT} {kind}, round {number + 1} of {rounds}")
                with _looking(url + path):
                    watched = period()
                before, alone = alone, period()
                found.setdefault(kind, []).append((before, watched, alone))
                yield [_row(kind, periods) for kind, periods in found.items()]


@contextmanager
def _looking(url: str) -> Iterator[None]:
    """While viewers, who are in a process of their own, have got something to see."""
    spawning = multiprocessing.get_context("spawn")
    seen = spawning.Semaphore(0)
    process = spawning.Process(target=look, args=(url, seen), daemon=True)
    process.start()
    try:
        for _ in range(COUNT):
            if not seen.acquire(timeout=30):
                raise RuntimeError(f"{url} showed nothing for 30 s")
        yield
    finally:
        process.terminate()
        process.join()


def look(url: str, seen: multiprocessing.synchronize.Semaphore) -> None:
    """COUNT viewers, until this process is ended; each says when it has seen something."""

    async def one(session: aiohttp.ClientSession) -> None:
        if url.endswith(".mjpg"):
            async with session.get(url) as film:
                await film.content.readany()
                seen.release()
                async for _ in film.content.iter_any():
                    pass
            return
        async with session.ws_connect(url) as opened:
            await opened.receive()
            seen.release()
            await opened.send_str("drawn")
            async for message in opened:
                if message.type == aiohttp.WSMsgType.BINARY:
                    await opened.send_str("drawn")

    async def all_() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
            await asyncio.gather(*(one(session) for _ in range(COUNT)))

    asyncio.run(all_())


def _page(directory: RunDir) -> str:
    """Where the page is, once it is there."""
    until = time.monotonic() + 30
    while not (port := directory.stored("view").get(PORT)):
        if time.monotonic() > until:
            raise RuntimeError("the page was not there within 30 s")
        time.sleep(0.1)
    return f"http://127.0.0.1:{port}"


def _row(kind: str, periods: list[tuple[Period, Period, Period]]) -> Figures:
    """Each period with viewers against the mean of those before and after it: what drifts cancels out."""
    ratios = [watched.p50_ms / statistics.mean((before.p50_ms, after.p50_ms)) for before, watched, after in periods]
    alone = [after for _, _, after in periods]
    seen = [watched for _, watched, _ in periods]

    def median(of: list[Period], name: str) -> float:
        return round(statistics.median(getattr(each, name) for each in of), 2)

    return {
        "viewers": f"{COUNT} {kind}",
        "p50_ratio": round(statistics.median(ratios), 3),
        "ratios": [round(min(ratios), 3), round(max(ratios), 3)],
        "p50_ms": median(seen, "p50_ms"),
        "p50_ms_alone": median(alone, "p50_ms"),
        "view_percent": median(seen, "view_percent"),
        "view_percent_alone": median(alone, "view_percent"),
        "graph_percent": median(seen, "graph_percent"),
        "graph_percent_alone": median(alone, "graph_percent"),
    }
