"""Runs a graph, with a table of how it goes."""

import os
import sys
from collections.abc import Callable

from rich.live import Live

from handflow.runtime.address import masked
from handflow.runtime.graph.graph import Graph
from handflow.runtime.graph.resolve import resolve
from handflow.runtime.names import one_line
from handflow.runtime.process.service_manager import SOCKET
from handflow.runtime.process.status_table import line, table
from handflow.runtime.process.supervisor import Supervisor
from handflow.runtime.process.tracing.trace_file import TraceFile

from ._console import complain
from ._terminal import PlainConsole


def supervise(
    graph: Graph,
    table_on_stdout: bool = True,
    opened: Callable[[], None] = lambda: None,
    log: Callable[[str], None] = lambda line: None,
    reread: Callable[[], Graph] | None = None,
    trace: TraceFile | None = None,
) -> Callable[[float | None], None]:
    """Checks a graph (GraphError); what is returned runs it for so many seconds, or until it ends. RunError.

    On a terminal it shows a live table, else a line a second. Without `table_on_stdout` no line: stdout has a use.
    Nor under systemd, which is told how it goes, and whose journal would be full of it. `opened` is called once the
    supervisor answers requests, `log` with each line for the user. `reread` reads the graph's file again, which is
    followed then; `trace` is given what the nodes do.
    """
    graph.place_on(graph.on or None)  # a graph of several machines must know which of them this is
    stages = resolve(graph)

    def begin() -> None:
        for stage in stages.values():
            node = stage.node(**stage.settings)
            node.graph = graph.plain()
            if graph.on in graph.places(stage.name) and (first := node.first_line()):
                # As it is: whoever starts the graph may know its tokens.
                print(one_line(first), file=sys.stderr, flush=True)
        opened()

    def run(for_s: float | None) -> None:
        def said(by: Callable[[str], None]) -> Callable[[str], None]:
            def say(text: str) -> None:
                by(text)
                log(text)

            return say

        if not sys.stdout.isatty() or not table_on_stdout:
            wanted = table_on_stdout and SOCKET not in os.environ
            show = (lambda rows: print(one_line(line(rows)), flush=True)) if wanted else lambda rows: None
            Supervisor(graph, stages, said(complain), show, reread, trace).run(for_s, begin)
            return
        console = PlainConsole()
        with Live(console=console, auto_refresh=False) as live:
            say = said(lambda text: console.print(masked(text)))
            show_live = lambda rows: live.update(table(rows), refresh=True)  # noqa: E731
            Supervisor(graph, stages, say, show_live, reread, trace).run(for_s, begin)

    return run
