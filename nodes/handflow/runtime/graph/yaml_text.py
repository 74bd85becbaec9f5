"""YAML that people write, as maps whose values know their line and column: for graphs, and recipes of training."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from handflow.errors import GraphError

from .stage import hint


class YamlText:
    """One file's text; `faults` gathers what is wrong with its form."""

    error: type[GraphError] = GraphError

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[str] = []

    def whole(self, text: str, expected: str) -> CommentedMap:
        """The map that a text is; `expected`: what must be in it. Raises `error`."""
        try:
            whole = YAML().load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            position = f"{self.file}:{mark.line + 1}:{mark.column + 1}" if mark else self.file
            problem = re.sub(r" with value .*", " is given twice", str(error.problem).replace("found duplicate ", ""))
            raise self.error([f"{position}: {problem}"]) from error
        except YAMLError as error:
            raise self.error([f"{self.file}: not YAML: {' '.join(str(error).split())}"]) from error
        if whole is None:
            raise self.error([f"{self.file}: expected {expected}, got an empty file"])
        if not isinstance(whole, CommentedMap):
            raise self.error([f"{self.file}:1:1: expected {expected}, got {found(whole)}"])
        return whole

    def fault(self, position: str, line: str) -> None:
        """Notes what is wrong, and where."""
        self.faults.append(f"{position}: {line}")

    def known(self, given: CommentedMap, allowed: Sequence[str], what: str) -> None:
        """Notes each key that is not allowed."""
        for key in given:
            if key not in allowed:
                has = f"{hint(key, allowed)}; it has {', '.join(allowed)}"
                self.fault(self.key(given, key), f"{what}: no key {key!r}{has}")

    def key(self, given: CommentedMap, key: Any) -> str:
        """The position of a key."""
        line, column = given.lc.key(key)
        return f"{self.file}:{line + 1}:{column + 1}"

    def at(self, given: CommentedMap, key: Any) -> str:
        """The position of a key's value."""
        line, column = given.lc.value(key)
        return f"{self.file}:{line + 1}:{column + 1}"


def plain(given: Any) -> Any:
    """Builtin types for ruamel's, so that strict checks and JSON see what was meant."""
    if isinstance(given, Mapping):
        return {str(key): plain(item) for key, item in given.items()}
    if isinstance(given, CommentedSeq | list):
        return [plain(item) for item in given]
    for kind in (bool, int, float, str):
        if isinstance(given, kind):
            return kind(given)
    return given


def found(given: Any) -> str:
    """What was found in a place, for a message."""
    if given is None:
        return "nothing"
    value = plain(given)
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)
