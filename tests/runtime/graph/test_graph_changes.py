"""A graph changed through its methods: nodes added, replaced and removed, machines folded, and written back."""

import json
from pathlib import Path

import pytest

from handflow import Frame, Hands
from handflow.errors import GraphError
from handflow.runtime.graph.edits import edits
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.spec import UNSET, EdgeSpec, NodeSpec

GRAPH = """\
nodes:
  camera:  {run: camera, with: {source: demo}}
  flow:    {run: flow, in: camera}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}
  tracker: {run: tracker, in: {heatmap: heatmap, flow: flow}}
  osc:     {run: osc, in: {from: tracker, keep: all}}
"""


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    return read(tmp_path / "graph.yaml")


def test_outputs_are_the_nodes_that_give_messages_of_a_kind(graph: Graph) -> None:
    assert graph.outputs() == ["camera", "flow", "heatmap", "tracker"]
    assert graph.outputs(Hands) == ["tracker"]
    graph.nodes["camera"].on = "another machine"
    assert graph.outputs(Frame) == []


def test_a_node_inserted_after_another_is_read_in_its_place(graph: Graph) -> None:
    graph.insert_after("tracker", "surface", NodeSpec("surface", {"": EdgeSpec("tracker")}, {}), ["osc"])
    assert list(graph.nodes) == ["camera", "flow", "heatmap", "tracker", "surface", "osc"]
    assert graph.nodes["osc"].inputs == {"": EdgeSpec("surface", "all")}
    assert graph.nodes["heatmap"].inputs["prior"].producer == "tracker"
    assert resolve(graph)["surface"].listeners == ["osc"]


def test_a_node_in_the_place_of_another_keeps_its_readers_and_its_place_in_the_order(graph: Graph) -> None:
    graph.replace("flow", NodeSpec("no-such-stage", {}, {}))
    assert list(graph.nodes) == ["camera", "flow", "heatmap", "tracker", "osc"]
    with pytest.raises(GraphError, match=r"^\S+graph\.yaml: flow: 'no-such-stage' is not a stage"):
        resolve(graph)


def test_faults_of_an_added_node_name_what_added_it(graph: Graph) -> None:
    graph.add("lines", NodeSpec("no-such-stage", {}, {}), position="--json -")
    with pytest.raises(GraphError, match=r"^--json -: lines: 'no-such-stage' is not a stage"):
        resolve(graph)


def test_what_runs_for_a_nodes_messages_is_found_along_driving_inputs(graph: Graph) -> None:
    assert graph.driven_by(["heatmap"]) == {"heatmap", "tracker", "osc"}
    assert graph.drivers("tracker") == {"heatmap"}


def test_with_a_node_the_edges_from_it_go(graph: Graph) -> None:
    graph.remove(["flow"])
    assert graph.nodes["tracker"].inputs == {"heatmap": EdgeSpec("heatmap")}
    assert list(resolve(graph)) == ["camera", "heatmap", "tracker", "osc"]


def test_a_name_that_is_taken_gets_a_number(graph: Graph) -> None:
    assert graph.free_name("record") == "record"
    graph.add("record", NodeSpec("record", {}, {}))
    graph.add("record-2", NodeSpec("record", {}, {}))
    assert graph.free_name("record") == "record-3"


def test_a_graph_of_several_machines_runs_on_one(tmp_path: Path) -> None:
    machines = "machines: {eye: {host: 127.0.0.1, port: 5600}, play: {host: 127.0.0.1, port: 5700}}\n"
    text = GRAPH.replace("{from: tracker, keep: all}}", "{from: tracker, jpeg: 80, size: [64, 64]}, on: play}")
    (tmp_path / "graph.yaml").write_text(machines + text)
    graph = read(tmp_path / "graph.yaml")
    graph.place_on("eye")
    graph.put_on_one_machine()
    assert {node.on for node in graph.nodes.values()} == {""}
    edge = graph.nodes["osc"].inputs[""]
    assert (edge.jpeg, edge.size, graph.on, graph.machines) == (UNSET, UNSET, "", {})
    assert all(not stage.crossings for stage in resolve(graph).values())


def test_a_graph_under_another_name_finds_its_own_stages(graph: Graph, tmp_path: Path) -> None:
    graph.nodes["osc"].run = "sink.py"
    graph.rename(tmp_path / "elsewhere" / "clip.mcap")
    assert graph.nodes["osc"].run == str(tmp_path / "sink.py")
    assert graph.nodes["camera"].run == "camera"


def test_a_copy_changes_alone(graph: Graph) -> None:
    copy = graph.copy()
    copy.set("camera", "source", "1", "--set")
    copy.nodes["osc"].inputs[""].producer = "flow"
    assert graph.nodes["camera"].settings == {"source": "demo"}
    assert graph.nodes["osc"].inputs[""].producer == "tracker"


def test_recordings_of_before_hold_a_graph_that_is_still_read() -> None:
    recorded = {
        "file": "/home/a/pipeline.yaml",
        "on": "",
        "nodes": {
            "camera": {"run": "camera", "in": {}, "with": {"source": "rtsp://***@cam/1"}},
            "view": {
                "run": "view",
                "in": {"frame": {"from": "camera", "keep": "newest", "wait_ms": 10.0, "jpeg": 90, "size": None}},
                "with": {},
            },
        },
    }
    graph = Graph.from_plain(recorded)
    assert graph.nodes["view"].inputs["frame"] == EdgeSpec("camera", "newest", 10.0, 90, None)
    assert graph.plain() == recorded
    assert json.loads(json.dumps(graph.plain())) == recorded


def test_only_what_differs_is_to_be_written_into_the_file(graph: Graph) -> None:
    after = graph.copy()
    after.set("tracker", "keep_s", 0.5, "--set")
    after.insert_after("tracker", "surface", NodeSpec("surface", {"": EdgeSpec("tracker")}, {"mirror": True}), ["osc"])
    after.nodes["heatmap"].run, after.nodes["heatmap"].settings = "mine/net.py", {"a": 1}
    assert edits(graph, after, graph.file.parent) == {
        ("nodes", "tracker", "with", "keep_s"): 0.5,
        ("nodes", "surface"): {"run": "surface", "in": "tracker", "with": {"mirror": True}},
        ("nodes", "osc", "in"): {"from": "surface", "keep": "all"},
        ("nodes", "heatmap", "run"): "mine/net.py",
        ("nodes", "heatmap", "with"): {"a": 1},
    }
    assert edits(graph, graph.copy(), graph.file.parent) == {}
    assert edits(graph, after, graph.file.parent / "mine")["nodes", "heatmap", "run"] == "net.py"
