"""`handflow deploy GRAPH --to systemd|compose|k8s|dora -o FOLDER`: the same graph, kept running by what others keep.

Each node is a process that this engine starts, restarts and logs: handflow's own supervisor does not run, and so
neither does what it answers (top, set, swap, /healthz). A folder for each machine where the graph has several; dora
takes one dataflow for all.

handflow deploy --to systemd -o units
cp units/* ~/.config/systemd/user/; systemctl --user enable --now units/*

handflow deploy --to compose -o stack --image handflow
docker compose -f stack/compose.yaml up -d

handflow deploy --to k8s -o stack --image handflow
kubectl apply -f stack/manifests.yaml

handflow deploy --to dora -o flow
dora run flow/dataflow.yaml
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handflow import __version__
from handflow.commands._arguments import add_graph
from handflow.commands._console import complain, say
from handflow.commands._graphs import graph_of
from handflow.errors import RunError, SetupError
from handflow.runtime.dora.wiring import joined
from handflow.runtime.files import cannot_write, result_text
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.graph.stage import Stage
from handflow.runtime.graph.yaml_write import write_documents

from .engines.containers import compose, manifests
from .engines.dataflow import dataflow
from .engines.deployment import Deployment, copy_graph, deployments
from .systemd_unit import node_unit, target_unit, unit_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_graph(parser)
    add = parser.add_argument
    add("--to", required=True, choices=[*WRITERS, "dora"])
    add("-o", "--output", required=True, type=Path, metavar="FOLDER", help="a new one, or an empty one")
    add("--as", dest="user", metavar="USER", help="systemd: units of the system's that run as this user; else your own")
    add("--exact", action="store_true", help="dora: every message counts, as with handflow run --exact")
    add("--image", default=f"handflow:{__version__}", help="compose, k8s: with handflow installed; default %(default)s")


def run(args: argparse.Namespace) -> int:
    graph = graph_of(args.graph)
    graph.file = graph.file.absolute()
    if args.exact and args.to != "dora":
        raise SetupError(f"--exact: expected --to dora, got --to {args.to}; `handflow run --exact` needs no engine")
    graph.exact = args.exact
    stages = _checked(graph, args.to)
    folder: Path = args.output
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SetupError(f"{folder}: expected a new or an empty folder, got one with files; name another or empty it")
    try:
        if args.to == "dora":
            _dora(graph, stages, folder)
            return 0
        if lists := [name for name, node in graph.nodes.items() if node.places]:
            complain(
                f"{', '.join(lists)}: runs on the first machine of its list alone; to move it is the engine's work"
            )
        for each in deployments(graph, args.image):
            place = folder / each.machine if each.machine else folder
            place.mkdir(parents=True, exist_ok=True)
            WRITERS[args.to](each, place, args.user)
            say(f"{place}: {len(each.nodes)} nodes" + (f" of {each.machine}" if each.machine else ""))
            if searching := each.searching():
                complain(f"{', '.join(searching)}: source auto finds the demo where no camera opens; name yours")
    except OSError as error:
        raise RunError(cannot_write(folder, error)) from error
    return 0


def _checked(graph: Graph, engine: str) -> dict[str, Stage]:
    """The graph's stages, as they run under the engine. GraphError."""
    if engine == "dora":
        return resolve(joined(graph))
    stages: dict[str, Stage] = {}
    for machine in graph.machines or ("",):
        graph.place_on(machine or None)
        stages |= resolve(graph)
    return stages


def _systemd(deployment: Deployment, folder: Path, user: str | None) -> None:
    """The graph stays where it is, on each machine at the same path."""
    file, name = deployment.graph.file, unit_name(deployment.graph.file)
    for node in deployment.nodes:
        command = [sys.executable, "-m", "handflow", *deployment.command(node, file)]
        text = node_unit(f"{name}-{node}", file, node, command, user)
        _write(folder / f"{name}-{node}.service", text)
    _write(folder / f"{name}.target", target_unit(file, user))


def _compose(deployment: Deployment, folder: Path, user: str | None) -> None:
    copy_graph(deployment.graph, folder / "graph")
    _write_yaml(folder / "compose.yaml", [compose(deployment)])


def _kubernetes(deployment: Deployment, folder: Path, user: str | None) -> None:
    copy_graph(deployment.graph, folder / "graph")
    _write_yaml(folder / "manifests.yaml", manifests(deployment, folder / "graph"))


def _dora(graph: Graph, stages: dict[str, Stage], folder: Path) -> None:
    flow = dataflow(graph, stages)
    folder.mkdir(parents=True, exist_ok=True)
    _write_yaml(folder / "dataflow.yaml", [flow])
    say(f"{folder}: {len(stages)} nodes")
    if shrunk := [
        name for name, node in graph.nodes.items() if any(edge.jpeg or edge.size for _, edge in node.edges())
    ]:
        complain(f"{', '.join(shrunk)}: jpeg and size do nothing there, dora carries pictures whole")


WRITERS = {"systemd": _systemd, "compose": _compose, "k8s": _kubernetes}


def _write_yaml(file: Path, documents: Sequence[dict[str, Any]]) -> None:
    with result_text(file) as out:
        write_documents(documents, out)


def _write(file: Path, text: str) -> None:
    with result_text(file) as out:
        out.write(text)
