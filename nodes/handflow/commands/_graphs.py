"""Graphs as the command line names them: which file, with which settings."""

from collections.abc import Iterable
from pathlib import Path

from handflow.errors import GraphError
from handflow.runtime.files import packaged
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.parse import read

from ._settings import node_setting


def graph_of(given: str | None) -> Graph:
    """The graph in the file that was given, else ./pipeline.yaml, else the packaged one. GraphError."""
    return read(graph_file(given))


def graph_file(given: str | None) -> Path:
    """The file that `graph_of` reads."""
    here = Path("pipeline.yaml")
    return Path(given) if given else here if here.exists() else packaged("pipeline.yaml")


def apply_settings(graph: Graph, settings: Iterable[str]) -> None:
    """`--set NODE.KEY=VALUE`. GraphError."""
    for text in settings:
        graph.set(*node_setting(text, "--set"), f"--set {text}")


def apply_source(graph: Graph, source: str) -> None:
    """`--source S`: for the one node of the graph whose class has that setting. GraphError."""
    sources = graph.with_setting("source")
    if len(sources) != 1:
        have = f"{len(sources)} nodes have a source ({', '.join(sources)})"
        raise GraphError([f"--source {source}: {have}; use --set NODE.source=…"])
    graph.set(sources[0], "source", source, f"--source {source}")
