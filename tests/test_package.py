"""The wheel: what a user installs, run from anywhere."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.needed import need

TOP = Path(__file__).parents[1]
WHEELS = TOP / ".wheels"  # what .ci/run has downloaded: what we need, and what those need


def built(kind: str, folder: Path) -> Path:
    """The wheel or the source archive (sdist) of this checkout."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "-o", folder, TOP]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = folder.glob("handflow-*")
    return made


def runs(command: list[str | Path], folder: Path, path: str = "") -> None:
    """Runs the demo in a folder that has nothing to do with us."""
    folder.mkdir()
    with subprocess.Popen(
        [*command, "run", "--source", "demo"],
        cwd=folder, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert next((line for line in process.stdout if re.search(r"tracker [^|]* hands\)", line)), ""), "no hands"
        process.terminate()
        process.stdout.read()
    assert process.returncode == 0


@pytest.mark.slow
def test_the_wheel_runs_from_any_directory(tmp_path: Path) -> None:
    wheel = built("wheel", tmp_path)
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    names = {path.name for path in (site / "handflow").rglob("*")}
    assert {"pipeline.yaml", "hands.onnx", "hands-int8.onnx", "py.typed", "calibrate.js", "annotate.js"} <= names
    runs([sys.executable, "-m", "handflow"], elsewhere, str(site))
    where = subprocess.run(
        [sys.executable, "-c", "import handflow; print(handflow.__file__)"],
        cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(site) in where.stdout  # and not the checkout


@pytest.mark.slow
@pytest.mark.timeout(300)  # a busy disk takes long to install 300 MB
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_it_installs_where_there_is_nothing_but_python(kind: str, tmp_path: Path) -> None:
    need(WHEELS.is_dir(), "wheels to install from in .wheels; .ci/run brings them")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "empty"], check=True)
    programs = tmp_path / "empty" / "bin"
    install = [programs / "pip", "install", "-q", "--no-index", "--find-links", WHEELS, built(kind, tmp_path)]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    runs([programs / "handflow"], tmp_path / "elsewhere")


@pytest.mark.parametrize("verb", ["run", "check", "detect"])
def test_a_missing_system_library_is_one_clear_line(tmp_path: Path, verb: str) -> None:
    """What opencv-python's wheel does on a bare Debian."""
    (tmp_path / "cv2.py").write_text('raise ImportError("libGL.so.1: cannot open shared object file")')
    done = subprocess.run(
        [sys.executable, "-m", "handflow", verb, TOP / "pipeline.yaml"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt-get install libgl1 libglib2.0-0" in done.stderr
