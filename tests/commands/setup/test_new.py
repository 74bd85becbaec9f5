"""`handflow new`: what it makes is right as it stands."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handflow.__main__ import main


def test_what_is_made_passes_its_own_test(command: Callable[..., list[str]], tmp_path: Path) -> None:
    lines = command("new", "far-reach_2", cwd=tmp_path)
    folder = tmp_path / "far-reach_2"
    assert lines[0] == "far-reach_2/: far_reach_2.py, pipeline.yaml, test_far_reach_2.py"
    assert "class FarReach2(Node):" in (folder / "far_reach_2.py").read_text()
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=E,F,I", "--line-length=120", "."]
    assert subprocess.run(ruff, cwd=folder).returncode == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Reach", "expected a name of small letters, digits, - and _ that begins with a letter, got 'Reach'"),
        ("tracker", "tracker is a stage of handflow's; choose another name"),
        ("class", "class is a word of Python's or a module of its own, which would be hidden; choose another name"),
        ("wave", "wave is a word of Python's or a module of its own, which would be hidden; choose another name"),
        ("numpy", "there is a Python package numpy here, which would be hidden; choose another name"),
    ],
)
def test_names_that_cannot_be_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", name]) == 1
    assert capsys.readouterr().err == f"new {name}: {why}\n"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reach").mkdir()
    assert main(["new", "reach"]) == 1
    assert capsys.readouterr().err == "reach is there already; choose another name\n"
    assert list((tmp_path / "reach").iterdir()) == []
