"""Graph files: what is wrong is said in one line, with its place and the nearest right name; the rest is wired."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from handflow.__main__ import main
from handflow.errors import GraphError
from handflow.runtime.graph import diagram as drawing
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read, yaml_value
from handflow.runtime.graph.resolve import explicit, resolve
from handflow.runtime.graph.schema import schema

OWN = """
from collections.abc import Iterator
from typing import Annotated, Literal
from handflow import Flow, Frame, Hands, Node, Range

class {name}(Node):
    {body}
"""
SOURCE = """fps: Annotated[float, Range(1, 100), "pictures a second"] = 30
    size: tuple[int, int] = (640, 480)
    live: bool = True
    mode: Literal["fast", "good"] = "fast"

    def process(self) -> Iterator[Frame]:
        yield from ()"""
FLOW = """def process(self, frame: Frame) -> Flow | None: ..."""
TRACK = """reach: float = 0.1
    count: int = 3

    def process(self, frame: Frame, flow: Flow | None, prior: Hands | None) -> Hands: ..."""
SINK = """def process(self, hands: Hands) -> None: ..."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, body in {"Source": SOURCE, "Flow_": FLOW, "Track": TRACK, "Sink": SINK}.items():
        (tmp_path / f"{name.lower()}.py").write_text(OWN.format(name=name, body=body))
    return tmp_path


GOOD = """\
nodes:
  cam: {run: source.py, with: {fps: 25}}
  flow: {run: flow_.py, in: cam}
  track:
    run: track.py
    in: {frame: cam, flow: flow}
    with: {reach: 0.2}
  out: {run: sink.py, in: track}
"""


def faults(folder: Path, text: str) -> list[str]:
    file = folder / "graph.yaml"
    file.write_text(text)
    with pytest.raises(GraphError) as error:
        resolve(read(file))
    return [line.replace(f"{folder}/", "") for line in error.value.lines]


def test_a_good_graph_is_wired(folder: Path) -> None:
    (folder / "graph.yaml").write_text(GOOD)
    stages = resolve(read(folder / "graph.yaml"))
    assert list(stages) == ["cam", "flow", "track", "out"]
    assert [(e.argument, e.node, e.keep, e.optional) for e in stages["track"].edges] == [
        ("frame", "cam", "newest", False),
        ("flow", "flow", "same", True),
    ]
    assert stages["cam"].listeners == ["flow", "track"]
    assert stages["cam"].settings == {"fps": 25.0}
    assert stages["track"].node(**stages["track"].settings).reach == 0.2


def test_the_first_argument_of_process_drives_whatever_the_order_in_the_file(folder: Path) -> None:
    (folder / "graph.yaml").write_text(GOOD.replace("{frame: cam, flow: flow}", "{flow: flow, frame: cam}"))
    assert resolve(read(folder / "graph.yaml"))["track"].edges[0].argument == "frame"


def test_an_input_that_closes_a_loop_is_feedback(folder: Path) -> None:
    (folder / "graph.yaml").write_text(GOOD.replace("flow: flow}", "flow: flow, prior: track}"))
    edges = {e.argument: e.keep for e in resolve(read(folder / "graph.yaml"))["track"].edges}
    assert edges == {"frame": "newest", "flow": "same", "prior": "newest"}


def test_the_long_form_of_an_edge_sets_how_it_is_read(folder: Path) -> None:
    text = GOOD.replace("flow: flow}", "flow: {from: flow, keep: newest, wait_ms: 3}}")
    (folder / "graph.yaml").write_text(text)
    edge = resolve(read(folder / "graph.yaml"))["track"].edges[1]
    assert (edge.node, edge.keep, edge.wait_ms) == ("flow", "newest", 3.0)


def test_a_viewer_reads_all_hands_that_drive_it_and_nobody_waits_for_it(folder: Path) -> None:
    (folder / "graph.yaml").write_text(
        "nodes:\n  camera: {run: camera}\n  heatmap: {run: heatmap, in: camera}\n"
        "  tracker: {run: tracker, in: heatmap}\n  lines: {run: json_lines, in: tracker}\n"
        "  view: {run: view, in: {hands: tracker, frame: camera}}\n  look: {run: view, in: {frame: camera}}\n"
    )
    graph = read(folder / "graph.yaml")
    stages = resolve(graph)
    assert [(edge.argument, edge.keep) for edge in stages["view"].edges] == [("hands", "all"), ("frame", "same")]
    assert [edge.keep for edge in stages["look"].edges] == ["newest"]
    assert (stages["tracker"].readers, stages["camera"].readers) == (["lines"], [])
    explicit(graph, stages).write_copy(folder / "graph.json")
    alone = resolve(Graph.read_copy(folder / "graph.json"), only="tracker")["tracker"]
    assert alone.readers == ["lines"]
    graph.exact = True
    assert resolve(graph)["tracker"].readers == ["lines", "view"]


