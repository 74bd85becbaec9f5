"""A graph's nodes on one machine, and what each is started with: what all writers of `deploy` begin with."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from handflow.commands.installing.systemd_unit import unit_name
from handflow.errors import SetupError
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.yaml_edit import save

# Where a container has the graph, and where its nodes find each other.
GRAPH_FOLDER, RUN_FOLDER = "/graph", "/tmp"


@dataclass(frozen=True)
class Deployment:
    """The part of a graph that one machine runs."""

    graph: Graph
    machine: str  # "" where the graph has none
    image: str  # of containers

    @property
    def name(self) -> str:
        """Of what is deployed: small letters, digits and -."""
        name = re.sub(r"[^a-z0-9]+", "-", unit_name(self.graph.file).lower()).strip("-")
        return f"{name}-{dashed(self.machine)}" if self.machine else name

    @property
    def nodes(self) -> list[str]:
        return [name for name, node in self.graph.nodes.items() if node.on == self.machine]

    def command(self, node: str, file: Path | str) -> list[str]:
        """`node` of the graph in `file`, without the program's name."""
        return ["node", node, "--graph", str(file), *(["--on", self.machine] if self.machine else [])]

    def in_container(self, node: str) -> list[str]:
        return ["handflow", *self.command(node, f"{GRAPH_FOLDER}/{self.graph.file.name}")]

    def device(self, node: str) -> str | None:
        """The camera's device file that a node opens, if that is what its source is."""
        source = str(self.graph.nodes[node].settings.get("source", ""))
        return f"/dev/video{source}" if source.isdecimal() else source if source.startswith("/dev/") else None

    def searching(self) -> list[str]:
        """Nodes that look for a camera by themselves; in a container they would see none."""
        known = self.graph.with_setting("source")
        return [n for n in self.nodes if n in known and self.graph.nodes[n].settings.get("source", "auto") == "auto"]


def deployments(graph: Graph, image: str) -> list[Deployment]:
    """One for each machine that has nodes."""
    found = [Deployment(graph, machine, image) for machine in graph.machines or [""]]
    return [each for each in found if each.nodes]


def own_files(graph: Graph) -> dict[str, Path]:
    """The .py stages by their paths beside the graph. SetupError for one that lies elsewhere."""
    folder = graph.file.parent.resolve()
    found = {}
    for name, node in graph.nodes.items():
        if not node.run.endswith(".py"):
            continue
        file = (folder / node.run).resolve()
        if not file.is_relative_to(folder):
            raise SetupError(f"{name}: expected its file in {folder} or below, got {file}; containers get that folder")
        found[str(file.relative_to(folder))] = file
    return found


def copy_graph(graph: Graph, folder: Path) -> None:
    """The graph as containers run it: with its stages and key beside it, and over the portable transport.

    For they share a network and a folder, but neither memory nor /proc.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / graph.file.name
    edits: dict[tuple[str, ...], str] = {("transport",): "portable"}
    if graph.key:
        edits["key",] = Path(graph.key).name
        shutil.copy2(graph.key, folder / Path(graph.key).name)
    save(file, edits, source=graph.file)
    for path, own in own_files(graph).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own, folder / path)


def dashed(name: str) -> str:
    """A node's or machine's name as Kubernetes takes one."""
    return name.replace("_", "-").strip("-")
