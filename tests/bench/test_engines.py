"""The usual graph under another engine, beside our own supervisor; how fast either was is no test's business."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest
from support.needed import need

from handflow.__main__ import main
from handflow.bench import engines, whole
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve


def test_each_pair_gives_a_ratio_and_a_turn_without_its_pair_none() -> None:
    figures = {"p99_ms": 4.0, "cpu_percent": 10.0, "pss_mb": 100.0}
    ours = [{"p50_ms": ms, **figures} for ms in (1.0, 2.0, 4.0)]
    assert engines.rows_of({"handflow": ours[:1], "dora": []}) == [{"engine": "handflow", **ours[0]}]
    theirs = [{"p50_ms": ms, **figures} for ms in (3.0, 2.0)]
    first, second, ratio = engines.rows_of({"handflow": ours, "dora": theirs})
    assert (first["p50_ms"], second["p50_ms"]) == (2.0, 2.5)
    assert ratio == {
        "engine": "ratio", "p50_ms": 2.0, "p99_ms": 1.0, "cpu_percent": 1.0, "pss_mb": 1.0, "p50_ratios": [1.0, 3.0],
    }  # fmt: skip


def test_an_engine_that_is_not_there_is_one_line_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines.shutil, "which", lambda *_, **__: None)
    assert main(["bench", "graph", "--engine", "dora"]) == 1
    error = capsys.readouterr().err
    assert "pip install 'handflow[dora]'" in error
    assert error.count("\n") == 1


def test_either_runs_the_graph_with_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(whole.usual_graph("demo", 30, 7000, engines.HEATMAP))
    stages = resolve(read(file))
    assert {key: stages["heatmap"].settings[key] for key in engines.HEATMAP} == engines.HEATMAP
    assert list(stages) == ["camera", "flow", "heatmap", "tracker", "osc"]


@pytest.mark.slow  # dora is in an extra
@pytest.mark.timeout(120)
def test_the_graph_is_measured_under_both(capsys: pytest.CaptureFixture[str]) -> None:
    found = shutil.which("dora", path=Path(sys.executable).parent) or shutil.which("dora")
    need(importlib.util.find_spec("dora") and found, "pip install 'dora-rs==1.1.*' 'dora-rs-cli==1.1.*'")
    assert main(["bench", "graph", "--engine", "dora", "--rounds", "1", "--seconds", "2", "--json"]) == 0
    *rows, ratio = json.loads(capsys.readouterr().out)["engines"]
    assert [row["engine"] for row in rows] == ["handflow", "dora"]
    for row in rows:
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["hands"] > 0
        assert row["pss_mb"] > 50
    assert ratio["p50_ms"] > 0
