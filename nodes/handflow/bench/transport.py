"""How long a picture takes from one process to the next, and what it costs; ours, and peers in the same places.

Every candidate draws the same pictures at the same times (candidates/measure.py); the latency is from the moment that a
picture is drawn to the moment that its reader has it. The processor is that of all processes of a candidate together.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from handflow.bench.candidates.measure import Case
from handflow.errors import PeerError

LATE_S = 20.0  # how much longer than its pictures take a candidate may run
POLL_S = 0.02
PICTURE, SMALL = (720, 1280, 3), (40, 120, 3)  # 2.8 MB; 14 kB, as a heatmap
OURS, COPIED = "handflow", "handflow, copied in"
Figures = dict[str, Any]


class Kind(NamedTuple):
    """A question that the transport is asked."""

    title: str
    shape: tuple[int, int, int] = PICTURE
    hops: int = 1
    readers: int = 1
    lossless: bool = False  # every picture, as fast as they go
    candidates: tuple[str, ...] = (OURS, "ezmsg", "dora", "zenoh")


KINDS = {
    "hop": Kind("one hop, 1280x720", candidates=(OURS, COPIED, "ezmsg", "dora", "zenoh", "imagezmq")),
    "hops": Kind("four hops, 1280x720 passed on", hops=4, candidates=(OURS, "ezmsg", "dora", "zenoh")),
    "readers": Kind("one to three readers, 1280x720", readers=3, candidates=(OURS, "ezmsg", "dora", "zenoh")),
    "small": Kind("one hop, 14 kB", shape=SMALL),
    "lossless": Kind("every picture, flat out, 1280x720", lossless=True, candidates=(OURS, COPIED, "ezmsg")),
}


def measure(
    kinds: list[str],
    peers: Mapping[str, list[str]],
    rounds: int,
    seconds: float,
    fps: float,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> Iterator[list[Figures]]:
    """After each turn the rows so far, one per question and candidate: medians of the rounds; they take turns."""
    rows: list[Figures] = []
    for name in kinds:
        kind = KINDS[name]
        runs: dict[str, list[Figures]] = {
            each: [] for each in kind.candidates if each in (OURS, COPIED) or each in peers
        }
        for number in range(rounds):
            order = list(runs)[number % len(runs) :] + list(runs)[: number % len(runs)]
            for candidate in order:
                say(f"{kind.title}: {candidate}, round {number + 1} of {rounds}")
                try:
                    runs[candidate].append(one(kind, candidate, peers.get(candidate), seconds, fps))
                except PeerError as error:
                    warn(f"{kind.title}: {candidate}: {error}")
                yield rows + _rows(name, runs)
        rows += _rows(name, runs)


def _rows(case: str, runs: dict[str, list[Figures]]) -> list[Figures]:
    return [{"case": case, "candidate": each, **_median(found)} for each, found in runs.items() if found]


def one(kind: Kind, candidate: str, command: list[str] | None, seconds: float, fps: float) -> Figures:
    """One run. PeerError if it does not get through."""
    with tempfile.TemporaryDirectory(prefix="handflow-bench-") as folder:
        counted = 600 if kind.lossless else round(seconds * fps)
        warm = 100 if kind.lossless else round(2 * fps)
        case = Case(kind.shape, 0 if kind.lossless else fps, warm, counted, kind.hops, kind.readers, folder)
        file = Path(folder) / "case.json"
        file.write_text(json.dumps(case._asdict()))
        if command is None:
            graph = Path(folder) / "bench.yaml"
            graph.write_text(json.dumps(_graph(case, str(file), candidate != COPIED, kind.lossless)))
            command = [sys.executable, "-m", "handflow", "run", str(graph)]
        else:
            command = [*command, str(file)]
        with open(Path(folder) / "said", "w+b") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder, start_new_session=True)
            try:
                cpu_s = _wait(process, case)
                notes = [json.loads((Path(folder) / f"sink{n}.json").read_text()) for n in range(case.readers)]
            except PeerError as error:
                said.seek(0)
                lines = said.read().decode(errors="replace").strip().splitlines()
                raise PeerError(f"{error} ({lines[-1] if lines else 'without a word'})") from error
            finally:
                _end(process)
    return _figures(case, notes, cpu_s)


def _graph(case: Case, file: str, in_place: bool, lossless: bool) -> dict[str, Any]:
    """The same in our own words."""
    package = f"{__package__}.candidates"
    nodes: dict[str, Any] = {"source": {"run": f"{package}.source", "with": {"case": file, "in_place": in_place}}}
    before = "source"
    for hop in range(case.hops - 1):
        nodes[f"relay{hop}"] = {"run": f"{package}.relay", "in": before}
        before = f"relay{hop}"
    edge = {"from": before, "keep": "all" if lossless else "newest"}
    for n in range(case.readers):
        nodes[f"sink{n}"] = {"run": f"{package}.sink", "in": edge, "with": {"case": file, "name": f"sink{n}"}}
    return {"nodes": nodes}


def _wait(process: "subprocess.Popen[bytes]", case: Case) -> float:
    """Until all readers have written their notes; seconds of processor time since the counting began. PeerError."""
    folder = Path(case.folder)
    deadline = time.monotonic() + LATE_S + ((case.warm + case.counted) / case.fps if case.fps else 60)
    begun: float | None = None
    while not all((folder / f"sink{n}.json").exists() for n in range(case.readers)):
        if begun is None and (folder / "warm").exists():
            begun = _cpu_s(process.pid)
        if process.poll() is not None:
            raise PeerError("it ended before its pictures had arrived")
        if time.monotonic() > deadline:
            raise PeerError("its pictures did not all arrive in time")
        time.sleep(POLL_S)
    return _cpu_s(process.pid) - (begun or 0.0)


def _cpu_s(pid: int) -> float:
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for each in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += sum(each.cpu_times()[:2])
    return total


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Stops a candidate with all its processes; those that do not stop are killed."""
    tree = []
    with suppress(psutil.NoSuchProcess):
        tree = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(3)
    _, alive = psutil.wait_procs(tree, 1)
    for each in alive:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _figures(case: Case, notes: list[dict[str, Any]], cpu_s: float) -> Figures:
    ms = np.concatenate([note["ms"] for note in notes])
    if not len(ms):
        raise PeerError("no picture that counts arrived")
    wrong = sum(note["wrong"] for note in notes)
    return {
        "p50_ms": float(np.percentile(ms, 50)),
        "p99_ms": float(np.percentile(ms, 99)),
        "cpu_ms": 1000 * cpu_s / case.counted,  # a picture
        "fps": statistics.median((len(note["ms"]) - 1) / max(note["seconds"], 1e-9) for note in notes),
        "lost": case.counted * case.readers - len(ms),
        "wrong": wrong,
    }


def _median(runs: list[Figures]) -> Figures:
    row: Figures = {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
    spread = [round(pick(run["p50_ms"] for run in runs), 3) for pick in (min, max)]
    return {**row, "p50_spread_ms": spread, "rounds": len(runs)}


def ratios(rows: list[Figures]) -> list[Figures]:
    """Ours against the better of dora and ezmsg, for each question that one of them has answered."""
    lines = []
    for name in dict.fromkeys(row["case"] for row in rows):
        there = {row["candidate"]: row for row in rows if row["case"] == name}
        for own in (each for each in (OURS, COPIED) if each in there):
            line: Figures = {"case": name, "candidate": own}
            for key, better in (("p50_ms", min), ("p99_ms", min), ("cpu_ms", min), ("fps", max)):
                if peers := [there[peer][key] for peer in ("ezmsg", "dora") if peer in there]:
                    line[key] = round(there[own][key] / better(peers), 2) if better(peers) else None
            if len(line) > 2:
                lines.append(line)
    return lines
