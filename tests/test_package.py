"""The wheel: what a user installs, run from anywhere."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_runs_from_any_directory(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", tmp_path, TOP],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    names = {path.name for path in (site / "handflow").rglob("*")}
    assert {"pipeline.yaml", "hands.onnx", "hands-int8.onnx", "py.typed", "calibrate.js", "annotate.js"} <= names
    done = subprocess.run(
        [sys.executable, "-m", "handflow", "run", "--source", "demo", "--for", "4"],
        cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert "tracker" in last
    assert "hands" in last
    where = subprocess.run(
        [sys.executable, "-c", "import handflow; print(handflow.__file__)"],
        cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(site) in where.stdout  # and not the checkout


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
