"""The JSON Schema of graph files, from the classes of our own stages, for editors to complete and check by."""

from pathlib import Path
from typing import Any

from .graph import KEEPS, TRANSPORTS
from .stage import declared, load, names, setting_schema


def schema() -> dict[str, Any]:
    """A schema (draft 2020-12) that refuses what `handflow check` refuses of a file's own form and our settings."""
    edge = {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {
                    "from": {"type": "string"},
                    "keep": {"enum": list(KEEPS)},
                    "wait_ms": {"type": "number", "minimum": 0, "maximum": 1000},
                    "jpeg": {"type": "integer", "minimum": 1, "maximum": 100},
                    "size": {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 16, "maximum": 8192},
                        "minItems": 2,
                        "maxItems": 2,
                    },
                },
                "required": ["from"],
                "additionalProperties": False,
            },
        ]
    }
    rules = []
    parts: dict[str, Any] = {}
    for name in names():
        what = declared(load(name, Path()))
        properties = {}
        for key, annotation in what.settings.items():
            properties[key], more = setting_schema(annotation)
            parts |= more
        own = {
            "type": "object",
            "properties": properties,
            "required": sorted(what.required),
            "additionalProperties": False,
        }
        rest: Any = edge if what.rest else False  # any number of inputs under any names
        ins = {"type": "object", "properties": dict.fromkeys(what.inputs, edge), "additionalProperties": rest}
        rules.append(
            {
                "if": {"properties": {"run": {"const": name}}},
                "then": {"properties": {"with": own, "in": {"anyOf": [edge, ins]}}},
            }
        )
    run = {"anyOf": [{"enum": names()}, {"type": "string", "pattern": r"\.py$|\."}]}
    keys = {"run": run, "in": {}, "with": {}, "on": {"type": "string"}}
    machine = {
        "type": "object",
        "properties": {"host": {"type": "string"}, "port": {"type": "integer", "minimum": 1024, "maximum": 65000}},
        "required": ["host", "port"],
        "additionalProperties": False,
    }
    node = {"type": "object", "properties": keys, "required": ["run"], "additionalProperties": False, "allOf": rules}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "handflow graph",
        "type": "object",
        "properties": {
            "nodes": {"type": "object", "additionalProperties": node, "minProperties": 1},
            "transport": {"enum": list(TRANSPORTS)},
            "machines": {"type": "object", "additionalProperties": machine, "minProperties": 1},
            "key": {"type": "string"},
            "insecure": {"type": "boolean"},
        },
        "required": ["nodes"],
        "additionalProperties": False,
        "$defs": parts,
    }
