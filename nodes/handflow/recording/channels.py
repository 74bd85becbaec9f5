"""A node's output in a recording: one channel of the file, with the class of its messages."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mcap.records import Schema

from handflow import messages
from handflow.errors import RecordingError, StageError
from handflow.messages import Message, layout_of
from handflow.runtime.graph.stage import declaration_of, load
from handflow.runtime.names import named
from handflow.runtime.transport.wire import VERSION

STATUS = "@top"  # the channel of the nodes' own figures, a JSON list of rows a second; no node can have this name

OURS = "msgpack"  # how our messages are encoded


class RecordedOutput(NamedTuple):
    """A node's output, as one channel of the file."""

    name: str  # the node's; of another tool's recording, the topic
    kind: str  # the message class's name; of another tool's, the schema's
    run: str = ""  # the node's `run`, where classes that are not ours are found
    schema: str = ""  # JSON Schema of the message
    encoding: str = OURS  # of the messages, as MCAP calls it
    definition: Schema | None = None  # of another tool's messages: what they are decoded by

    @property
    def foreign(self) -> bool:
        """Whether its messages are another tool's."""
        return self.encoding != OURS and self.name != STATUS


def output_of(name: str, kind: type[Message], run: str = "") -> RecordedOutput:
    """A node's output as its channel says it: name, type, `run` and a JSON schema of the fields."""
    arrays, plain = layout_of(kind)
    fields: dict[str, Any] = {"v": {"const": VERSION}, "type": {"const": kind.__name__}, **{key: {} for key in plain}}
    for key, array in arrays.items():
        shape = ", ".join(map(str, array.shape))
        fields[key] = {"type": "array", "description": f"[dtype, shape, bytes], {array.dtype} ({shape})"}
    schema = {"title": kind.__name__, "type": "object", "properties": fields, "required": list(fields)}
    return RecordedOutput(name, kind.__name__, run, json.dumps(schema))


def outputs_of(graph: Mapping[str, Any], recorder: str) -> list[RecordedOutput]:
    """What the node `recorder` of a running graph listens to; what is of classes that cannot be loaded is left out."""
    nodes = graph.get("nodes", {})
    found = []
    given = nodes.get(recorder, {"in": {}})["in"].values()
    edges = [edge for each in given for edge in (each if isinstance(each, list) else [each])]
    for name in dict.fromkeys(edge["from"] for edge in edges):
        entry = nodes[name]
        try:
            kind = declaration_of(load(entry["run"], Path(graph["file"]).parent)).output
        except (StageError, ImportError):
            continue
        if kind is not None and kind is not Message:
            found.append(output_of(name, kind, entry["run"]))
    return [*found, RecordedOutput(STATUS, "")]


def kind_of(output: RecordedOutput) -> type[Message]:
    """The class of an output's messages: ours by name, another's from the node that gave it. RecordingError."""
    if output.foreign:
        raise RecordingError(f"{output.name}: expected messages of handflow, got {output.kind} of another tool")
    ours = getattr(messages, output.kind, None)
    if isinstance(ours, type) and issubclass(ours, Message):
        return ours
    try:
        kind = declaration_of(load(named(output.run), Path())).output
    except StageError as error:
        raise RecordingError(f"{output.name}: messages of type {output.kind}: {error}") from error
    if kind is None or kind.__name__ != output.kind:
        gives = kind.__name__ if kind else "nothing"
        raise RecordingError(f"{output.name}: expected {output.run} to give {output.kind} as recorded, got {gives}")
    return kind
