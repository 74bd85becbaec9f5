"""Graphs as the command line names them: which file, with which settings, and run with a table of how it goes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from handflow.runtime.files import packaged

if TYPE_CHECKING:  # `handflow --help` loads nothing more
    from handflow.runtime.graph.graph import Graph


def graph_of(given: str | None) -> "Graph":
    """The graph in the file that was given, else ./pipeline.yaml, else the packaged one. GraphError."""
    here = Path("pipeline.yaml")
    file = Path(given) if given else here if here.exists() else packaged("pipeline.yaml")
    from handflow.runtime.graph.parse import read

    return read(file)


def set_value(graph: "Graph", text: str) -> None:
    """`--set NODE.KEY=VALUE`. GraphError."""
    from handflow.errors import GraphError
    from handflow.runtime.graph.parse import value

    target, equals, given = text.partition("=")
    name, dot, key = target.partition(".")
    if not (equals and dot and name and key):
        raise GraphError([f"--set {text}: NODE.KEY=VALUE expected"])
    graph.set(name, key, value(given), f"--set {text}")


def set_source(graph: "Graph", source: str) -> None:
    """`--source S`: for the one node of the graph whose class has that setting. GraphError."""
    from handflow.errors import GraphError, StageError
    from handflow.runtime.graph.stage import declared, load

    have = []
    for entry in graph.entries.values():
        try:
            if "source" in declared(load(entry.run, graph.file.parent)).settings:
                have.append(entry.name)
        except StageError:
            continue  # resolve() says what is wrong with it
    if len(have) != 1:
        raise GraphError(
            [f"--source {source}: {len(have)} nodes have a source ({', '.join(have)}); use --set NODE.source=…"]
        )
    graph.set(have[0], "source", source, f"--source {source}")


def supervise(
    graph: "Graph", table_on_stdout: bool = True, opened: Callable[[], None] = lambda: None
) -> Callable[[float | None], None]:
    """Checks a graph (GraphError); what is returned runs it for so many seconds, or until it ends. RunError.

    On a terminal it shows a live table, else a line a second. Without `table_on_stdout` no line: stdout has a use.
    `opened` is called once the supervisor answers requests.
    """
    from handflow.runtime.graph.graph import resolve
    from handflow.runtime.process.supervisor import Supervisor

    graph.place_on(graph.on or None)  # a graph of several machines must know which of them this is
    stages = resolve(graph)

    def run(for_s: float | None) -> None:
        if not sys.stdout.isatty() or not table_on_stdout:
            from handflow.runtime.process.status_table import line

            show = (lambda rows: print(line(rows), flush=True)) if table_on_stdout else lambda rows: None
            Supervisor(graph, stages, complain, show).run(for_s, opened)
            return
        from rich.console import Console
        from rich.live import Live

        from handflow.runtime.address import masked
        from handflow.runtime.process.status_table import table

        console = Console(highlight=False)
        with Live(console=console, auto_refresh=False) as live:
            say = lambda text: console.print(masked(text), markup=False)  # noqa: E731
            Supervisor(graph, stages, say, lambda rows: live.update(table(rows), refresh=True)).run(for_s, opened)

    return run


def complain(*lines: str) -> None:
    """Says what is wrong, on stderr; passwords in URLs are hidden."""
    from handflow.runtime.address import masked

    for line in lines:
        print(masked(line), file=sys.stderr, flush=True)