def test_the_portable_path_is_chosen_in_the_graph_and_kept_in_its_copy(folder: Path) -> None:
    for text, expected in ((GOOD, False), (f"transport: portable\n{GOOD}", True)):
        (folder / "graph.yaml").write_text(text)
        graph = read(folder / "graph.yaml")
        assert graph.portable is expected
        explicit(graph, resolve(graph)).write_copy(folder / "graph.json")
        assert Graph.read_copy(folder / "graph.json").portable is expected


def test_yaml_1_2_no_is_a_word() -> None:
    assert yaml_value("no") == "no"
    assert yaml_value("[1280, 720]") == [1280, 720]
    assert yaml_value("true") is True


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("run: track.py", "run: trakc.py", "graph.yaml:5:10: track: there is no file trakc.py"),
        ("run: track.py", "run: trackr",
         "graph.yaml:5:10: track: 'trackr' is not a stage (did you mean 'tracker'?); a file of your own ends in .py"),
        ("run: track.py", "run: no.such.module", "graph.yaml:5:10: track: there is no module 'no.such.module'"),
        ("reach: 0.2", "raech: 0.2",
         "graph.yaml:7:19: track: no setting 'raech' (did you mean 'reach'?); it has reach, count"),
        ("reach: 0.2", "reach: '0.2'", "graph.yaml:7:19: track: reach: expected a number, got '0.2'"),
        ("reach: 0.2", "reach: true", "graph.yaml:7:19: track: reach: expected a number, got True"),
        ("reach: 0.2", "count: true", "graph.yaml:7:19: track: count: expected int, got True"),
        ("reach: 0.2", "count: 1.5", "graph.yaml:7:19: track: count: expected int, got 1.5"),
        ("fps: 25", "fps: 1000", "graph.yaml:2:37: cam: fps: expected a number <= 100.0, got 1000"),
        ("fps: 25", "fps: .nan", "graph.yaml:2:37: cam: fps: expected a number >= 1.0, got nan"),
        ("fps: 25", "live: no", "graph.yaml:2:38: cam: live: expected bool, got 'no'"),
        ("fps: 25", "size: [640, big]", "graph.yaml:2:38: cam: size[1]: expected int, got 'big'"),
        ("fps: 25", "mode: god", "graph.yaml:2:38: cam: mode: expected fast or good, got 'god' (did you mean 'good'?)"),
        ("frame: cam, ", "", "graph.yaml:6:9: track: expected an input 'frame' of type Frame, got none"),
        ("frame: cam", "frame: camm",
         "graph.yaml:6:17: track: expected a node for frame, got 'camm' (did you mean 'cam'?)"),
        ("frame: cam", "fram: cam",
         "graph.yaml:6:16: track: no input 'fram' (did you mean 'frame'?); it has frame, flow, prior"),
        ("frame: cam", "frame: flow", "graph.yaml:6:17: track: frame: expected Frame, got Flow from 'flow'"),
        ("in: track}", "in: cam}", "graph.yaml:8:27: out: hands: expected Hands, got Frame from 'cam'"),
        ("{run: source.py,", "{run: source.py, in: out,", "graph.yaml:2:29: cam: no input 'out'; it is a source"),
        ("in: cam}", "in: cam, at: pi}", "graph.yaml:3:34: flow: no key 'at'; it has run, in, with, on, cores, nice"),
        ("in: cam}", "in: cam, cores: 1}", "graph.yaml:3:41: flow: cores: expected a list of numbers from 0, got 1"),
        ("in: cam}", "in: cam, nice: -5}", "graph.yaml:3:40: flow: nice: expected a number from 0 to 19, got -5"),
        ("in: cam}", "in: 3}", "graph.yaml:3:29: flow: in: expected a node, a list of nodes or a map of nodes, got 3"),
        ("in: cam}", "in: []}", "graph.yaml:3:29: flow: expected the names of nodes, got an empty list"),
        ("in: cam}", "in: [cam, 3]}", "graph.yaml:3:29: flow: expected the name of a node, got 3"),
        ("in: cam}", "in: [cam, cam]}", "graph.yaml:3:29: flow: frame: expected each node once, got 'cam' twice"),
        ("in: cam}", "in: [cam, camm]}",
         "graph.yaml:3:29: flow: expected a node for frame, got 'camm' (did you mean 'cam'?)"),
        ("flow: flow}", "flow: {from: flow, stream: cma}}",
         "graph.yaml:6:28: track: stream: expected what feeds 'flow', got 'cma' (did you mean 'cam'?); it makes its "
         "messages of those of cam"),
        ("flow: flow}", "flow: {from: flow, stream: 3}}",
         "graph.yaml:6:28: track: stream: expected the name of a node, got 3"),
        ("flow: flow}", "flow: {from: flow, keep: all}}",
         "graph.yaml:6:28: track: keep of flow, which does not drive: expected newest or same, got all"),
        ("flow: flow}", "flow: {from: flow, wait_ms: soon}}",
         "graph.yaml:6:28: track: wait_ms: expected a number from 0 to 1000, got 'soon'"),
        ("frame: cam,", "frame: {from: cam, keep: same},",
         "graph.yaml:6:17: track: keep of frame, which drives: expected newest or all, got same"),
        ("  out:", "  Out put:",
         "graph.yaml:8:3: expected a name for a node of small letters, digits, - and _, got 'Out put'"),
        ("{run: sink.py, in: track}", "sink.py",
         "graph.yaml:8:3: out: expected a map with run, in, with, on, cores, nice, got 'sink.py'"),
        ("run: source.py, with", "with", "graph.yaml:2:3: cam: run: expected a stage's name, got nothing"),
        ("nodes:", "transport: tcp\nnodes:", "graph.yaml:1:12: transport: expected auto or portable, got 'tcp'"),
        ("nodes:", "nodez:",
         "graph.yaml:1:1: the graph: no key 'nodez' (did you mean 'nodes'?); it has nodes, transport, machines, key, "
         "insecure"),
        ("  flow: {", "  cam: {", 'graph.yaml:3:3: key "cam" is given twice'),
        ("with: {fps: 25}}", "with: {fps: 25}", "graph.yaml:3:3: expected ',' or '}', but got '<scalar>'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(folder: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    lines = faults(folder, GOOD.replace(old, new, 1))
    assert expected in lines


def test_a_loop_through_driving_inputs_is_named(folder: Path) -> None:
    text = "nodes:\n  a: {run: pass.py, in: b}\n  b: {run: pass.py, in: a}\n"
    (folder / "pass.py").write_text(OWN.format(name="Pass", body="def process(self, frame: Frame) -> Frame: ..."))
    assert faults(folder, text) == ["graph.yaml:2:25: loop through driving inputs: a <- b <- a"]


# Six lines, and more than a billion values.
MANY = (
    "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9)) + "nodes: *a9\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected 'nodes:' with at least one node, got an empty file"),
        ("# nothing\n", "expected 'nodes:' with at least one node, got an empty file"),
        ("- a\n", "1:1: expected 'nodes:' with at least one node, got a list"),
        ("nodes: {}\n", "1:1: nodes: expected a map of at least one node, got an empty one"),
        ("nodes:\n", "1:1: nodes: expected a map of at least one node, got nothing"),
        ("a: b: c\n", "1:5: mapping values are not allowed here"),
        ("nodes: " + "[" * 1000, "graph.yaml: expected a map, got brackets in brackets without end"),
        (MANY, "graph.yaml: expected at most 100000 values, got more (&, *)"),
    ],
)
def test_a_file_without_a_graph_is_one_line(folder: Path, text: str, expected: str) -> None:
    (line,) = faults(folder, text)
    assert line.endswith(expected)


