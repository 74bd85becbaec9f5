"""What is wrong with a machine, on machines made up here."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from handflow.__main__ import main
from handflow.commands.installing import machine_checks, use_checks
from handflow.commands.installing.cameras import FoundCamera
from handflow.commands.installing.checks import Finding
from handflow.vision.model import Model

GRAPH = """nodes:
  camera: {{run: camera, with: {{source: {source}}}}}
  heatmap: {{run: heatmap, in: camera}}
  view: {{run: view, in: {{frame: camera}}, with: {{port: {port}}}}}
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """A network of a known speed, and no camera."""
    monkeypatch.setattr(Model, "seconds", lambda model, profile: {"near": 0.005, "mid": 0.01, "far": 0.1}[profile])
    monkeypatch.setattr(use_checks, "deviation", lambda *_: 0.01)
    monkeypatch.setattr(use_checks, "all_cameras", lambda measure: iter(()))


@pytest.fixture
def doctor(tmp_path: Path, capsys) -> Callable[..., tuple[int, list[Finding]]]:
    def look(source: str = "demo", port: int = 0) -> tuple[int, list[Finding]]:
        (tmp_path / "g.yaml").write_text(GRAPH.format(source=source, port=port))
        status = main(["doctor", str(tmp_path / "g.yaml"), "--json"])
        return status, [Finding(**each) for each in json.loads(capsys.readouterr().out)]

    return look


def of(findings: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def test_everything_is_looked_at_and_what_is_amiss_has_advice(doctor) -> None:
    status, findings = doctor()
    assert status == 0
    assert {finding.check for finding in findings} >= {
        "graph", "processor", "memory", "network", "files", "limits", "clock", "disk",
    }  # fmt: skip
    assert all(finding.advice for finding in findings if finding.state != "ok")
    fp32, int8, verdict = of(findings, "network")
    assert fp32.figures == {"fp32_near": 200, "fp32_mid": 100, "fp32_far": 10}
    assert int8.figures["int8_near"] == 200
    assert verdict.found == "profile mid keeps 30 fps with time to spare"


def test_a_port_that_is_taken_is_a_fault(doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, findings = doctor(port=port)
    assert status == 1
    (finding,) = of(findings, "ports")
    assert finding.state == "fault"
    assert finding.found == f"view cannot listen on 127.0.0.1:{port}: Address already in use"
    assert "--set view.port=" in finding.advice
    assert of(doctor(port=port)[1], "ports")[0].state == "ok"


@pytest.mark.parametrize(
    ("source", "state", "found"),
    [
        ("auto", "warning", "no camera opens"),
        ("http://127.0.0.1:9/x", "fault", "http://127.0.0.1:9/x: Connection refused"),
        ("nosuch.mp4", "fault", "source nosuch.mp4: no such file or folder"),
    ],
)
def test_a_source_that_gives_nothing_is_said(doctor, source: str, state: str, found: str) -> None:
    status, findings = doctor(source)
    (finding,) = of(findings, "cameras")
    assert (status, finding.state, finding.found) == (int(state == "fault"), state, found)
    assert finding.advice


def test_cameras_that_do_not_open_come_with_what_to_do(doctor, monkeypatch) -> None:
    both = [FoundCamera(0, "Good", True), FoundCamera(2, "Bad", fault="end the other program")]
    monkeypatch.setattr(use_checks, "all_cameras", lambda measure: iter(both))
    good, bad = of(doctor("auto")[1], "cameras")
    assert (good.state, good.found) == ("ok", "camera 0 (Good) opens")
    assert (bad.state, bad.found, bad.advice) == ("warning", "camera 2 (Bad) does not open", "end the other program")


def test_a_graph_that_is_wrong_is_a_fault_and_the_machine_is_looked_at_all_the_same(tmp_path: Path, capsys) -> None:
    (tmp_path / "g.yaml").write_text("nodes: {camera: {run: camra}}")
    assert main(["doctor", str(tmp_path / "g.yaml")]) == 1
    shown = capsys.readouterr().out
    assert "BAD  graph" in shown
    assert "did you mean 'camera'?" in shown
    assert "ok   limits" in shown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model name : Some Xeon\nflags : fpu avx2 avx512f avx512_vnni\n", "Some Xeon, 4 cores; AVX-512, AVX-512 VNNI"),
        ("model name: Old\nflags: avx2\n", "Old, 4 cores; AVX2, no VNNI or dot product: int8 gains less"),
        ("Features : fp asimd asimddp\n", "aarch64, 4 cores; NEON, dot product"),
    ],
)
def test_a_processor_s_features_are_told(text: str, found: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machine_checks, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine_checks, "GOVERNOR", tmp_path / "scaling_governor")
    monkeypatch.setattr(machine_checks.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(machine_checks.platform, "processor", lambda: "aarch64")
    assert machine_checks.processor() == Finding("processor", "ok", found)
    (tmp_path / "scaling_governor").write_text("powersave\n")
    assert "cpupower" in machine_checks.processor().advice


def test_a_clock_that_is_not_set_is_told_from_one_that_nobody_sets(monkeypatch) -> None:
    monkeypatch.setattr(machine_checks, "_clock_state", lambda: 0)
    assert machine_checks.clock().state == "ok"
    monkeypatch.setattr(machine_checks, "_clock_state", lambda: machine_checks.UNSYNCHRONISED)
    assert machine_checks.clock().found.endswith("not synchronised")
    monkeypatch.setattr(time, "time", lambda: 86400.0)
    assert machine_checks.clock().found.endswith("it is not set")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(machine_checks, "FREE_GB", 1e9)
    assert {finding.state for finding in machine_checks.disk(tmp_path)} == {"warning"}
    assert machine_checks.Finding("disk", "fault", f"{tmp_path}/no: No such file or directory", "make it, or run "
        "handflow elsewhere") in list(machine_checks.disk(tmp_path / "no"))  # fmt: skip
