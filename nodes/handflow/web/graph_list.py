"""The graphs that run on this machine, and where their pages are."""

import contextlib
from typing import Any

from handflow.runtime.graph.graph import Graph
from handflow.runtime.transport.rundir import running

PAGE = "page"  # under this name a node keeps its page's address (`persistent`)


def graph_list() -> list[dict[str, Any]]:
    """This user's graphs that run now: file, machine, and the addresses of their pages by node."""
    found = []
    for directory in running():
        with contextlib.suppress(OSError, ValueError):  # it has just ended, or only begins
            graph = Graph.read_copy(directory.graph)
            stored = {name: directory.stored(name).get(PAGE) for name in graph.nodes}
            pages = {name: url for name, url in stored.items() if isinstance(url, str)}
            found.append({"graph": str(graph.file), "on": graph.on, "pages": pages})
    return found
