"""Dependencies point one way: messages <- runtime <- stages <- training; heavy libraries stay where they belong."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import handflow
from handflow.runtime.stage import names

PACKAGE = Path(handflow.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = {"__main__", "bench", "detect", "monitor", "simulate"}  # they put stages together and measure them
HOME = {  # which modules may import what
    "torch": {"training"},
    "onnx": {"training"},
    "onnxruntime": {"heatmap", "training"},
    "pythonosc": {"osc_encoding", "osc_reading", "bench"},
    "zmq": {"runtime", "publish"},
    "aiohttp": {"web"},
    "ruamel": {"runtime", "training"},
    "matplotlib": {"training"},
    "mcap": {"recording", "recorded", "chunks"},
    "av": {"convert"},
}


def part(file: Path) -> str:
    """The layer or stage that a file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that a file imports; our own modules as `.heatmap`, `.runtime`, `.messages`."""
    depth = len(file.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = part(file) if 0 < node.level < depth else ""
            for alias in node.names:
                module = node.module or alias.name
                yield (f".{inside or module.split('.')[0]}" if node.level else module), alias.name


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_what_flows_towards_it(file: Path) -> None:
    own = part(file)
    stages = set(names())
    for module, name in imports(file):
        target = module.removeprefix(".") if module.startswith(".") else None
        if own == "messages":
            assert module.split(".")[0] in sys.stdlib_module_names | {"numpy"}, f"messages imports {module}"
        if own == "runtime" and target:
            assert target in {"messages", "runtime"}, f"the runtime imports {target}"
        if own not in COMMANDS | {"training"} and target:
            assert target != "training", f"{own} imports the training side"
        if own in stages and target in stages - {own}:
            tree = ast.parse((PACKAGE / f"{target}.py").read_text("utf-8"))
            nodes = {c.name for c in tree.body if isinstance(c, ast.ClassDef) and "Node" in map(ast.unparse, c.bases)}
            assert name not in nodes, f"stage {own} imports {target}'s node"
        library = module.split(".")[0]
        if library in HOME:
            assert own in HOME[library], f"{own} imports {library}"


def test_importing_handflow_loads_nothing_heavy() -> None:
    code = "import sys, handflow; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"cv2", "onnxruntime", "torch", "rich", "psutil", "ruamel", "pythonosc", "matplotlib"}


def test_the_public_names_are_these() -> None:
    assert sorted(handflow.__all__) == [
        "Array", "Flow", "Frame", "Hands", "Heatmap", "Hop", "Message", "Node", "Packed", "Range", "SetupError",
        "State", "now_ns", "ticks",
    ]  # fmt: skip
    assert all(hasattr(handflow, name) for name in handflow.__all__)


def test_our_stages_are_these() -> None:
    assert names() == [
        "camera", "demo", "flow", "heatmap", "json_lines", "osc", "publish", "record", "replay", "surface", "tracker",
        "view",
    ]  # fmt: skip
