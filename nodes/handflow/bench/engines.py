"""The same graph under an engine that others keep, beside our own supervisor: from the camera to a game.

The two take turns, and change places in each round; each round's pair gives a ratio.
"""

import importlib.util
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from handflow.errors import RunError, SetupError
from handflow.messages import Clock

from .whole import Figures, observed, receiver, usual_graph, whole_graph

OURS = "handflow"
ENGINES = ("dora",)
HEATMAP = {"profile": "near", "precision": "int8"}
COMPARED = ("p50_ms", "p99_ms", "cpu_percent", "pss_mb")
END_S = 10.0


def measure(
    engine: str, source: str, fps: float, seconds: float, rounds: int, say: Callable[[str], None]
) -> Iterator[list[Figures]]:
    """After each turn the rows so far: medians of each, and the median of the pairs' ratios. SetupError."""
    program = installed(engine)
    runs: dict[str, list[Figures]] = {OURS: [], engine: []}
    for number in range(rounds):
        for name in (OURS, engine) if number % 2 == 0 else (engine, OURS):
            say(f"whole graph: under {name}, round {number + 1} of {rounds}")
            if name == OURS:
                runs[name].append(whole_graph(source, fps, seconds, HEATMAP["profile"], HEATMAP["precision"]))
            else:
                runs[name].append(_under_dora(program, source, fps, seconds))
            yield rows_of(runs)


def installed(engine: str) -> str:
    """The engine's program. SetupError: it is not here."""
    beside = Path(sys.executable).parent
    program = shutil.which(engine, path=beside) or shutil.which(engine)
    if program is None or importlib.util.find_spec(engine) is None:
        raise SetupError(f"--engine {engine}: expected {engine} beside handflow; pip install 'handflow[{engine}]'")
    return program


def rows_of(runs: dict[str, list[Figures]]) -> list[Figures]:
    """A row for each engine that has run, and the other's against ours by pairs: median, lowest and highest."""
    rows: list[Figures] = [{"engine": name, **_median(found)} for name, found in runs.items() if found]
    ours, theirs = runs.values()
    if pairs := list(zip(ours, theirs, strict=False)):
        ratios = {key: [b[key] / max(a[key], 1e-9) for a, b in pairs] for key in COMPARED}
        rows.append({
            "engine": "ratio",
            **{key: round(statistics.median(found), 2) for key, found in ratios.items()},
            "p50_ratios": [round(min(ratios["p50_ms"]), 2), round(max(ratios["p50_ms"]), 2)],
        })  # fmt: skip
    return rows


def _under_dora(program: str, source: str, fps: float, seconds: float) -> Figures:
    with receiver() as (sock, port), _dataflow(program, source, fps, port) as process:
        # Each process has measured the offset of its own clock, all of them against the same wall clock.
        return observed(process, sock, seconds, lambda: Clock.offset_ns / 1e9, signal.SIGINT)


@contextmanager
def _dataflow(program: str, source: str, fps: float, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A `dora run` of the usual graph, as `handflow deploy` writes it; no process outlives it. RunError."""
    with tempfile.TemporaryDirectory() as folder:
        file, flow = Path(folder) / "bench.yaml", Path(folder) / "flow"
        file.write_text(usual_graph(source, fps, port, HEATMAP))
        command = [sys.executable, "-m", "handflow", "deploy", str(file), "--to", "dora", "-o", str(flow)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RunError(done.stderr.strip())
        command = [program, "run", str(flow / "dataflow.yaml")]
        with open(Path(folder) / "said", "wb") as said:
            process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
        nodes: list[psutil.Process] = []
        try:
            yield process
        finally:
            if process.poll() is None:
                nodes = psutil.Process(process.pid).children(recursive=True)
                process.send_signal(signal.SIGINT)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
            for node in psutil.wait_procs(nodes, END_S)[1]:
                node.kill()


def _median(runs: list[Figures]) -> Figures:
    return {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}
