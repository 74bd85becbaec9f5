"""Merge keys (`<<: *other`) in graphs: read as if the values stood there, and faults name where they were written."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from handflow.errors import GraphError
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.yaml_edit import put

GRAPH = """\
nodes:
  camera: &camera {run: camera, with: &seen {source: demo, fps: 25}}
  second:
    <<: *camera
  third:
    <<: *camera
    with: {<<: *seen, fps: 60}
  heatmap: {run: heatmap, in: &from {frame: camera}}
  other: {run: heatmap, in: {<<: *from, prior: {from: tracker, <<: {wait_ms: 5}}}}
  tracker: {run: tracker, in: {heatmap: heatmap}, with: &slow {keep_s: 0.5}}
  last:
    run: tracker
    in: {heatmap: other}
    with:
      <<: [*slow, {keep_s: 1, sure_score: 0.9}]
      start_score: 0.6
"""


def faults(file: Path) -> list[str]:
    with pytest.raises(GraphError) as caught:
        resolve(read(file))
    return [line.removeprefix(f"{file}:") for line in caught.value.lines]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "g.yaml"
    made.write_text(GRAPH)
    return made


def test_merged_keys_count_as_if_they_stood_there_and_own_ones_win(file: Path) -> None:
    stages = resolve(read(file))
    assert stages["second"].settings == {"source": "demo", "fps": 25}
    assert stages["third"].settings == {"source": "demo", "fps": 60}
    assert stages["last"].settings == {"keep_s": 0.5, "sure_score": 0.9, "start_score": 0.6}
    assert [(edge.argument, edge.node) for edge in stages["other"].edges] == [("frame", "camera"), ("prior", "tracker")]
    assert stages["other"].edges[1].wait_ms == 5


def test_what_is_wrong_with_a_merged_value_is_said_where_that_was_written(file: Path) -> None:
    file.write_text(GRAPH.replace("fps: 25", "fsp: 25").replace("{keep_s: 1, sure", "{keep_s: 1, sur"))
    lines = faults(file)
    assert [line for line in lines if line.startswith("2:65: second: no setting 'fsp'")]
    assert [line for line in lines if line.startswith("15:42: last: no setting 'sur_score'")]
    file.write_text(GRAPH.replace("run: camera, with", "rum: camera, with"))
    assert [line for line in faults(file) if line.startswith("2:20: second: no key 'rum' (did you mean 'run'?)")]
    file.write_text(GRAPH.replace("{frame: camera}", "{frame: camra}"))
    assert [line for line in faults(file) if line.startswith("8:45: other: expected a node for frame, got 'camra'")]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("<<: *nobody", "4:9: found undefined alias 'nobody'"),
        ("<<: 5", "4:9: expected a mapping or list of mappings for merging, but found scalar"),
        ("{<<: *camera, <<: *seen}", "4:19: << is given twice; merge several maps as <<: [*a, *b]"),
    ],
)
def test_merge_keys_that_cannot_be_read_are_refused_with_their_place(file: Path, wrong: str, line: str) -> None:
    file.write_text(GRAPH.replace("<<: *camera", wrong, 1))
    assert faults(file) == [line]


def test_a_setting_that_is_merged_in_is_overridden_when_it_is_saved() -> None:
    text = put(GRAPH, ("nodes", "last", "with", "keep_s"), 2)
    assert YAML(typ="safe").load(text)["nodes"]["last"]["with"] == {
        "keep_s": 2, "sure_score": 0.9, "start_score": 0.6,
    }  # fmt: skip
    assert text.startswith(GRAPH[:-1])
    own = put(GRAPH, ("nodes", "second", "with"), {"source": "demo"})
    assert own == GRAPH.replace("<<: *camera", "<<: *camera\n    with:\n      source: demo", 1)
    # What other nodes share is not changed for one of them.
    with pytest.raises(GraphError, match="write it by hand"):
        put(GRAPH, ("nodes", "second", "with", "fps"), 2)
