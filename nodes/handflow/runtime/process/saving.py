"""What a running graph's settings are beside those in its file, and writing them there, comments kept."""

from pathlib import Path
from typing import Any

from handflow.runtime.graph.edits import edits
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.yaml_edit import save

Edits = dict[tuple[str, ...], Any]


def unsaved(changes: dict[str, Any], folder: Path) -> Edits:
    """What differs from the file, by its path there. `changes`: what the control server answers to that verb.

    `folder`: where it is to be written, from which .py stages are named. GraphError.
    """
    before = read(Path(changes["file"]))
    after = before.copy()
    for name, node in changes["nodes"].items():
        if name in after.nodes:  # not a node that the file has not, such as a recorder
            after.nodes[name].run, after.nodes[name].settings = node["run"], node["with"]
    return edits(before, after, folder)


def save_changes(changes: dict[str, Any], target: Path, found: Edits | None = None) -> list[str]:
    """Writes what differs (of it `found`, if given) into `target`: node.setting each. GraphError, RunError."""
    target = target.absolute()
    found = unsaved(changes, target.parent) if found is None else found
    save(target, found, source=Path(changes["file"]))
    return [f"{path[1]}.{path[-1]}" for path in found]
