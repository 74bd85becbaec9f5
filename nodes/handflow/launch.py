"""Graphs as the command line names them: which file, with which settings, and run with a table of how it goes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `handflow --help` loads nothing more
    from .runtime.graph import Graph


def graph_of(given: str | None) -> "Graph":
    """The graph in the file that was given, else ./pipeline.yaml, else the packaged one. GraphError."""
    here = Path("pipeline.yaml")
    file = Path(given) if given else here if here.exists() else packaged("pipeline.yaml")
    from .runtime.reader import read

    return read(file)


def packaged(name: str) -> Path:
    """A file that comes with the package: in the wheel beside this module, in a checkout at the top."""
    beside = Path(__file__).parent / name
    return beside if beside.exists() else Path(__file__).parents[2] / name


def set_value(graph: "Graph", text: str) -> None:
    """`--set NODE.KEY=VALUE`. GraphError."""
    from .runtime.graph import GraphError
    from .runtime.reader import value

    target, equals, given = text.partition("=")
    name, dot, key = target.partition(".")
    if not (equals and dot and name and key):
        raise GraphError([f"--set {text}: NODE.KEY=VALUE expected"])
    graph.set(name, key, value(given), f"--set {text}")


def set_source(graph: "Graph", source: str) -> None:
    """`--source S`: for the one node of the graph whose class has that setting. GraphError."""
    from .runtime.graph import GraphError
    from .runtime.stage import StageError, declared, load

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


def supervise(graph: "Graph", table_on_stdout: bool = True) -> Callable[[float | None], None]:
    """Checks a graph (GraphError); what is returned runs it for so many seconds, or until it ends. RunError.

    On a terminal it shows a live table, else a line a second. Without `table_on_stdout` no line: stdout has a use.
    """
    from .runtime.graph import resolve
    from .runtime.supervisor import Supervisor

    graph.place_on(graph.on or None)  # a graph of several machines must know which of them this is
    stages = resolve(graph)

    def run(for_s: float | None) -> None:
        if not sys.stdout.isatty() or not table_on_stdout:
            from .runtime.table import line

            show = (lambda rows: print(line(rows), flush=True)) if table_on_stdout else lambda rows: None
            Supervisor(graph, stages, complain, show).run(for_s)
            return
        from rich.console import Console
        from rich.live import Live

        from .runtime.address import masked
        from .runtime.table import table

        console = Console(highlight=False)
        with Live(console=console, auto_refresh=False) as live:
            say = lambda text: console.print(masked(text), markup=False)  # noqa: E731
            Supervisor(graph, stages, say, lambda rows: live.update(table(rows), refresh=True)).run(for_s)

    return run


def complain(*lines: str) -> None:
    """Says what is wrong, on stderr; passwords in URLs are hidden."""
    from .runtime.address import masked

    for line in lines:
        print(masked(line), file=sys.stderr, flush=True)
