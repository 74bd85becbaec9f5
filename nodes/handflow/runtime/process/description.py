"""A running graph's nodes as a page needs them: what each is, what it reads, and its settings with bounds and help."""

import inspect
import json
from typing import Any

from handflow.runtime.address import masked_in
from handflow.runtime.graph.spec import NodeSpec
from handflow.runtime.graph.stage import Stage, setting_schema
from handflow.runtime.node import Node
from handflow.runtime.process.changes.settings import all_values, default_values


def description(spec: NodeSpec, stage: Stage) -> dict[str, Any]:
    """One node; passwords are left out of values, which then say that they are `hidden`."""
    given, defaults = all_values(stage), default_values(stage)
    settings: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for key, annotation in stage.declaration.settings.items():
        schema, more = setting_schema(annotation)
        parts |= more
        value = masked_in(given[key])
        settings[key] = {"schema": schema, "value": value, "hidden": _text(value) != _text(given[key])}
        if key not in stage.declaration.required:
            settings[key]["default"] = masked_in(defaults[key])
    output = stage.declaration.output
    return {
        "run": spec.run,
        "help": _help(stage.node),
        "in": _inputs(stage),
        "out": output.__name__ if output else "",
        "settings": settings,
        "$defs": parts,
    }


def _inputs(stage: Stage) -> dict[str, str | list[str]]:
    """The node that feeds each argument, or the nodes."""
    found: dict[str, list[str]] = {}
    for edge in stage.edges:
        found.setdefault(edge.argument, []).append(edge.node)
    return {argument: nodes if len(nodes) > 1 else nodes[0] for argument, nodes in found.items()}


def _help(node: type[Node]) -> str:
    """The first paragraph of what the class says of itself; without a docstring dataclasses have their signature."""
    text = inspect.getdoc(node) or ""
    return "" if text.startswith(f"{node.__name__}(") else text.partition("\n\n")[0]


def _text(value: Any) -> str:
    return json.dumps(value, default=str)
