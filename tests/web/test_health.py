"""What watchdogs and monitoring systems are told."""

import itertools
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.graphs import Run, until
from support.needed import need
from support.pages import ask
from support.web_cameras import HEAD, Server, part, request

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


def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    need(shutil.which("promtool") is not None, "apt-get install prometheus")
    told = exposition(found("black: x"), "1").decode()
    done = subprocess.run(["promtool", "check", "metrics"], input=told, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def live(connection: socket.socket, before: int) -> None:
    request(connection)
    connection.sendall(HEAD)
    for number in itertools.count():
        connection.sendall(part(number))
        time.sleep(0.05)


class Watched:
    """A graph of a camera on the network, seen through its page."""

    def __init__(self, run: Callable[..., Run], folder: Path, camera: Server) -> None:
        nodes = (
            f"camera: {{run: camera, with: {{source: '{camera.url}'}}}}",
            "flow: {run: flow, in: camera}",
            "view: {run: view, in: {frame: camera}, with: {port: 0}}",
        )
        (folder / "g.yaml").write_text("\n  ".join(["nodes:", *nodes]))
        self.run = run("run", folder / "g.yaml")
        until(lambda: any("the page is at" in line for line in self.run.err), "the page does not open")
        line = next(line for line in self.run.err if "the page is at" in line)
        self.page: Any = SimpleNamespace(port=int(line.rstrip("/\n").rpartition(":")[2]))
        self.wait_well()

    def wait_well(self, restarts: int = 0) -> None:
        """Until all is well after as many restarts of flow; before that, the page may not know yet that it ended."""

        def well() -> bool:
            stats = self.stats()
            flow = next(row for row in stats["nodes"] if row["node"] == "flow")
            return stats["health"]["ok"] and (flow["state"], flow["restarts"]) == ("running", restarts)

        until(well, "it does not get well", 120)
        assert ask(self.page, "GET", "/healthz")[0] == 200

    def stats(self) -> dict[str, Any]:
        return json.loads(ask(self.page, "GET", "/stats.json")[1])

    def process(self, node: str) -> psutil.Process:
        return psutil.Process(next(row["pid"] for row in self.stats()["nodes"] if row["node"] == node))

    def ended(self) -> list[str]:
        return [event["text"] for event in self.stats()["health"]["events"] if event["kind"] == "ended"]


@pytest.mark.slow
def test_what_goes_wrong_in_a_running_graph_stands_in_its_health(run: Callable[..., Run], tmp_path: Path) -> None:
    camera = Server(live)
    graph = Watched(run, tmp_path, camera)
    graph.process("flow").kill()
    until(lambda: graph.ended(), "nobody notices the kill")
    assert "flow was killed by SIGKILL; restart 1 in 0.1 s" in graph.ended()
    graph.wait_well(restarts=1)
    assert 'handflow_restarts_total{node="flow"} 1.0' in ask(graph.page, "GET", "/metrics")[1]

    graph.process("flow").suspend()
    until(lambda: len(graph.ended()) == 2, "nobody notices that it hangs")
    graph.wait_well(restarts=2)

    view = graph.process("view")
    before = view.num_fds()
    viewers = [threading.Thread(target=ask, args=(graph.page, "GET", "/healthz")) for _ in range(100)]
    for each in viewers:
        each.start()
    for each in viewers:
        each.join()
    until(lambda: view.num_fds() <= before + 2, "descriptors are left open")

    camera.close()

    def faults() -> list[tuple[str, str]]:
        return [(each["node"], each["kind"]) for each in json.loads(ask(graph.page, "GET", "/healthz")[1])["faults"]]

    until(lambda: faults() == [("camera", "lost")], "nobody notices the camera, or something else is wrong for ever")
    assert ask(graph.page, "GET", "/healthz")[0] == 503
    assert graph.run.stop() == 0
