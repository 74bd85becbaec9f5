"""The portable path: the runtime without what Windows lacks, and without what macOS lacks.

That is as near as Linux comes to them. Windows itself is run by tests/test_windows.py; macOS is not.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.graphs import Run, until

import handflow

WINDOWS = """
import os, signal, sys, warnings

warnings.filterwarnings("ignore", "only soft file lock")  # Windows has a better one
sys.modules["fcntl"] = None  # importing it fails
del os.memfd_create, os.getuid, signal.SIGHUP, signal.pthread_kill
"""
MACOS = """
import os, sys
import psutil  # has code of its own for each system, and asks /proc here

sys.platform = "darwin"
del os.memfd_create, os.posix_fallocate, os.sched_getaffinity
os.path.exists = lambda path, real=os.path.exists: not os.fspath(path).startswith("/proc") and real(path)

def without_proc(path, *rest, real=os.open, **more):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory", path)
    return real(path, *rest, **more)

os.open = without_proc
"""
NODES = {
    "ticker.py": """
from collections.abc import Iterator
from handflow import Frame, Node, ticks

class Ticker(Node):
    def process(self) -> Iterator[Frame]:
        for number, _ in enumerate(ticks(20)):
            image = self.empty((90, 1600, 3), "uint8")
            image[:] = number % 256
            yield Frame(image=image)
""",
    "tap.py": """
from handflow import Frame, Node

class Tap(Node):
    def start(self):
        self.out = open("out", "a", buffering=1)

    def process(self, frame: Frame) -> None:
        print((frame.image == (frame.seq - 1) % 256).all(), file=self.out)

    def stop(self):
        print("stopped", file=self.out)
""",
}


@pytest.fixture(params=[pytest.param(WINDOWS, id="windows"), pytest.param(MACOS, id="macos", marks=pytest.mark.slow)])
def bare(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a graph; Python processes started from now on lack what the other system lacks."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(request.param)
    path = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    for name, text in NODES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "graph.yaml").write_text("nodes:\n  ticker: {run: ticker.py}\n  tap: {run: tap.py, in: ticker}\n")
    return tmp_path


def test_without_them_the_runtime_is_imported_and_the_portable_path_taken(bare: Path) -> None:
    code = (
        "import handflow.__main__;"
        "from handflow.runtime.process import control_client, process, supervisor;"
        "from handflow.runtime.transport.rundir import portable; print(portable())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_what_only_posix_has_is_imported_where_it_may_be_missing() -> None:
    package = Path(handflow.__file__).parent
    found = {
        (file.name, name.split(".")[0])
        for file in (*package.glob("*.py"), *package.glob("runtime/*.py"))
        for part in ast.parse(file.read_text("utf-8")).body  # what a function imports is its own affair
        if not isinstance(part, ast.FunctionDef | ast.ClassDef | ast.Try)
        for node in ast.walk(part)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.split(".")[0] in {"fcntl", "termios", "pwd", "grp", "resource", "pty", "tty", "curses", "syslog"}
    }
    assert found == set()


def test_a_graph_runs_stops_and_starts_again(run: Callable[..., Run], bare: Path) -> None:
    out = bare / "out"
    for time in ("first", "again"):
        out.unlink(missing_ok=True)
        started = run("run", "graph.yaml", cwd=bare)
        until(lambda: out.exists() and len(out.read_text().split()) > 3, "nothing is delivered")
        until(lambda: len(list(bare.glob("temporary/handflow*/*/*.ring"))) == 1, "there is not one ring")
        if time == "first":
            second = run("run", "graph.yaml", cwd=bare)
            top = run("top", "--once", "--json")
            assert second.end() == 1
            assert "already runs" in second.err[0]
            assert top.end() == 0
        assert started.stop() == 0
        assert set(out.read_text().split()) == {"True", "stopped"}  # whole pictures; the sink could say goodbye
        assert list(bare.glob("temporary/handflow*/*/*.ring*")) == []
