"""Whole graphs under odd names, in odd folders, without UTF-8 in the locale."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.graphs import Run
from support.models import FACTS, brightness_model
from support.pictures import clip

GRAPH = """
transport: {transport}
nodes:
  camera: {{run: camera, with: {{source: "h\\xe4nde \\udce9.mp4", pace: max}}}}
  heatmap: {{run: heatmap, in: {{frame: camera}}, with: {{model: ./m\\xe9.onnx, precision: fp32}}}}
  tracker: {{run: tracker, in: heatmap}}
  lines: {{run: json_lines, in: tracker, with: {{file: "out\\udce9.jsonl", name: "h\\xe4nde \\udce9"}}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / os.fsdecode(b"f\xe9 \xc3\xa4\n")
    made.mkdir()
    monkeypatch.chdir(made)
    for name, value in {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["auto", "portable"])
def test_a_graph_runs_under_any_name(transport: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = folder / os.fsdecode(b"t\xe9")
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    brightness_model(folder / os.fsdecode(b"m\xe9.onnx"), FACTS)
    clip(folder.parent / "clip.mp4", 20).rename(folder / os.fsdecode("hände ".encode() + b"\xe9.mp4"))
    graph = folder / os.fsdecode("g ä\n".encode() + b"\xe9.yaml")
    graph.write_text(GRAPH.format(transport=transport), "utf-8")
    run = Run("run", graph.name, "--exact")
    assert run.end(120) == 0, run.err
    lines = (folder / os.fsdecode(b"out\xe9.jsonl")).read_text("ascii").splitlines()
    assert [json.loads(line)["source"] for line in lines] == [r"hände \xe9"] * 20


@pytest.mark.parametrize("name", ["hände.mp4", "absent ä.mp4"])
def test_a_name_with_umlauts_is_read_and_said_without_utf_8_in_the_locale(name: str, folder: Path) -> None:
    clip(folder / "hände.mp4", 2)
    command = [sys.executable, "-m", "handflow", "convert", name, "-o", "ö.mcap"]
    done = subprocess.run(command, capture_output=True)
    if name == "hände.mp4":
        assert (done.returncode, done.stdout, done.stderr) == (0, "ö.mcap: 2 pictures\n".encode(), b"")
    else:
        assert done.returncode == 1
        assert done.stderr.startswith("absent ä.mp4: ".encode())
        assert done.stderr.count(b"\n") == 1
