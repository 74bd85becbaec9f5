"""A graph for other engines: what is written is what they take, and the nodes run apart from each other."""

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.graphs import Game, Run, free_ports, until
from support.needed import need

from handflow.__main__ import main

COMPOSE_SCHEMA = Path(__file__).parents[3] / ".compose" / "compose" / "config" / "compose_spec.json"
MIRROR = """from handflow import Hands, Node


class Own(Node):
    def process(self, hands: Hands) -> Hands:
        return hands
"""
ONE = """nodes:
  camera: {run: camera, with: {source: 2}}
  heatmap: {run: heatmap, in: camera}
  tracker: {run: tracker, in: heatmap}
  my_own: {run: own.py, in: tracker}
  osc: {run: osc, in: my_own, with: {targets: [{protocol: tuio11}]}}
"""
TWO = """machines:
  booth: {host: 127.0.0.1, port: 5600}
  stage: {host: 127.0.0.1, port: 5700}
key: game.key
nodes:
  camera: {run: camera, with: {source: demo}, on: booth}
  heatmap: {run: heatmap, in: camera, on: stage}
  tracker: {run: tracker, in: heatmap, on: stage}
  osc: {run: osc, in: tracker, on: stage, with: {targets: [{protocol: tuio11}]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "floor.yaml").write_text(ONE)
    (tmp_path / "own.py").write_text(MIRROR)
    (tmp_path / "two.yaml").write_text(TWO)
    assert main(["key", str(tmp_path / "game.key")]) == 0
    return tmp_path


def deploy(folder: Path, graph: str, to: str, *more: str) -> Path:
    assert main(["deploy", str(folder / graph), "--to", to, "-o", str(folder / to), *more]) == 0
    return folder / to


def documents(file: Path) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(file.read_text("utf-8")))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
@pytest.mark.parametrize("more", [(), ("--as", "root")])
def test_systemd_finds_nothing_wrong_with_the_units(folder: Path, more: tuple[str, ...]) -> None:
    units = deploy(folder, "floor.yaml", "systemd", *more)
    files = sorted(units.iterdir())
    assert [file.name for file in files][-1] == "handflow-floor.target"
    assert len(files) == 5 + 1
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "handflow" in line]) == (0, [])
    text = (units / "handflow-floor-my_own.service").read_text()
    assert "PartOf=handflow-floor.target\n" in text
    assert f'"node" "my_own" "--graph" "{folder}/floor.yaml"\n' in text


def test_compose_s_schema_takes_its_file(folder: Path) -> None:
    need(COMPOSE_SCHEMA.exists(), "pip install --no-deps --target .compose 'docker-compose==1.29.*'")
    import jsonschema

    (stack,) = documents(deploy(folder, "floor.yaml", "compose") / "compose.yaml")
    jsonschema.Draft201909Validator(json.loads(COMPOSE_SCHEMA.read_text())).validate(stack)


def test_each_node_is_a_service_and_the_camera_has_its_device(folder: Path) -> None:
    out = deploy(folder, "floor.yaml", "compose", "--image", "mine:1")
    (stack,) = documents(out / "compose.yaml")
    services = stack["services"]
    assert list(services) == ["camera", "heatmap", "tracker", "my_own", "osc"]
    assert services["osc"]["command"] == ["handflow", "node", "osc", "--graph", "/graph/floor.yaml"]
    assert {service["image"] for service in services.values()} == {"mine:1"}
    assert [name for name, service in services.items() if "devices" in service] == ["camera"]
    assert services["camera"]["devices"] == ["/dev/video2:/dev/video2"]
    assert (out / "graph" / "own.py").read_text() == MIRROR
    (graph,) = documents(out / "graph" / "floor.yaml")
    assert graph["transport"] == "portable"
    assert main(["check", str(out / "graph" / "floor.yaml")]) == 0


@pytest.mark.slow  # what checks them is not among the extras
@pytest.mark.parametrize("graph", ["floor.yaml", "two.yaml"])
def test_kubernetes_takes_its_manifests(folder: Path, graph: str) -> None:
    need(importlib.util.find_spec("kubernetes_validate"), "pip install kubernetes-validate")
    import kubernetes_validate

    files = sorted(deploy(folder, graph, "k8s").rglob("manifests.yaml"))
    assert len(files) == {"floor.yaml": 1, "two.yaml": 2}[graph]
    for file in files:
        for each in documents(file):
            kubernetes_validate.validate(each, "1.30", strict=True)


def test_a_pod_has_the_graph_the_camera_and_the_key(folder: Path) -> None:
    config, workload = documents(deploy(folder, "floor.yaml", "k8s") / "manifests.yaml")
    pod = workload["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["containers"]] == [
        "node-camera", "node-heatmap", "node-tracker", "node-my-own", "node-osc",
    ]  # fmt: skip
    given = {
        item["path"]: config["data"][item["key"]]
        for item in pod["volumes"][0]["projected"]["sources"][0]["configMap"]["items"]
    }
    assert given["own.py"] == MIRROR
    assert "transport: portable" in given["floor.yaml"]
    assert pod["containers"][0]["securityContext"] == {"privileged": True}
    shutil.rmtree(folder / "k8s")
    out = deploy(folder, "two.yaml", "k8s")
    _, workload = documents(out / "stage" / "manifests.yaml")
    pod = workload["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"handflow/machine": "stage"}
    assert pod["containers"][0]["command"][-2:] == ["--on", "stage"]
    assert pod["volumes"][0]["projected"]["sources"][1]["secret"]["items"][0]["path"] == "game.key"
    key = (folder / "game.key").read_text().strip()
    assert key not in (out / "stage" / "manifests.yaml").read_text()


def test_what_cannot_be_done_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "out.yaml").write_text(ONE.replace("own.py", "../own.py"))
    for graph, out, status, said in (
        ("floor.yaml", folder, 1, "expected a new or an empty folder"),
        ("deep/out.yaml", folder / "new", 1, "my_own: expected its file in"),
        ("gone.yaml", folder / "new2", 2, "gone.yaml"),
    ):
        capsys.readouterr()
        assert main(["deploy", str(folder / graph), "--to", "compose", "-o", str(out)]) == status
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


@pytest.mark.slow
def test_nodes_that_run_apart_send_hands_and_one_that_is_killed_comes_back(
    tmp_path: Path, run: Callable[..., Run], game: Game
) -> None:
    """Each command of the Compose file as a process, without a supervisor; kill -9 of one, and its restart."""
    text = ONE.replace("source: 2", "source: demo, size: [640, 360], fps: 10").replace("in: my_own", "in: tracker")
    text = text.replace("  my_own: {run: own.py, in: tracker}\n", "").replace("tuio11", f"hands, port: {game.port}")
    (tmp_path / "floor.yaml").write_text(text)
    out = deploy(tmp_path, "floor.yaml", "compose")
    (stack,) = documents(out / "compose.yaml")

    def start(service: str) -> Run:
        words = [word.replace("/graph/", f"{out}/graph/") for word in stack["services"][service]["command"]]
        return run(*words[1:])

    nodes = {name: start(name) for name in stack["services"]}
    until(lambda: game.ids(), "no hands arrive")
    nodes["tracker"].process.kill()
    nodes["tracker"].end()
    until(lambda: game.frames()[-1].values[1] == 0, "the game is not told that nobody is there")
    game.heard.clear()
    nodes["tracker"] = start("tracker")
    until(lambda: game.ids(), "no hands arrive after the restart")
    for node in nodes.values():
        assert node.stop() == 0


@pytest.mark.slow
def test_nodes_of_two_machines_that_run_apart_find_each_other(
    folder: Path, run: Callable[..., Run], game: Game
) -> None:
    first = free_ports(4)
    text = TWO.replace("5600", str(first)).replace("5700", str(first + 2))
    text = text.replace("source: demo", "source: demo, size: [640, 360], fps: 10")
    (folder / "two.yaml").write_text(text.replace("tuio11", f"hands, port: {game.port}"))
    out = deploy(folder, "two.yaml", "compose")
    started = []
    for machine in ("booth", "stage"):
        (stack,) = documents(out / machine / "compose.yaml")
        for service in stack["services"].values():
            words = [word.replace("/graph/", f"{out}/{machine}/graph/") for word in service["command"]]
            started.append(run(*words[1:]))
    until(lambda: game.ids(), "no hands arrive")
    for node in started:
        assert node.stop() == 0
