"""Settings -> the text of a graph file: what is not set stays as somebody wrote it, to the byte, comments and all."""

import json
import os
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from handflow.errors import GraphError, RunError
from handflow.runtime.files import replacing

PLAIN = re.compile(r"[A-Za-z_](?:[\w .-]*[\w.-])?")  # text that needs no quotes anywhere
ALIAS = re.compile(r"\s*:\s+\*[^\s,\[\]{}]+")  # behind a key
# Of JSON, what YAML takes in escapes only, its own line ends too; surrogates are bytes of names that are no text.
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
LINE_FEED = re.compile(r"(?<!\r)\n")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def save(file: Path, edits: dict[tuple[str, ...], Any], after: str = "", source: Path | None = None) -> None:
    """Sets the values at paths such as ("nodes", "osc", "with", "lost_s") in a file, all or nothing. GraphError.

    A new node stands behind the node `after`. `source`: the file whose text it is, if another. RunError.
    """
    file = file.resolve()
    try:
        text = (source or file).read_bytes().decode("utf-8")
        for path, value in edits.items():
            text = put(text, path, value, after)
        with replacing(file) as part:
            part.write_bytes(text.encode("utf-8"))
            if file.exists():
                os.chmod(part, file.stat().st_mode)
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{file}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


def put(text: str, path: tuple[str, ...], value: Any, after: str = "") -> str:
    """`text` with `value` at `path`; maps that are missing are made, and put behind the key `after` if it is there."""
    new = _with_line_ends(text, _put(text, path, value, after))
    wanted = _load(text)
    place = wanted
    for key in path[:-1]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    place[path[-1]] = value
    # An anchor, an alias or a tag may mean more than is seen here.
    if not _means(new, wanted):
        raise GraphError([f"{'.'.join(path)}: cannot be written into the graph as it is; write it by hand"])
    return new


def _means(text: str, wanted: Any) -> bool:
    try:
        return _load(text) == wanted
    except GraphError:
        return False


def _put(text: str, path: tuple[str, ...], value: Any, after: str) -> str:
    holder: Node | None = YAML(typ="safe", pure=True).compose(text)
    if not isinstance(holder, MappingNode):
        raise GraphError(["expected a map with 'nodes:', got another text"])
    for depth, key in enumerate(path):
        found = next(((k, v) for k, v in holder.value if k.value == key), None)
        rest: Any = value
        for missing in reversed(path[depth + 1 :]):
            rest = {missing: rest}
        if found is None:
            return _insert(text, holder, "in" if key == "with" else after, key, rest)
        if depth == len(path) - 1 or not isinstance(found[1], MappingNode):
            return _replace(text, holder, *found, rest)
        holder = found[1]
    raise AssertionError("a path has at least one key")


def _with_line_ends(old: str, new: str) -> str:
    """`new` with the lines that are not in `old` ended as most of its lines are: some editors write CR LF."""
    if 2 * old.count("\r\n") <= old.count("\n"):
        return new
    start = _same(old, new)
    end = len(new) - _same(old[start:][::-1], new[start:][::-1])
    return LINE_FEED.sub(lambda found: "\r\n" if start <= found.start() < end else "\n", new)


def _same(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _replace(text: str, holder: MappingNode, key: ScalarNode, old: Node, value: Any) -> str:
    colon = text.index(":", key.end_mark.index)
    start, end = old.start_mark.index, max(_end(text, old), colon + 1)
    if holder.flow_style or "\n" not in text[colon:start]:
        new = flow(value) if holder.flow_style else block(value, key.start_mark.column).removeprefix(" ")
        gap = text[colon + 1 : start] or " "
        return text[: colon + 1] + ("" if new.startswith("\n") else gap) + new + text[end:]
    remark = text[colon + 1 : text.index("\n", colon)].rstrip()  # behind the key; the value began on the next line
    new = block(value, key.start_mark.column)
    return text[: colon + 1] + (remark + new if new.startswith("\n") else new + remark) + text[end:]


def _insert(text: str, holder: MappingNode, after: str, key: str, value: Any) -> str:
    if not holder.value:  # {}
        at = holder.start_mark.index + 1
        return f"{text[:at]}{scalar(key)}: {flow(value)}{text[at:]}"
    last = next(((k, v) for k, v in holder.value if k.value == after), holder.value[-1])
    at = _end(text, last[1])
    # What an alias stands for is written before it.
    if at < last[0].end_mark.index and (alias := ALIAS.match(text, last[0].end_mark.index)):
        at = alias.end()
    if holder.flow_style:
        return f"{text[:at]}, {scalar(key)}: {flow(value)}{text[at:]}"
    line = text.find("\n", at)  # behind a remark
    head = text + "\n" if line < 0 else text[: line + 1]
    column = holder.value[0][0].start_mark.column
    return f"{head}{' ' * column}{scalar(key)}:{block(value, column)}\n{'' if line < 0 else text[line + 1 :]}"


def _end(text: str, node: Node) -> int:
    """Where the text of a value ends, without the blanks and remarks behind it."""
    while isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return len(text[: node.end_mark.index].rstrip())


def block(value: Any, column: int) -> str:
    """What stands behind a key and its colon: on its line, or a line for each entry of maps and of lists of maps."""
    start = "\n" + " " * (column + 2)
    if isinstance(value, dict) and value:
        return "".join(f"{start}{scalar(key)}:{block(item, column + 2)}" for key, item in value.items())
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return "".join(f"{start}- {flow(item)}" for item in value)
    return " " + flow(value)


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A value as it stands in YAML on one line: a plain word bare, all else as JSON."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS and value.isascii():
        return value
    # Each by itself: in `json.dumps`'s own escapes a character of a higher plane is two, which YAML does not join.
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _load(text: str) -> Any:
    """What a text means, with nothing in it that is one object at two places."""
    try:
        return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))
    except (YAMLError, TypeError) as error:
        raise GraphError([f"not YAML: {' '.join(str(error).split())}"]) from error
