"""What watchdogs and monitoring systems are told."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.graphs import Run, until
from support.pages import ask

from handflow import __version__
from handflow.errors import RunError
from handflow.runtime.process.health import HealthRecord, stats
from handflow.runtime.process.status_table import EMPTY_ROW
from handflow.web import health as pages
from handflow.web.metrics import CONTENT_TYPE, exposition
from handflow.web.server import WebServer

ROWS = [
    EMPTY_ROW | {"node": "camera", "state": "running", "fps_out": 29.9, "work_ms": {"p50": 2.0, "p99": 5.0}},
    EMPTY_ROW | {"node": 'od"d\\n', "state": "running", "skipped": 3, "cpu_percent": 50.0, "rss_mb": 1.0},
]


def found(fault: str = "") -> dict[str, Any]:
    record = HealthRecord()
    rows = [ROWS[0] | {"fault": fault}, *ROWS[1:]]
    record.update(rows)
    return stats("floor.yaml", rows, record)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    (tmp_path / "index.html").touch()
    made = WebServer(tmp_path)
    pages.HealthPages("floor.yaml", "").add_to(made)
    made.start()
    yield made
    made.close()


def test_healthz_is_200_while_nothing_is_wrong_and_says_what_is(web: WebServer, monkeypatch) -> None:
    monkeypatch.setattr(pages, "FRESH_S", 0.0)
    monkeypatch.setattr(pages, "ask", lambda *_: found())
    status, text, _ = ask(web, "GET", "/healthz")
    assert (status, json.loads(text)) == (200, {"ok": True, "faults": []})
    monkeypatch.setattr(pages, "ask", lambda *_: found("black: is the light off?"))
    status, text, _ = ask(web, "GET", "/healthz")
    assert (status, json.loads(text)["faults"][0]["text"]) == (503, "camera black: is the light off?")


def test_a_supervisor_that_has_gone_is_a_fault(web: WebServer, monkeypatch) -> None:
    def gone(*_: object) -> None:
        raise RunError("floor.yaml is not running")

    monkeypatch.setattr(pages, "ask", gone)
    status, text, _ = ask(web, "GET", "/healthz")
    assert (status, json.loads(text)["faults"][0]["kind"]) == (503, "no supervisor")
    assert ask(web, "GET", "/metrics")[0] == 200
    assert json.loads(ask(web, "GET", "/stats.json")[1])["nodes"] == []


def test_many_who_ask_at_once_cost_one_question(web: WebServer, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(pages, "FRESH_S", 60.0)
    monkeypatch.setattr(pages, "ask", lambda *given: asked.append(given) or found())
    for path in ("/healthz", "/metrics", "/stats.json", "/healthz"):
        assert ask(web, "GET", path)[0] == 200
    assert asked == [(Path("floor.yaml"), "stats", pages.ANSWER_S, None)]


def test_metrics_say_what_the_table_says(web: WebServer, monkeypatch) -> None:
    monkeypatch.setattr(pages, "ask", lambda *_: found("black: x"))
    _, text, headers = ask(web, "GET", "/metrics")
    assert headers["Content-Type"] == CONTENT_TYPE
    families = list(text_string_to_metric_families(text))
    assert all(family.name.startswith("handflow") for family in families)
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }
    assert samples["handflow_healthy",] == 0
    assert samples["handflow_fault", "black", "camera"] == 1
    assert samples["handflow_info", __version__, "floor.yaml"] == 1
    assert samples["handflow_output_frames_per_second", "camera"] == 29.9
    assert samples["handflow_work_seconds", "99", "camera"] == 0.005
    assert samples["handflow_skipped_messages_total", 'od"d\\n'] == 3
    assert samples["handflow_resident_memory_bytes", 'od"d\\n'] == 2**20


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Debian's prometheus")
def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    told = exposition(found("black: x"), "1").decode()
    done = subprocess.run(["promtool", "check", "metrics"], input=told, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_a_running_graph_tells_of_a_process_that_was_killed(run: Callable[..., Run], tmp_path: Path) -> None:
    graph = "nodes:\n  camera: {run: demo}\n  view: {run: view, in: {frame: camera}, with: {port: 0}}\n"
    (tmp_path / "g.yaml").write_text(graph)
    started = run("run", tmp_path / "g.yaml")
    until(lambda: any("the page is at" in line for line in started.err), "the page does not open")
    port = next(line for line in started.err if "the page is at" in line).rstrip("/\n").rpartition(":")[2]
    page: Any = SimpleNamespace(port=int(port))
    until(lambda: ask(page, "GET", "/healthz")[0] == 200, "it does not get well")
    pids = {row["node"]: row["pid"] for row in json.loads(ask(page, "GET", "/stats.json")[1])["nodes"]}
    subprocess.run(["kill", "-9", str(pids["camera"])], check=True)

    def kinds() -> set[str]:
        return {event["kind"] for event in json.loads(ask(page, "GET", "/stats.json")[1])["health"]["events"]}

    until(lambda: "ended" in kinds(), "nobody notices")
    until(lambda: ask(page, "GET", "/healthz")[0] == 200, "it does not get well again")
    assert 'handflow_restarts_total{node="camera"} 1.0' in ask(page, "GET", "/metrics")[1]
