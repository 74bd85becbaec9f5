"""What `handflow top` tells of running graphs."""

import json
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.graphs import Run, until
from support.numbered import BOTH_IF_SLOW, PASSER, TAP, TICKER, graph, tapped, with_nodes

from handflow.__main__ import main
from handflow.errors import ReaderGone
from handflow.runtime.process.status_table import EMPTY_ROW


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return with_nodes(tmp_path, getattr(request, "param", "auto"))


@BOTH_IF_SLOW
def test_top_tells_of_every_stage(run: Callable[..., Run], command: Callable[..., list[str]], folder: Path) -> None:
    file = graph(folder, "ticker: {run: ticker.py}", PASSER, TAP)
    started = run("run", file, cwd=folder)
    until(lambda: any("30" in line for line in started.out[1:]), "no table is printed")
    rows = json.loads("".join(command("top", "--json", "--graph", file)))
    assert [row["node"] for row in rows] == ["ticker", "passer", "tap"]
    contract = {"node", "pid", "state", "fps_in", "fps_out", "work_ms", "age_ms", "skipped", "restarts", "cpu_percent"}
    for row, child in zip(rows, started.children().values(), strict=True):
        assert contract | {"rss_mb"} <= row.keys()
        assert psutil.pid_exists(row["pid"])
        assert row["state"] == "running"
        assert row["age_ms"]["p50"] <= row["age_ms"]["p99"]
        assert child.pid in {r["pid"] for r in rows}

    def ages() -> list[float]:
        return [row["age_ms"]["p50"] for row in json.loads("".join(command("top", "--json", "--graph", file)))]

    # In the long run: on a busy machine the medians of a second are not of the same messages.
    until(lambda: (now := ages()) == sorted(now), "messages do not get older with every hop")
    assert rows[1]["fps_in"] > 0
    assert rows[2]["fps_out"] == 0
    assert "passer" in "".join(command("top", "--once", "--graph", file))


@pytest.mark.parametrize("transport", ["auto", pytest.param("portable", marks=pytest.mark.slow)])
def test_two_graphs_do_not_disturb_each_other_and_top_asks_which(
    run: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], transport: str
) -> None:
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tap = TAP.replace("passer", "ticker")
        files.append(graph(with_nodes(tmp_path / name, transport), "ticker: {run: ticker.py}", tap))
        run("run", files[-1], cwd=tmp_path / name)
    until(lambda: all(len(tapped(file.parent)) > 3 for file in files), "one of them delivers nothing")
    assert main(["top", "--once"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert all(str(file) in line for file in files)


def test_top_without_a_running_graph_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--graph", str(graph(folder, TICKER))]) == 1
    assert capsys.readouterr().err == f"{folder}/graph.yaml is not running\n"


def test_the_table_goes_into_a_pipe_each_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`top | head` ends: what redraws itself on a terminal would be held back to the end."""
    answers = iter([[{**EMPTY_ROW, "node": "first"}], [{**EMPTY_ROW, "node": "second"}]])

    def ask(*_: object, **__: object) -> list[dict]:
        rows = next(answers, None)
        if rows is None:
            raise ReaderGone
        return rows

    monkeypatch.setattr("handflow.commands.running.top.ask", ask)
    monkeypatch.setattr("handflow.commands.running.top.time.sleep", lambda _: None)
    assert main(["top"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("first") < printed.index("second")
