"""A graph on several machines: what is wrong with its faults in one line; two supervisors on loopback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import zmq
from support.graphs import Run, free_ports, until
from support.two_machines import NODES

from handflow.__main__ import main
from handflow.errors import GraphError
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import explicit, resolve, shared_by_machines
from handflow.runtime.graph.schema import schema
from handflow.runtime.profile import Profile
from handflow.runtime.remote.edge import subscribe_remote
from handflow.runtime.remote.peer_link import PeerLink
from handflow.runtime.topology import Crossing, Machine
from handflow.runtime.transport.policies import Newest

GRAPH = """\
machines:
  eye: {host: 127.0.0.1, port: 5600}
  play: {host: 127.0.0.1, port: 5620}
nodes:
  ticker: {run: ticker.py}
  passer: {run: passer.py, in: ticker}
  far: {run: passer.py, in: {frame: {from: ticker, jpeg: 95, size: [160, 160]}}, on: play}
  tap: {run: tap.py, in: {frame: far, other: passer}, on: play, with: {file: out}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in NODES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def graph(folder: Path, text: str = GRAPH) -> Path:
    file = folder / "graph.yaml"
    file.write_text(text)
    return file


def test_nodes_stand_on_the_first_machine_unless_the_graph_says_otherwise(folder: Path) -> None:
    stages = resolve(read(graph(folder)))
    assert {name: stage.on for name, stage in stages.items()} == {
        "ticker": "eye",
        "passer": "eye",
        "far": "play",
        "tap": "play",
    }


def test_nodes_that_are_read_across_take_the_ports_after_the_machines_own(folder: Path) -> None:
    loaded = read(graph(folder))
    stages = resolve(loaded)
    assert loaded.ports() == {("ticker", "eye"): 5601, ("passer", "eye"): 5602}
    assert stages["far"].edges[0].crossing == Crossing("tcp://127.0.0.1:5601", 95, (160, 160))
    assert [edge.crossing and edge.crossing.endpoint for edge in stages["tap"].edges] == [None, "tcp://127.0.0.1:5602"]
    assert stages["ticker"].crossings == [Crossing("tcp://127.0.0.1:5601", 95, (160, 160))]
    assert stages["far"].crossings == []


def test_the_copy_that_processes_read_says_the_same(folder: Path) -> None:
    loaded = read(graph(folder))
    loaded.place_on("play")
    stages = resolve(loaded)
    explicit(loaded, stages).write_copy(folder / "graph.json")
    again = Graph.read_copy(folder / "graph.json")
    assert again.on == "play"
    assert resolve(again)["far"].edges == stages["far"].edges
    assert shared_by_machines(again, resolve(again)) == shared_by_machines(loaded, stages)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("on: play}", "on: plai}", "graph.yaml:7:86: far: on: expected a machine, got 'plai' (did you mean "
         "'play'?); there are eye, play"),
        ("on: play}", "on: 7}", "graph.yaml:7:86: far: on: expected the name of a machine, or a list of names, got 7"),
        (GRAPH[: GRAPH.index("nodes:")], "", "graph.yaml:4:86: far: on 'play': the graph has no 'machines:'"),
        ("eye: {host: 127.0.0.1,", "eye: {host: 10.0.0.5,", "graph.yaml:2:15: machine eye: whoever reaches 10.0.0.5 "
         "could read and feed this graph, for nothing is encrypted; make a key with handflow key FILE and write "
         "key: FILE beside 'machines:', or write insecure: true if the network is yours alone"),
        ("eye: {host: 127.0.0.1,", "eye: {host: g.local,", "graph.yaml:2:15: machine eye: whoever reaches g.local "
         "could read and feed this graph, for nothing is encrypted; make a key with handflow key FILE and write "
         "key: FILE beside 'machines:', or write insecure: true if the network is yours alone"),
        ("machines:", "key: no.key\nmachines:", "graph.yaml:1:6: key no.key: No such file or directory; make one with: "
         "handflow key no.key"),
        ("machines:", "key: 7\nmachines:", "graph.yaml:1:6: key: expected the name of a file beside the graph, got 7"),
        ("machines:", "insecure: sure\nmachines:", "graph.yaml:1:11: insecure: expected true or false, got 'sure'"),
        ("host: 127.0.0.1, port: 5600", "host: 127.0.0.1", "graph.yaml:2:3: machine eye: port: "
         "expected a number from 1024 to 65000, got nothing"),
        ("port: 5600", "port: 80", "graph.yaml:2:32: machine eye: port: expected a number from 1024 to 65000, got 80"),
        ("host: 127.0.0.1, port: 5600", "host: 'a b', port: 5600", "graph.yaml:2:15: machine eye: host: "
         "expected an IPv4 address or a name, got 'a b'"),
        ("eye: {host: 127.0.0.1, port: 5600}", "eye: 127.0.0.1", "graph.yaml:2:3: machine eye: expected "
         "{host: ADDRESS, port: N}, got '127.0.0.1'"),
        ("eye: {host:", "eye: {hots: 1, host:", "graph.yaml:2:9: machine eye: no key 'hots' (did you mean 'host'?); "
         "it has host, port"),
        ("  eye: {", "  Eye: {", "graph.yaml:2:3: expected a name for a machine of small letters, "
         "digits, - and _, got 'Eye'"),
        ("port: 5620", "port: 5601", "graph.yaml: machines: expected ports farther apart, got "
         "127.0.0.1:5601 for both eye's ticker and play"),
        ("jpeg: 95", "jpeg: 101", "graph.yaml:7:37: far: jpeg: expected a quality from 1 to 100, got 101"),
        ("jpeg: 95", "jpeg: 9.5", "graph.yaml:7:37: far: jpeg: expected a quality from 1 to 100, got 9.5"),
        ("[160, 160]", "[160]", "graph.yaml:7:37: far: size: expected [width, height] from 16 to 8192, got [160]"),
        ("[160, 160]", "[160, big]", "graph.yaml:7:37: far: size: expected [width, height] from 16 to 8192, "
         "got [160, 'big']"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(folder: Path, old: str, new: str, expected: str) -> None:
    assert old in GRAPH
    with pytest.raises(GraphError) as error:
        resolve(read(graph(folder, GRAPH.replace(old, new, 1))))
    assert expected in [line.replace(f"{folder}/", "") for line in error.value.lines]


def test_off_loopback_is_allowed_where_it_is_said_to_be_meant(folder: Path) -> None:
    resolve(read(graph(folder, "insecure: true\n" + GRAPH.replace("127.0.0.1", "10.0.0.5"))))


def test_the_schema_knows_machines() -> None:
    whole: dict[str, Any] = {
        "machines": {"eye": {"host": "10.0.0.5", "port": 5600}},
        "insecure": True,
        "nodes": {
            "flow": {"run": "flow", "in": {"frame": {"from": "camera", "jpeg": 80, "size": [320, 180]}}, "on": "eye"},
            "edges": {"run": "flow", "in": "camera", "on": ["eye", "spare"]},
        },
    }
    jsonschema.validate(whole, schema())
    whole["machines"]["eye"]["port"] = 80
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(whole, schema())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "has machines; say with --on which of them this is: eye, play"),
        (["--on", "plai"], "(did you mean 'play'?); it has eye, play"),
    ],
)
def test_run_must_know_which_machine_this_is(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["run", str(graph(folder)), *arguments]) == 2
    assert expected in capsys.readouterr().err


