"""A running graph's nodes as a page is told of them, and saving what was set there."""

from pathlib import Path

import pytest

from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.process.description import description
from handflow.runtime.process.saving import save_changes, unsaved

GRAPH = """nodes:
  camera: {run: camera, with: {source: "rtsp://me:secret@10.0.0.2/a"}}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}
  tracker:
    run: tracker
    in: heatmap
    with: {keep_s: 0.5}  # as we like it
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "g.yaml").write_text(GRAPH)
    return tmp_path / "g.yaml"


def test_a_node_is_told_with_its_inputs_and_its_settings(file: Path) -> None:
    graph = read(file)
    stages = resolve(graph)
    told = description(graph.nodes["tracker"], stages["tracker"])
    assert (told["run"], told["in"], told["out"]) == ("tracker", {"heatmap": "heatmap"}, "Hands")
    assert told["help"] == "Follows hands from frame to frame."
    keep_s = told["settings"]["keep_s"]
    assert (keep_s["value"], keep_s["default"], keep_s["hidden"]) == (0.5, 0.3, False)
    assert (keep_s["schema"]["minimum"], keep_s["schema"]["maximum"]) == (0, 5)
    assert keep_s["schema"]["description"] == "a hand unseen for longer than this is gone"
    source = description(graph.nodes["camera"], stages["camera"])["settings"]["source"]
    assert source["hidden"]
    assert "secret" not in source["value"]


def test_a_class_without_a_docstring_has_no_help(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from handflow import Hands, Node\n\n\nclass Mine(Node):\n    gain: float = 1.0\n\n"
        "    def process(self, hands: Hands) -> Hands:\n        return hands\n"
    )
    (tmp_path / "g.yaml").write_text("nodes:\n  demo: {run: tracker, in: heat}\n  heat: {run: heatmap, in: cam}\n"
                                     "  cam: {run: demo}\n  mine: {run: mine.py, in: demo}\n")  # fmt: skip
    graph = read(tmp_path / "g.yaml")
    told = description(graph.nodes["mine"], resolve(graph)["mine"])
    assert (told["help"], told["settings"]["gain"]["schema"]) == ("", {"type": "number"})


def test_what_was_set_is_written_and_remarks_stay(file: Path) -> None:
    nodes = {name: {"run": node.run, "with": dict(node.settings)} for name, node in read(file).nodes.items()}
    changes = {"file": str(file), "nodes": nodes}
    assert unsaved(changes, file.parent) == {}
    nodes["tracker"]["with"] = {"keep_s": 0.7, "merge": 1.0}
    assert save_changes(changes, file) == ["tracker.keep_s", "tracker.merge"]
    assert "with: {keep_s: 0.7, merge: 1.0}  # as we like it" in file.read_text()
    assert "secret" in file.read_text()
