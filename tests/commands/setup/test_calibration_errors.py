"""What is told of several cameras' calibrations: the error at each point, and which camera the page is about."""

import json
from pathlib import Path

import numpy as np
import pytest

from handflow.__main__ import main
from handflow.commands.setup.calibration_edits import calibrated_nodes
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.vision.homography import homography, warp

SIZE = (12.0, 8.0)
PLAN = [(1, 1), (7, 1), (7, 6), (1, 6), (4, 3), (2, 4.5)]
SEES = ((0.31, 0.32), (0.88, 0.30), (0.99, 0.97), (0.02, 0.93))  # where the picture shows the floor's corners


def graph(folder: Path, points: list[dict]) -> Path:
    surface = {"run": "surface", "in": "tb", "with": {"size": SIZE, "points": points}}
    nodes = {
        "a": {"run": "demo"},
        "b": {"run": "demo"},
        "heatmap": {"run": "heatmap", "in": {"frame": ["a", "b"]}},
        "ta": {"run": "tracker", "in": {"from": "heatmap", "stream": "a"}},
        "tb": {"run": "tracker", "in": {"from": "heatmap", "stream": "b"}},
        "floor": surface,
    }
    file = folder / "graph.yaml"
    file.write_text(json.dumps({"nodes": nodes}))
    return file


def marks(*plan: tuple[float, float]) -> list[dict]:
    shown = warp(np.linalg.inv(homography(SEES)), np.array(plan) / SIZE)
    return [{"picture": p, "floor": list(f)} for p, f in zip(shown.tolist(), plan, strict=True)]


def errors(file: Path, capsys: pytest.CaptureFixture[str]) -> list[float | None]:
    assert main(["calibrate", str(file), "--errors", "--json"]) == 0
    return [row["cm"] for row in json.loads(capsys.readouterr().out)["points"]["floor"]]


def test_points_that_fit_have_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.testing.assert_allclose(errors(graph(tmp_path, marks(*PLAN)), capsys), np.zeros(6), atol=1e-6)


def test_the_point_that_was_measured_wrong_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = marks(*PLAN)
    points[4]["floor"] = [4.5, 3]
    file = graph(tmp_path, points)
    assert max(error for error in errors(file, capsys) if error is not None) > 5
    assert main(["calibrate", str(file), "--errors"]) == 0
    wrong = [line for line in capsys.readouterr().out.splitlines() if "measure it again" in line]
    assert len(wrong) == 1
    assert wrong[0].startswith("  4.5, 3: ")
    assert wrong[0].endswith("without it the others fit within 0 cm")


def test_of_four_points_nothing_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = graph(tmp_path, marks(*PLAN[:4]))
    assert errors(file, capsys) == [None] * 4
    assert main(["calibrate", str(file), "--errors"]) == 0
    said = capsys.readouterr().out
    assert "four points fit always: a fifth would tell how well" in said
    assert "between cameras: run the graph with `fusion`" in said


def test_a_graph_without_either_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "graph.yaml"
    file.write_text("nodes: {a: {run: demo}}")
    assert main(["calibrate", str(file), "--errors"]) != 0
    assert "expected a surface with `points`, or a running graph with `fusion`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda points: points[:3], "points: expected at least 4, got 3"),
        (lambda points: points[:2] * 3, "points: expected points of an area, got all of them on a line in the picture"),
        (lambda points: [{**p, "floor": [1, 1]} for p in points], "got all of them on a line on the floor"),
    ],
)
def test_points_that_say_nothing_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object, expected: str
) -> None:
    assert main(["check", str(graph(tmp_path, change(marks(*PLAN))))]) == 2  # type: ignore[operator]
    assert expected in capsys.readouterr().err


def test_the_page_is_about_the_camera_whose_stream_was_chosen(tmp_path: Path) -> None:
    nodes = calibrated_nodes(resolve(read(graph(tmp_path, marks(*PLAN)))), "floor")
    assert (nodes.frames, nodes.hands, nodes.tracker) == ("b", "tb", "tb")
