"""`handflow save FILE`: the running graph's settings in a graph file, comments kept."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from handflow.commands._arguments import add_running, running_file
from handflow.errors import RunError
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.yaml_edit import put
from handflow.runtime.process.control_client import ask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    add_running(parser)


def run(args: argparse.Namespace) -> int:
    running = ask(running_file(args), "changes", on=args.on)
    source, target = Path(running["file"]), Path(args.file).absolute()
    text = source.read_text("utf-8")
    changes = _changes(source, running["nodes"], target.parent)
    for path, given in changes.items():
        text = put(text, path, given, after="in" if path[-2:-1] == ("with",) else None)
    try:
        part = target.with_name(f".{target.name}.part")
        part.write_text(text, "utf-8")
        part.replace(target)
    except OSError as error:
        raise RunError(f"{args.file}: cannot be written: {error.strerror}") from error
    what = ", ".join(f"{path[1]}.{path[-1]}" for path in changes) or "nothing has been changed"
    print(f"{args.file}: {what}", file=sys.stderr)
    return 0


def _changes(source: Path, nodes: dict[str, Any], folder: Path) -> dict[tuple[str, ...], Any]:
    """What differs from the graph's file, by its place there; files of stages as seen from `folder`."""
    found: dict[tuple[str, ...], Any] = {}
    for name, entry in read(source).entries.items():
        now = nodes.get(name)
        if now is None:
            continue  # the file has had a node added since
        run = now["run"]
        if run.endswith(".py"):
            run = os.path.relpath(source.parent / run, folder)
        if run != entry.run:
            found["nodes", name, "run"] = run
        if now["run"] != entry.run:  # swapped: the settings before are another stage's
            if now["with"] != entry.settings:
                found["nodes", name, "with"] = now["with"]
            continue
        for key, given in now["with"].items():
            if key not in entry.settings or entry.settings[key] != given:
                found["nodes", name, "with", key] = given
    return found