def test_all_faults_are_said_at_once(folder: Path) -> None:
    text = GOOD.replace("fps: 25", "fps: x").replace("reach", "raech").replace("in: cam}", "in: com}")
    assert len(faults(folder, text)) == 3


def test_a_file_of_the_users_that_does_not_load_is_one_line(folder: Path) -> None:
    (folder / "sink.py").write_text("import nowhere\n")
    assert faults(folder, GOOD) == [
        "graph.yaml:8:14: out: sink.py cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"
    ]
    (folder / "sink.py").write_text("def (:\n")
    assert faults(folder, GOOD) == [
        "graph.yaml:8:14: out: sink.py cannot be loaded: SyntaxError: invalid syntax (sink.py:1)"
    ]


def test_settings_that_do_not_go_together_are_the_classs_own_fault(folder: Path) -> None:
    body = """low: float = 0.2
    high: float = 0.5

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")

    def process(self, hands: Hands) -> None: ..."""
    (folder / "sink.py").write_text(OWN.format(name="Sink", body=body))
    lines = faults(folder, GOOD.replace("in: track}", "in: track, with: {low: 0.6}}"))
    assert lines == ["graph.yaml:8:40: out: low 0.6 is above high 0.5"]


def test_the_copy_for_the_processes_says_the_same_as_the_file(folder: Path) -> None:
    (folder / "graph.yaml").write_text(GOOD)
    graph = read(folder / "graph.yaml")
    graph.set("track", "reach", 0.3, "--set")
    graph.clock_offset_ns = 17
    explicit(graph, resolve(graph)).write_copy(folder / "graph.json")
    copy = Graph.read_copy(folder / "graph.json")
    stages = resolve(copy)
    assert copy.clock_offset_ns == 17
    assert copy.file == folder / "graph.yaml"
    assert stages["track"].edges == resolve(graph)["track"].edges
    assert stages["track"].settings == {"reach": 0.3}


