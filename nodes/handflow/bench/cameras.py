"""What each camera costs where several share one network: latency, frames, processor and memory, measured from outside.

A real `handflow run` of demo cameras, one `heatmap` for all of them and a tracker for each.
"""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from handflow.errors import RunError
from handflow.runtime.process.control_client import ask

from .whole import cpu_s

SIZE = (854, 480)
STARTED_S = 120.0
WARM_S = 3.0
Figures = dict[str, Any]


def measure(
    counts: Sequence[int], fps: float, seconds: float, rounds: int, say: Callable[[str], None]
) -> Iterator[list[Figures]]:
    """After each turn the rows so far, one per number of cameras: medians of the rounds; they take turns."""
    runs: dict[int, list[Figures]] = {count: [] for count in counts}
    for number in range(rounds):
        for count in counts:
            say(f"cameras: {count}, round {number + 1} of {rounds}")
            runs[count].append(cameras(count, fps, seconds))
            yield [_median(found) for found in runs.values() if found]


def graph_of(count: int, fps: float) -> dict[str, Any]:
    """The graph of so many demo cameras of 480p, near, as a file has it."""
    names = [f"camera{number}" for number in range(1, count + 1)]
    hands = [f"hands{number}" for number in range(1, count + 1)]
    nodes: dict[str, Any] = {
        name: {"run": "demo", "with": {"size": list(SIZE), "fps": fps, "seed": seed}} for seed, name in enumerate(names)
    }
    nodes["heatmap"] = {"run": "heatmap", "in": {"frame": names, "prior": hands}, "with": {"profile": "near"}}
    for name, camera in zip(hands, names, strict=True):
        nodes[name] = {"run": "tracker", "in": {"heatmap": {"from": "heatmap", "stream": camera}}}
    return {"nodes": nodes}


def cameras(count: int, fps: float, seconds: float) -> Figures:
    """So many cameras for a while. Processor and memory are of all processes but the supervisor, a camera."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cameras.yaml"
        # JSON is YAML.
        file.write_text(json.dumps(graph_of(count, fps)), "utf-8")
        process = subprocess.Popen([sys.executable, "-m", "handflow", "run", str(file)], stdout=subprocess.DEVNULL)
        try:
            _wait_until_it_runs(file, process)
            time.sleep(WARM_S)
            tree = psutil.Process(process.pid).children(recursive=True)
            used, since, before = cpu_s(tree), time.monotonic(), _skipped(ask(file, "top"))
            seen: dict[str, list[float]] = {}
            rows: list[dict[str, Any]] = []
            while time.monotonic() - since < seconds:
                time.sleep(1)
                rows = ask(file, "top")
                for row in rows:
                    if row["node"].startswith("hands"):
                        seen.setdefault(row["node"], []).append(row["fps_in"])
            lasted = time.monotonic() - since
            percent = 100 * (cpu_s(tree) - used) / lasted
            pss = sum(each.memory_full_info().pss for each in tree) / 2**20
            skipped = _skipped(rows) - before
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    rates = [statistics.mean(rate) for rate in seen.values()]
    ages = [row["age_ms"] for row in rows if row["node"] in seen]
    network = next(row["work_ms"]["p50"] for row in rows if row["node"] == "heatmap")
    return {
        "cameras": count,
        "fps": round(statistics.mean(rates), 1),
        "slowest": round(min(rates), 1),
        "fastest": round(max(rates), 1),
        "skipped": skipped,
        "p50_ms": round(statistics.median(age["p50"] for age in ages), 1),
        "p99_ms": round(max(age["p99"] for age in ages), 1),
        "network_ms": round(network, 1),
        "cpu_percent_a_camera": round(percent / count, 1),
        "pss_mb_a_camera": round(pss / count, 1),
    }


def _wait_until_it_runs(file: Path, process: "subprocess.Popen[bytes]") -> None:
    """Until every node works. RunError."""
    end = time.monotonic() + STARTED_S
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.5)
        try:
            rows = ask(file, "top")
        except RunError:
            # It is just starting.
            continue
        if rows and all(row["state"] == "running" for row in rows) and all(row["fps_out"] > 0 for row in rows):
            return
    raise RunError(f"the cameras did not run after {STARTED_S:g} s")


def _skipped(rows: Sequence[dict[str, Any]]) -> int:
    """Frames that the network passed over."""
    return sum(row["skipped"] for row in rows if row["node"] == "heatmap")


def _median(runs: Sequence[Figures]) -> Figures:
    return {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}
