"""The JSON Schema of graph files, from the classes of our own stages, for editors to complete and check by."""

from pathlib import Path
from typing import Any, get_args

import msgspec

from .spec import Core, EdgeSpec, Nice, Transport
from .stage import declaration_of, load, setting_schema, stage_names


def schema() -> dict[str, Any]:
    """A schema (draft 2020-12) that refuses what `handflow check` refuses of a file's own form and our settings."""
    parts = {"EdgeSpec": _edge()}
    rules = [_stage_rule(name, parts) for name in stage_names()]
    run = {"anyOf": [{"enum": stage_names()}, {"type": "string", "pattern": r"\.py$|\."}]}
    on = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    node = _map({"run": run, "in": {}, "with": {}, "on": on} | _processor(), ["run"]) | {"allOf": rules}
    port = {"type": "integer", "minimum": 1024, "maximum": 65000}
    machine = _map({"host": {"type": "string"}, "port": port}, ["host", "port"])
    whole = {
        "nodes": {"type": "object", "additionalProperties": node, "minProperties": 1},
        "transport": {"enum": list(get_args(Transport))},
        "machines": {"type": "object", "additionalProperties": machine, "minProperties": 1},
        "key": {"type": "string"},
        "insecure": {"type": "boolean"},
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "handflow graph"}
    return head | _map(whole, ["nodes"]) | {"$defs": parts}


def _stage_rule(name: str, parts: dict[str, Any]) -> dict[str, Any]:
    """What holds for nodes of one of our stages; the types that it refers to are added to `parts`."""
    declaration = declaration_of(load(name, Path()))
    settings = {}
    for key, annotation in declaration.settings.items():
        settings[key], more = setting_schema(annotation)
        parts |= more
    edge = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/EdgeSpec"}]}
    edges = {"anyOf": [*edge["anyOf"], {"type": "array", "items": edge, "minItems": 1}]}
    inputs = _map(dict.fromkeys(declaration.inputs, edges), [])
    if declaration.rest:  # any number of inputs under any names
        inputs["additionalProperties"] = edges
    rule = {"with": _map(settings, sorted(declaration.required)), "in": {"anyOf": [edges, inputs]}}
    return {"if": {"properties": {"run": {"const": name}}}, "then": {"properties": rule}}


def _processor() -> dict[str, Any]:
    """What a node may say of the processor."""
    (cores, nice), _ = msgspec.json.schema_components([list[Core], Nice])
    return {"cores": cores, "nice": nice}


def _edge() -> dict[str, Any]:
    """The long form of an edge."""
    _, parts = msgspec.json.schema_components([EdgeSpec], ref_template="#/$defs/{name}")
    return parts["EdgeSpec"] | {"additionalProperties": False}


def _map(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
