"""Commands on a graph that runs: its settings seen, changed and saved, a stage swapped for another."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from .runtime.control import ask
from .runtime.graph import GraphError
from .runtime.reader import read, value
from .runtime.supervisor import RunError
from .runtime.writer import flow, put

CHANGE_S = 90.0  # a network that is loaded anew takes seconds, on a busy machine many


def set_(args: argparse.Namespace) -> int:
    """`set NODE.KEY=VALUE`."""
    target, equals, text = args.setting.partition("=")
    node, dot, key = target.partition(".")
    if not (equals and dot and node and key):
        raise GraphError([f"set {args.setting}: NODE.KEY=VALUE expected"])
    ask(_file(args), "set", CHANGE_S, args.on, node=node, key=key, value=value(text))
    return 0


def swap(args: argparse.Namespace) -> int:
    """`swap NODE [--run R] [--set KEY=VALUE]…`."""
    settings = {}
    for text in args.set:
        key, equals, given = text.partition("=")
        if not (equals and key):
            raise GraphError([f"swap --set {text}: KEY=VALUE expected"])
        settings[key] = value(given)
    run = args.run
    if run and run.endswith(".py") and Path(run).is_file():  # else beside the graph
        run = str(Path(run).absolute())
    ask(_file(args), "swap", CHANGE_S, args.on, node=args.node, run=run, settings=settings)
    return 0


def get(args: argparse.Namespace) -> int:
    """`get [NODE[.KEY]]`: a line for each setting, which `set` reads again; a single one as its bare value."""
    node, _, key = (args.which or "").partition(".")
    found: dict[str, dict[str, Any]] = ask(_file(args), "get", on=args.on, node=node or None, key=key or None)
    if args.json:
        print(json.dumps(found))
    elif key:
        print(flow(found[node][key]))
    else:
        for name, settings in found.items():
            for each, given in settings.items():
                print(f"{name}.{each}={flow(given)}")
    return 0


def save(args: argparse.Namespace) -> int:
    """`save FILE`: the graph's file as it is, comments too, with the settings that now are."""
    running = ask(_file(args), "changes", on=args.on)
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


def _file(args: argparse.Namespace) -> Path | None:
    return Path(args.graph) if args.graph else None
