"""What has to be written into a graph's file so that it says what another graph says."""

import os
from pathlib import Path
from typing import Any

from .graph import Graph


def edits(before: Graph, after: Graph, folder: Path) -> dict[tuple[str, ...], Any]:
    """The values that differ, by their path in the file, such as ("nodes", "osc", "with", "lost_s").

    Nodes that `after` lacks stay in the file. `folder`: where that lies, from which .py stages are named.
    """
    found: dict[tuple[str, ...], Any] = {}
    for name, node in after.nodes.items():
        old = before.nodes.get(name)
        if old is None:
            found["nodes", name] = node.shortest()
            continue
        run = os.path.relpath(after.file.parent / node.run, folder) if node.run.endswith(".py") else node.run
        if run != old.run:
            found["nodes", name, "run"] = run
        if node.inputs != old.inputs:
            found["nodes", name, "in"] = node.shortest_inputs()
        if node.run != old.run:  # the settings before are another stage's
            if node.settings != old.settings:
                found["nodes", name, "with"] = node.settings
            continue
        for key, value in node.settings.items():
            if key not in old.settings or old.settings[key] != value:
                found["nodes", name, "with", key] = value
    return found