def test_check_says_which_ports_are_listened_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(graph(folder))]) == 0
    assert "eye listens on 127.0.0.1: 5600 its supervisor, 5601 ticker, 5602 passer" in capsys.readouterr().out


def lines(folder: Path) -> list[Any]:
    out = folder / "out"
    return [eval(line) for line in out.read_text().splitlines()] if out.exists() else []


@pytest.fixture
def moved(folder: Path) -> Callable[[str], Path]:
    """A graph of which both machines are this one, at free ports."""

    def make(text: str = GRAPH) -> Path:
        first = free_ports(8)
        return graph(folder, text.replace("5600", str(first)).replace("5620", str(first + 4)))

    return make


def test_two_supervisors_make_one_graph(
    run: Callable[..., Run],
    command: Callable[..., list[str]],
    folder: Path,
    moved: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = moved()
    started = [run("run", file, "--on", name, cwd=folder) for name in ("play", "eye")]
    until(lambda: len(lines(folder)) > 10 and any(line[4] for line in lines(folder)), "nothing crosses")
    for _, age, off, shape, _, hops in lines(folder)[5:]:
        assert off < 3  # a JPEG of the picture that was sent, and not of another
        assert shape == (90, 160, 3)
        assert [node for node, _, _ in hops] == ["ticker", "far"]
        assert -5 < age < 5000
    until(lambda: any("machine eye" in line and "is reachable" in line for line in started[0].err), "it is not said")
    assert main(["top", "--json", "--graph", str(file)]) == 1
    assert "say which with --on" in capsys.readouterr().err
    rows: list[dict[str, Any]] = []

    def all_run() -> bool:
        rows[:] = json.loads("".join(command("top", "--json", "--graph", file, "--on", "play")))
        return all(row["state"] == "running" for row in rows)

    until(all_run, "not all rows are there")
    assert [(row["node"], row["on"]) for row in rows] == [
        ("ticker", "eye"),
        ("passer", "eye"),
        ("far", "play"),
        ("tap", "play"),
    ]
    assert abs(rows[0]["clock_ms"]) <= rows[0]["clock_error_ms"] * 2 + 0.1
    assert rows[3]["clock_ms"] == 0
    assert "play: clock" in "".join(command("top", "--once", "--graph", file, "--on", "eye"))
    for each in started:
        assert each.stop() == 0


@pytest.mark.slow
def test_with_a_key_what_crosses_is_encrypted_and_strangers_stay_outside(
    run: Callable[..., Run], folder: Path, moved: Callable[..., Path]
) -> None:
    assert main(["key", str(folder / "game.key")]) == 0
    file = moved("key: game.key\n" + GRAPH)
    first = [run("run", file, "--on", name, cwd=folder) for name in ("play", "eye")]
    until(lambda: len(lines(folder)) > 10 and any(line[4] for line in lines(folder)), "nothing crosses", 40)
    until(lambda: any("is reachable" in line for line in first[0].err), "the other supervisor is not there")
    copy = folder / "open.yaml"
    copy.write_text(file.read_text().removeprefix("key: game.key\n"))
    loaded = read(copy)
    reader = Newest(subscribe_remote(zmq.Context.instance(), Profile("x", 1), resolve(loaded)["far"].edges[0]))
    link = PeerLink(Machine("play", "127.0.0.1", free_ports(1)), [loaded.machines["eye"]], "", lambda: {})
    link.start()
    try:
        with pytest.raises(TimeoutError):
            reader.next(2)
        assert not link.peers["eye"].reachable()
    finally:
        reader.subscription.close()
        link.close()
    for each in first:
        assert each.stop() == 0


@pytest.mark.slow
def test_a_finite_source_ends_the_graph_on_both_machines(
    run: Callable[..., Run], folder: Path, moved: Callable[..., Path]
) -> None:
    file = moved(GRAPH.replace("ticker: {run: ticker.py}", "ticker: {run: ticker.py, with: {frames: 12}}"))
    started = [run("run", file, "--on", name, cwd=folder) for name in ("play", "eye")]
    assert [each.end(60) for each in started] == [0, 0]
    assert [line[0] for line in lines(folder)][-1] == 12


@pytest.mark.slow
def test_a_node_that_is_read_on_another_machine_can_be_swapped(
    run: Callable[..., Run], folder: Path, moved: Callable[..., Path], tmp_path: Path
) -> None:
    file = moved()
    elsewhere = tmp_path / "elsewhere"  # as if it were another machine: the same graph in another folder
    elsewhere.mkdir()
    for name in (*NODES, "graph.yaml"):
        (elsewhere / name).write_text((folder / name).read_text())
    started = [
        run("run", elsewhere / "graph.yaml", "--on", "play", cwd=folder),
        run("run", file, "--on", "eye", cwd=folder),
    ]
    until(lambda: len(lines(folder)) > 20 and lines(folder)[-1][4], "nothing crosses", 40)
    for node in ("passer", "ticker"):
        swap = run("swap", node, "--graph", file)
        assert swap.end(60) == 0, swap.err
        before = len(lines(folder))
        until(
            lambda before=before: len(lines(folder)) > before + 20 and lines(folder)[-1][4], f"{node} is not heard", 40
        )
    there = run("swap", "far", "--graph", file)
    assert there.end() == 1
    assert there.err == ["far runs on machine play; run this command there\n"]
    assert not any("another graph" in line for each in started for line in each.err)
    assert not any("restart" in line for each in started for line in each.err)


@pytest.mark.slow
def test_a_machine_with_another_graph_is_told_of(
    run: Callable[..., Run], folder: Path, moved: Callable[..., Path], tmp_path: Path
) -> None:
    file = moved()
    other = tmp_path / "other.yaml"
    other.write_text(file.read_text().replace("other: passer", "other: ticker"))
    first = run("run", file, "--on", "eye", cwd=folder)
    run("run", other, "--on", "play", cwd=folder)
    until(lambda: any("machine play runs another graph" in line for line in first.err), "it is not noticed")


def test_a_port_in_use_ends_the_run_with_one_line(
    run: Callable[..., Run], folder: Path, moved: Callable[..., Path]
) -> None:
    file = moved()
    run("run", file, "--on", "eye", cwd=folder)
    copy = folder / "copy.yaml"
    copy.write_text(file.read_text())
    first = read(file).machines["eye"].port

    def taken() -> bool:
        with zmq.Context() as context, context.socket(zmq.PUB) as socket:
            try:
                socket.bind(f"tcp://127.0.0.1:{first}")
            except zmq.ZMQError:
                return True
            return False

    until(taken, "the first does not listen")
    second = run("run", copy, "--on", "eye", cwd=folder)
    assert second.end() == 1
    assert second.err == [f"cannot listen on 127.0.0.1:{first}: the port is in use\n"]
