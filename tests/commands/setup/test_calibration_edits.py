"""What the calibrate page writes into graphs."""

from pathlib import Path

import numpy as np
import pytest
from support.calibrating import CORNERS, DOOR, GRAPH, nodes, on_two_machines

from handflow.__main__ import main
from handflow.capture.images import read_image
from handflow.commands.setup.calibration_edits import CalibrationEdits
from handflow.errors import GraphError


def test_what_the_camera_shows_is_kept_as_its_reference(file: Path) -> None:
    edits = CalibrationEdits(file, file)
    edits.picture = np.full((180, 320, 3), 90, np.uint8)
    saved = edits.save({"surface": {"corners": CORNERS}})
    assert saved.changed["camera", "reference"] == nodes(file)["camera"]["with"]["reference"] == "floor.camera.png"
    assert (read_image(file.with_name("floor.camera.png")) == edits.picture).all()
    # Kept anew, and said anew to the graph that runs, though the setting stays what it was.
    edits.picture = edits.picture + np.uint8(1)
    saved = edits.save({"surface": {"mirror": True}})
    assert saved.changed["camera", "reference"] == "floor.camera.png"
    assert (read_image(file.with_name("floor.camera.png")) == 91).all()
    assert edits.save({"surface": {"mirror": True}}).changed == {}


def test_a_graph_without_a_surface_gets_one_between_its_tracker_and_who_reads_nothing_else(file: Path) -> None:
    saved = CalibrationEdits(file, file).save({"surface": {"corners": CORNERS, "zones": [DOOR]}})
    assert saved.rewired
    assert saved.line == f"saved in {file}; node 'surface' is new, behind tracker, before osc, other"
    got = nodes(file)
    assert list(got) == ["camera", "heatmap", "tracker", "surface", "view", "osc", "other"]
    assert got["surface"] == {"run": "surface", "in": "tracker", "with": {"corners": CORNERS, "zones": [DOOR]}}
    assert got["osc"]["in"] == "surface"
    assert got["other"]["in"] == {"hands": {"from": "surface", "keep": "newest"}}
    # What lies on the picture goes on reading the picture's places.
    assert got["heatmap"]["in"]["prior"] == got["view"]["in"]["hands"] == "tracker"
    text = file.read_text()
    assert [line for line in GRAPH.splitlines() if line not in text.splitlines()] == GRAPH.splitlines()[-2:]
    assert main(["check", str(file)]) == 0


def test_saving_again_changes_what_differs_and_nothing_else(file: Path) -> None:
    draft = CalibrationEdits(file, file)
    draft.save({"surface": {"corners": CORNERS}})
    before = file.read_text()
    drawn = draft.drawn()
    assert draft.save(drawn) == (f"{file}: nothing has changed", {}, False)
    assert file.read_text() == before
    drawn["surface"]["mirror"] = True
    assert draft.save(drawn) == (f"saved in {file}", {("surface", "mirror"): True}, False)
    assert file.read_text() == before.replace(
        "      corners: [[0.25, 0.4], [0.75, 0.4], [0.95, 0.9], [0.05, 0.9]]\n",
        "      corners: [[0.25, 0.4], [0.75, 0.4], [0.95, 0.9], [0.05, 0.9]]\n      mirror: true\n",
    )


def test_a_new_surface_runs_where_the_tracker_does(file: Path) -> None:
    on_two_machines(file)
    CalibrationEdits(file, file).save({"surface": {"corners": CORNERS}})
    assert nodes(file)["surface"]["on"] == "stage"
    assert main(["check", str(file)]) == 0


def test_regions_are_the_trackers(file: Path) -> None:
    triangle = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]
    CalibrationEdits(file, file).save({"surface": {}, "tracker": {"region": triangle, "ignore": [triangle]}})
    got = nodes(file)
    assert got["tracker"]["with"] == {"region": triangle, "ignore": [triangle]}
    assert "surface" not in got


def test_what_was_edited_meanwhile_stays(file: Path) -> None:
    draft = CalibrationEdits(file, file)
    file.write_text(GRAPH.replace("source: demo", "source: 1"))
    draft.save({"surface": {"corners": CORNERS}})
    assert nodes(file)["camera"]["with"]["source"] == 1


def test_the_packaged_graph_is_copied_and_not_written(file: Path, tmp_path: Path) -> None:
    here = tmp_path / "pipeline.yaml"
    CalibrationEdits(file, here).save({"surface": {"corners": CORNERS}})
    assert file.read_text() == GRAPH
    assert nodes(here)["surface"]["with"]["corners"] == CORNERS


@pytest.mark.parametrize(
    ("drawn", "line"),
    [
        (
            {"surface": {"corners": [[0, 0], [1, 1], [1, 0], [0, 1]]}},
            "bottom left, in this order, got sides that cross",
        ),
        ({"surface": {"corners": [[0, 0], [1, 0], [1, 1]]}}, "corners: expected array of length 4, got"),
        ({"surface": {"zones": [DOOR, DOOR]}}, "zones: expected a different name for each, got 'door' twice"),
        ({"surface": {"run": "rm"}}, "no setting 'run'"),
        ({"tracker": {"region": [[0, 0], [1, 1], [0.5, 0.5]]}}, "region: expected an area, got points on a line"),
        ({"camera": {"source": "x"}}, "camera: expected settings of the surface or the tracker, got"),
        ({"surface": 7}, "surface: expected settings of the surface or the tracker, got 7"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_not_written(file: Path, drawn: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line) as refused:
        CalibrationEdits(file, file).save(drawn)
    assert "\n" not in str(refused.value)
    assert file.read_text() == GRAPH


@pytest.mark.parametrize(
    ("graph", "which", "line"),
    [
        ("nodes:\n  camera: {run: demo}\n", None, "no node gives hands"),
        (GRAPH + "  second: {run: tracker, in: heatmap}\n", None, "tracker, second give hands"),
        (
            GRAPH + "  a: {run: surface, in: tracker}\n  b: {run: surface, in: tracker}\n",
            None,
            "has 2 surfaces: a, b; say which",
        ),
        (GRAPH + "  a: {run: surface, in: tracker}\n", "c", "--node c: no such surface; the graph has a"),
    ],
)
def test_a_graph_that_leaves_open_what_is_meant_is_refused(
    file: Path, graph: str, which: str | None, line: str
) -> None:
    file.write_text(graph)
    with pytest.raises(GraphError, match=line):
        CalibrationEdits(file, file, which)


def test_the_surface_that_is_meant_can_be_named(file: Path) -> None:
    file.write_text(GRAPH + "  a: {run: surface, in: tracker}\n  b: {run: surface, in: tracker}\n")
    CalibrationEdits(file, file, "b").save({"surface": {"corners": CORNERS}})
    got = nodes(file)
    assert got["b"]["with"]["corners"] == CORNERS
    assert "with" not in got["a"]
