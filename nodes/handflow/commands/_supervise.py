"""Runs a graph, with a table of how it goes."""

import sys
from collections.abc import Callable

from rich.live import Live

from handflow.runtime.address import masked
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.names import one_line
from handflow.runtime.process.status_table import line, table
from handflow.runtime.process.supervisor import Supervisor

from ._console import complain
from ._terminal import PlainConsole


def supervise(
    graph: Graph, table_on_stdout: bool = True, opened: Callable[[], None] = lambda: None
) -> Callable[[float | None], None]:
    """Checks a graph (GraphError); what is returned runs it for so many seconds, or until it ends. RunError.

    On a terminal it shows a live table, else a line a second. Without `table_on_stdout` no line: stdout has a use.
    `opened` is called once the supervisor answers requests.
    """
    graph.place_on(graph.on or None)  # a graph of several machines must know which of them this is
    stages = resolve(graph)

    def run(for_s: float | None) -> None:
        if not sys.stdout.isatty() or not table_on_stdout:
            show = (lambda rows: print(one_line(line(rows)), flush=True)) if table_on_stdout else lambda rows: None
            Supervisor(graph, stages, complain, show).run(for_s, opened)
            return
        console = PlainConsole()
        with Live(console=console, auto_refresh=False) as live:
            say = lambda text: console.print(masked(text))  # noqa: E731
            Supervisor(graph, stages, say, lambda rows: live.update(table(rows), refresh=True)).run(for_s, opened)

    return run
