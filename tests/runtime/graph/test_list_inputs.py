"""Several nodes that feed one argument: how such a graph is read, drawn, copied and written."""

from pathlib import Path

import pytest
from support.recorded import write

from handflow.errors import GraphError
from handflow.runtime.graph.diagram import mermaid
from handflow.runtime.graph.edits import edits
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.origins import origins
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import explicit, resolve
from handflow.runtime.graph.spec import EdgeSpec

TWO = """\
nodes:
  a: {run: demo}
  b: {run: demo}
  heatmap: {run: heatmap, in: {frame: [a, b], prior: [ta, tb]}}
  ta: {run: tracker, in: {from: heatmap, stream: a}}
  tb: {run: tracker, in: {from: heatmap, stream: b}}
  lines: {run: record, in: {hands: [ta, tb]}, with: {file: x.mcap}}
"""


def graph_of(tmp_path: Path, text: str = TWO) -> Graph:
    file = tmp_path / "graph.yaml"
    file.write_text(text)
    return read(file)


def test_each_node_of_a_list_drives_and_other_inputs_belong_to_one_camera(tmp_path: Path) -> None:
    stages = resolve(graph_of(tmp_path))
    edges = [(e.argument, e.node, e.drives, e.keep, e.loop, e.origins) for e in stages["heatmap"].edges]
    assert edges == [
        ("frame", "a", True, "newest", False, ("a",)),
        ("frame", "b", True, "newest", False, ("b",)),
        ("prior", "ta", False, "newest", True, ("a",)),
        ("prior", "tb", False, "newest", True, ("b",)),
    ]
    assert stages["heatmap"].streams == ["a", "b"]
    assert [edge.stream for edge in stages["ta"].edges] == ["a"]


def test_the_copy_for_the_processes_says_the_same(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    copy = explicit(graph, resolve(graph))
    copy.write_copy(tmp_path / "copy.json")
    back = Graph.read_copy(tmp_path / "copy.json")
    assert resolve(back, only="heatmap")["heatmap"].edges == resolve(graph)["heatmap"].edges
    assert resolve(back, only="heatmap")["heatmap"].streams == ["a", "b"]


def test_it_is_drawn_with_what_its_readers_choose(tmp_path: Path) -> None:
    lines = mermaid(resolve(graph_of(tmp_path))).splitlines()
    assert "  n_b -->|Frame| n_heatmap" in lines
    assert "  n_heatmap -->|Heatmap of b| n_tb" in lines
    assert "  n_tb -.->|Hands| n_heatmap" in lines


def test_a_node_that_leaves_the_graph_leaves_its_lists(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    graph.remove(["b", "tb"])
    assert graph.nodes["heatmap"].shortest_inputs() == {"frame": ["a"], "prior": ["ta"]}
    graph.remove(["a"])
    assert graph.nodes["heatmap"].shortest_inputs() == {"prior": ["ta"]}


def test_a_reader_of_a_list_reads_what_is_put_behind_one_of_its_nodes(tmp_path: Path) -> None:
    before, after = graph_of(tmp_path), graph_of(tmp_path)
    after.insert_after("tb", "floor", before.nodes["tb"], ["lines"])
    assert after.nodes["lines"].inputs["hands"] == [EdgeSpec("ta"), EdgeSpec("floor")]
    assert edits(before, after, tmp_path)["nodes", "lines", "in"] == {"hands": ["ta", "floor"]}


def test_messages_that_came_by_two_nodes_cannot_be_chosen_by_both(tmp_path: Path) -> None:
    text = TWO.replace("frame: [a, b]", "frame: [c, b]").replace("  b:", "  c: {run: passer.py, in: a}\n  b:", 1)
    (tmp_path / "passer.py").write_text(
        "from handflow import Frame, Node\nclass Passer(Node):\n    def process(self, frame: Frame) -> Frame: ...\n"
    )
    graph = graph_of(tmp_path, text + "  tc: {run: tracker, in: {from: heatmap, stream: c}}\n")
    assert origins(graph, "tc") == ("a",)
    with pytest.raises(GraphError) as error:
        resolve(graph)
    expected = "expected one of a and c for all readers of 'heatmap', got both, and the same messages came by both"
    assert error.value.lines[0].endswith(f"ta: stream: {expected}")


def test_a_loop_through_the_second_of_a_list_is_a_loop(tmp_path: Path) -> None:
    with pytest.raises(GraphError) as error:
        resolve(graph_of(tmp_path, TWO.replace("b: {run: demo}", "b: {run: camera_of, in: heatmap}")))
    assert "camera_of" in error.value.lines[0]
    looped = "nodes:\n  a: {run: demo}\n  b: {run: p.py, in: [a, c]}\n  c: {run: p.py, in: b}\n"
    (tmp_path / "p.py").write_text(
        "from handflow import Frame, Node\nclass Passer(Node):\n    def process(self, frame: Frame) -> Frame: ...\n"
    )
    with pytest.raises(GraphError) as error:
        resolve(graph_of(tmp_path, looped))
    assert error.value.lines[0].endswith("loop through driving inputs: b <- c <- b")


def test_a_recorded_output_has_the_streams_of_nodes_that_are_not_there(tmp_path: Path) -> None:
    file = write(tmp_path / "one.mcap", 3)
    text = f"""
nodes:
  tracker: {{run: replay, with: {{file: {file}, output: tracker}}}}
  lines: {{run: json_lines, in: {{from: tracker, stream: camera}}}}
"""
    assert resolve(graph_of(tmp_path, text))["tracker"].streams == ["camera"]
