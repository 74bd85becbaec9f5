"""Settings as the command line takes them: NODE.KEY=VALUE, or KEY=VALUE where the node is known. VALUE is YAML."""

import os
from typing import Any, NamedTuple

from handflow.errors import GraphError
from handflow.runtime.graph.parse import yaml_value
from handflow.runtime.names import one_line


class NodeSetting(NamedTuple):
    """NODE.KEY=VALUE."""

    node: str
    key: str
    value: Any


def node_setting(text: str, said: str) -> NodeSetting:
    """Reads NODE.KEY=VALUE. `said`: what stood before it, "--set". GraphError."""
    target, equals, given = text.partition("=")
    node, dot, key = target.partition(".")
    if not (equals and dot and node and key):
        raise GraphError([f"{said}: expected NODE.KEY=VALUE, got {text!r}"])
    return NodeSetting(node, key, _value(given))


def setting(text: str, said: str) -> tuple[str, Any]:
    """Reads KEY=VALUE. GraphError."""
    key, equals, given = text.partition("=")
    if not (equals and key):
        raise GraphError([f"{said}: expected KEY=VALUE, got {text!r}"])
    return key, _value(given)


def _value(given: str) -> Any:
    """VALUE as YAML; the name of a file that YAML would read as something else, or not at all, is that name."""
    is_name = os.path.lexists(given)
    try:
        value = yaml_value(given)
    except GraphError:
        if is_name or one_line(given) != given:
            return given
        raise
    return given if is_name and not isinstance(value, bool | int | float) else value
