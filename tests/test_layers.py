"""Imports go one way, from layer to layer, for every file; heavy libraries stay where they belong."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import handflow
from handflow.runtime.graph.stage import stage_names

PACKAGE = Path(handflow.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = [  # a file imports from its own layer and from those before it, in the first folder (or two) of its path
    ("errors", "messages"),
    ("runtime",),
    ("runtime.transport",),
    ("runtime.graph",),
    ("runtime.remote",),
    ("runtime.process",),
    ("runtime.dora",),
    ("synthetic", "vision", "capture", "outputs", "web"),
    ("recording",),
    ("stages",),
    ("pipeline",),
    ("training",),
    ("bench",),
    ("commands",),
    ("__main__",),
]
LEVEL = {name: level for level, names_ in enumerate(LAYERS) for name in names_}
HOME = {  # which folders or modules may import what
    "torch": {"training"},
    "onnx": {"training"},
    "onnxruntime": {"vision.model", "training"},
    "pythonosc": {"outputs.osc.encoding", "outputs.osc.decoding", "bench"},
    "zmq": {"runtime", "stages.publish"},
    "dora": {"runtime.dora", "bench.candidates"},
    "pyarrow": {"runtime.dora", "bench.candidates"},
    "aiohttp": {"web", "bench.viewers"},
    "prometheus_client": {"web.metrics"},
    "ruamel": {"runtime.graph", "training.labels", "training.recipe"},
    "matplotlib": {"training"},
    "mcap": {"recording"},
    "av": {"capture.clips", "outputs.video_file", "recording.conversion", "recording.animation"},
    "PIL": {"capture.images", "training.labels"},
    "moderngl": {"synthetic.people"},
}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def layer_of(module: str) -> str:
    """The layer of `runtime.graph.parse` is `runtime.graph`, of `vision.peaks` is `vision`."""
    parts = module.split(".")
    return next(name for name in (".".join(parts[:2]), parts[0]) if name in LEVEL)


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, ours without `handflow.`, each as far as it is one: `vision.peaks`, `cv2`."""
    package = ["handflow", *file.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("handflow.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                path = PACKAGE.parent / whole.replace(".", "/")
                ours = path.is_dir() or path.with_suffix(".py").exists()
                yield (whole if ours else module).removeprefix("handflow.")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_from_the_layers_below_it(file: Path) -> None:
    own = module_of(file)
    if own == "__init__":
        return  # gathers the public names
    for module in imports(file):
        if module == "handflow":
            # A stage begins like a user's: `from handflow import Frame, Node`.
            assert LEVEL[layer_of(own)] > LEVEL["runtime.process"], f"{own} imports the package that imports it"
        elif module.split(".")[0] in {name.split(".")[0] for name in LEVEL}:
            assert LEVEL[layer_of(module)] <= LEVEL[layer_of(own)], f"{own} imports {module}"
        elif own in ("messages", "errors"):
            assert module.split(".")[0] in sys.stdlib_module_names | {"numpy"}, f"{own} imports {module}"
        library = module.split(".")[0]
        if library in HOME:
            assert any(own == home or own.startswith(f"{home}.") for home in HOME[library]), f"{own} imports {library}"
        if layer_of(own) == layer_of(module) == "stages" if module.split(".")[0] == "stages" else False:
            raise AssertionError(f"stage {own} imports stage {module}")


def test_no_import_is_hidden_from_the_layers() -> None:
    hiding = [str(file.relative_to(PACKAGE)) for file in FILES if "TYPE_CHECKING" in file.read_text("utf-8")]
    assert hiding == []


def test_no_imports_go_in_a_circle() -> None:
    modules = {module_of(file): set(imports(file)) for file in FILES if module_of(file) != "__init__"}
    # CycleError names the circle.
    TopologicalSorter({name: needed & modules.keys() for name, needed in modules.items()}).prepare()


def test_importing_handflow_loads_nothing_heavy() -> None:
    code = "import sys, handflow; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"cv2", "onnxruntime", "torch", "rich", "psutil", "ruamel", "pythonosc", "matplotlib"}


def test_the_public_names_are_these() -> None:
    assert sorted(handflow.__all__) == [
        "Array", "Flow", "Frame", "Gestures", "Hands", "Heatmap", "Hop", "Message", "Node", "Packed", "Phase", "Range",
        "SetupError", "State", "now_ns", "ticks",
    ]  # fmt: skip
    assert all(hasattr(handflow, name) for name in handflow.__all__)


def test_our_stages_are_these() -> None:
    assert stage_names() == [
        "camera", "demo", "flow", "fusion", "gestures", "heatmap", "json_lines", "osc", "publish", "record", "replay",
        "surface", "tracker", "view",
    ]  # fmt: skip
