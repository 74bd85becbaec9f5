"""Settings written into graphs: the rest of the file stays as it was, to the byte."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from handflow.errors import GraphError
from handflow.runtime.graph.yaml_edit import put, save, scalar

BLOCK = """\
# My floor.
nodes:
  camera:  # on the ceiling
    run: camera
  tracker:
    run: tracker   # who is who
    in: camera
    with:
      keep_s:   0.5   # long enough
      ignore:         # posters
        - [[0, 0], [1, 0], [1, 1]]

  # what games hear
  osc:
    run: osc
    in: tracker
"""
FLOW = "nodes:\n  camera:  {run: camera}  # eyes\n  tracker: {run: tracker, in: camera, with: {keep_s: 0.5}}\n"


def test_a_value_is_replaced_and_its_remark_stays() -> None:
    assert put(BLOCK, ("nodes", "tracker", "with", "keep_s"), 0.25) == BLOCK.replace("0.5", "0.25")
    assert put(BLOCK, ("nodes", "osc", "in"), "surface") == BLOCK.replace("in: tracker", "in: surface")
    assert put(FLOW, ("nodes", "tracker", "with", "keep_s"), 1) == FLOW.replace("0.5", "1")


def test_a_list_over_several_lines_is_replaced() -> None:
    new = put(BLOCK, ("nodes", "tracker", "with", "ignore"), [])
    assert new == BLOCK.replace(
        "ignore:         # posters\n        - [[0, 0], [1, 0], [1, 1]]", "ignore: []         # posters"
    )
    again = put(new, ("nodes", "tracker", "with", "ignore"), [[[0, 0], [1, 0], [0.5, 1]]])
    assert "ignore: [[[0, 0], [1, 0], [0.5, 1]]]         # posters\n\n  # what games hear\n" in again


def test_a_list_of_maps_takes_a_line_for_each() -> None:
    zones = [{"name": "door", "dwell_s": 1.5}, {"name": "the far end: left"}]
    new = put(BLOCK, ("nodes", "osc", "with", "zones"), zones)
    assert new == BLOCK + (
        '    with:\n      zones:\n        - {name: door, dwell_s: 1.5}\n        - {name: "the far end: left"}\n'
    )
    assert put(new, ("nodes", "osc", "with", "zones"), []) == BLOCK + "    with:\n      zones: []\n"
    assert put(put(new, ("nodes", "osc", "with", "zones"), []), ("nodes", "osc", "with", "zones"), zones) == new


def test_a_new_node_comes_behind_the_one_it_listens_to() -> None:
    new = put(BLOCK, ("nodes", "surface"), {"run": "surface", "in": "tracker"}, after="tracker")
    lines = "  surface:\n    run: surface\n    in: tracker\n"
    assert new == BLOCK.replace("\n  # what games", f"{lines}\n  # what games")
    assert put(FLOW, ("nodes", "surface"), {"run": "surface", "in": "tracker"}, after="tracker") == FLOW + lines


def test_what_is_missing_on_the_way_is_made() -> None:
    assert put(FLOW, ("nodes", "camera", "with", "fps"), 25) == FLOW.replace("camera}", "camera, with: {fps: 25}}", 1)
    assert put("nodes:\n  a:\n    run: a\n    with:\n", ("nodes", "a", "with", "b"), 1).endswith("with:\n      b: 1\n")
    assert put("nodes: {a: {run: a, with: {}}}", ("nodes", "a", "with", "b"), 1) == "nodes: {a: {run: a, with: {b: 1}}}"


def test_a_file_without_an_end_of_line_gets_one() -> None:
    assert put("nodes:\n  a: {run: a}", ("nodes", "b"), {"run": "b"}) == "nodes:\n  a: {run: a}\n  b:\n    run: b\n"


@pytest.mark.parametrize(
    "value",
    ["yes", "null", "-", "a: b", "#1", "Tür", " x ", "", "1e3", 'a "b"', "tab\t", None, True, 0.1, [1, {"a": []}]],
)
@pytest.mark.parametrize("text", [BLOCK, FLOW], ids=["block", "flow"])
def test_any_value_comes_back_as_it_was(text: str, value: Any) -> None:
    new = put(text, ("nodes", "tracker", "with", "x"), {"y": value})
    assert YAML(typ="safe", pure=True).load(new)["nodes"]["tracker"]["with"]["x"]["y"] == value


@pytest.mark.parametrize(
    "name",
    [
        b"\x80h\xc3\xa4nde \xf0\x9f\x96\x90",
        b"\x7f",
        b"\xc2\x80",
        b"a\nb\t\\",
        b"\xef\xbf\xbf",
        b" \xe2\x80\xa8.\xef\xbb\xbf",
    ],
)
def test_any_file_name_can_stand_in_a_graph(name: bytes) -> None:
    text = os.fsdecode(name)
    assert YAML(typ="safe", pure=True).load(f"a: {scalar(text)}") == {"a": text}


def test_what_an_alias_would_change_elsewhere_is_refused() -> None:
    text = "nodes:\n  a: &a {run: a}\n  b: *a\n"
    with pytest.raises(GraphError, match=r"nodes\.b\.in: cannot be written"):
        put(text, ("nodes", "b", "in"), "a")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "floor.yaml"
    file.write_text(BLOCK)
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    save(link, {("nodes", "osc", "in"): "surface", ("nodes", "tracker", "with", "keep_s"): 1})
    assert file.read_text() == BLOCK.replace("in: tracker", "in: surface").replace("0.5", "1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()
    aliased = tmp_path / "aliased.yaml"
    aliased.write_text("nodes:\n  a: &a {run: a}\n  b: *a\n")
    with pytest.raises(GraphError):
        save(aliased, {("nodes", "a", "in"): "b", ("nodes", "b", "in"): "a"})
    assert aliased.read_text() == "nodes:\n  a: &a {run: a}\n  b: *a\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aliased.yaml", "floor.yaml", "link.yaml"]


EDITS: list[tuple[tuple[str, ...], Any]] = [
    (("nodes", "tracker", "with", "keep_s"), 0.25),
    (("nodes", "tracker", "with", "ignore"), []),
    (("nodes", "tracker", "with", "ignore"), [[[0, 0], [1, 0], [0.5, 1]]]),
    (("nodes", "osc", "with", "zones"), [{"name": "door"}, {"name": "window"}]),
    (("nodes", "surface"), {"run": "surface", "in": "tracker"}),
    (("nodes", "camera", "with", "fps"), 15),
    (("transport",), "portable"),
]


@pytest.mark.parametrize("text", [BLOCK, BLOCK.rstrip("\n"), FLOW], ids=["block", "no last line end", "flow"])
@pytest.mark.parametrize(("path", "value"), EDITS)
def test_a_file_with_other_line_ends_keeps_them_in_every_edit(text: str, path: tuple[str, ...], value: Any) -> None:
    edited = put(text, path, value, after="tracker")
    assert put(text.replace("\n", "\r\n"), path, value, after="tracker") == edited.replace("\n", "\r\n")


def test_what_was_saved_has_its_line_ends_on_the_disk_and_single_odd_ones_stay(tmp_path: Path) -> None:
    file = tmp_path / "graph.yaml"
    text = BLOCK.replace("\n", "\r\n").replace("run: camera\r\n", "run: camera\n")
    file.write_bytes(text.encode())
    save(file, {("nodes", "osc", "with", "lost_s"): 2.0}, after="osc")
    assert file.read_bytes().decode() == text + "    with:\r\n      lost_s: 2.0\r\n"