def test_the_copy_of_an_exact_run_runs_in_any_way(folder: Path) -> None:
    (folder / "graph.yaml").write_text(GOOD)
    graph = read(folder / "graph.yaml")
    plain = resolve(graph)
    graph.exact = True
    exact = resolve(graph)
    explicit(graph, exact).write_copy(folder / "graph.json")
    copy = Graph.read_copy(folder / "graph.json")
    assert {edge.keep for stage in exact.values() for edge in stage.edges} == {"all"}
    for name, stage in exact.items():
        alone = resolve(copy, only=name)[name]
        assert (alone.edges, sorted(alone.readers)) == (stage.edges, sorted(stage.readers))
    copy.exact = False
    assert {name: stage.edges for name, stage in resolve(copy).items()} == {n: s.edges for n, s in plain.items()}


def test_the_command_says_it_on_stderr_and_ends_with_2(folder: Path) -> None:
    (folder / "graph.yaml").write_text(GOOD.replace("reach: 0.2", "reach: '0.2'"))
    for verb in ("check", "run", "graph"):
        done = subprocess.run(
            [sys.executable, "-m", "handflow", verb, "graph.yaml"], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr == "graph.yaml:7:19: track: reach: expected a number, got '0.2'\n"


def test_set_is_checked_like_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "graph.yaml").write_text(GOOD)
    file = str(folder / "graph.yaml")
    for setting, expected in {
        "track.reach=far": "--set track.reach=far: track: reach: expected a number, got 'far'",
        "trakc.reach=1": "--set trakc.reach=1: there is no node 'trakc' (did you mean 'track'?)",
        "reach=1": "--set: expected NODE.KEY=VALUE, got 'reach=1'",
        "track.reach=[": "expected YAML, got '['",
    }.items():
        assert main(["run", file, "--set", setting]) == 2
        assert capsys.readouterr().err == expected + "\n"


def test_source_is_for_the_one_node_that_has_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "graph.yaml").write_text(GOOD)
    assert main(["run", str(folder / "graph.yaml"), "--source", "x.mp4"]) == 2
    assert "0 nodes have a source" in capsys.readouterr().err


def test_the_shipped_graph_has_nothing_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(Path(__file__).parents[3] / "pipeline.yaml")]) == 0
    assert json.loads(capsys.readouterr().out)["nodes"] == ["camera", "flow", "heatmap", "tracker", "osc", "view"]


def test_the_schema_accepts_the_shipped_graph_and_refuses_what_check_refuses() -> None:
    from ruamel.yaml import YAML

    graph = YAML(typ="safe").load((Path(__file__).parents[3] / "pipeline.yaml").read_text())
    made = schema()
    jsonschema.validate(graph, made)
    graph["nodes"]["tracker"]["with"] = {"no_such_setting": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(graph, made)


def test_the_picture_of_a_graph_has_every_node_and_edge(folder: Path) -> None:
    (folder / "graph.yaml").write_text(GOOD)
    stages = resolve(read(folder / "graph.yaml"))
    text = drawing.mermaid(stages)
    assert "n_cam -->|Frame| n_track" in text
    assert "n_flow -.->|Flow| n_track" in text
    assert '"flow" -> "track" [label="Flow", style=dashed]' in drawing.dot(stages)
    svg = drawing.svg(stages)
    assert svg.count("<rect") == 4
    assert svg.count("<path") == 1 + 4  # the arrow's tip, and an edge each


def test_a_graph_in_another_encoding_is_one_line(folder: Path) -> None:
    file = folder / "latin.yaml"
    file.write_bytes(b"# one\n# h\xe4nde\nnodes: {}\n")
    with pytest.raises(GraphError, match=r"latin\.yaml:2: expected text in UTF-8, got other bytes; save it as UTF-8"):
        read(file)
