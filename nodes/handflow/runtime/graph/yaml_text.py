"""YAML that people write, as maps whose values know their line and column: for graphs, and recipes of training."""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError

from handflow.errors import GraphError

from .stage import hint

# A text of a few lines may mean billions, by aliases of aliases.
MAX_VALUES = 100_000


def yaml_fault(file: str, error: YAMLError) -> str:
    """What is no YAML, and where, in one line."""
    if not isinstance(error, MarkedYAMLError):
        return f"{file}: not YAML: {' '.join(str(error).split())}"
    mark = error.problem_mark or error.context_mark
    position = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    problem = re.sub(r" with value .*", " is given twice", str(error.problem).replace("found duplicate ", ""))
    problem = re.sub(r'^(merge )?key "<<".*', "<< is given twice; merge several maps as <<: [*a, *b]", problem)
    if "unknown escape character" in problem:
        problem += r'; in "double quotes" write \\ for \, or leave the quotes out, or write / in names of files'
    return f"{position}: {problem}"


class YamlText:
    """One file's text; `faults` gathers what is wrong with its form."""

    error: type[GraphError] = GraphError

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[str] = []

    def whole(self, text: str, expected: str) -> CommentedMap:
        """The map that a text is; `expected`: what must be in it. Raises `error`."""
        try:
            with warnings.catch_warnings():
                # An anchor that is given anew is the newer one from there on, as YAML has it.
                warnings.simplefilter("ignore", ReusedAnchorWarning)
                whole = YAML().load(text)
        except YAMLError as error:
            raise self.error([yaml_fault(self.file, error)]) from error
        except RecursionError:
            raise self.error([f"{self.file}: expected a map, got brackets in brackets without end"]) from None
        if whole is None:
            raise self.error([f"{self.file}: expected {expected}, got an empty file"])
        if not isinstance(whole, CommentedMap):
            raise self.error([f"{self.file}:1:1: expected {expected}, got {found(whole)}"])
        try:
            size = _size(whole, MAX_VALUES)
        except RecursionError:
            raise self.error([f"{self.file}: expected values that end, got one that contains itself (&, *)"]) from None
        if size > MAX_VALUES:
            raise self.error([f"{self.file}: expected at most {MAX_VALUES} values, got more (&, *)"])
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
        """The position of a key; of one that is merged in (`<<: *other`), where that was written."""
        line, column = _written_in(given, key).lc.key(key)
        return f"{self.file}:{line + 1}:{column + 1}"

    def at(self, given: CommentedMap, key: Any) -> str:
        """The position of a key's value, likewise."""
        line, column = _written_in(given, key).lc.value(key)
        return f"{self.file}:{line + 1}:{column + 1}"


def _written_in(given: CommentedMap, key: Any) -> CommentedMap:
    """The map that a key stands in: the given one, or one of those merged into it."""
    if key in (given.lc.data or ()):
        return given
    merged = (each[1] if isinstance(each, tuple) else each for each in given.merge)
    return _written_in(next(each for each in merged if key in each), key)


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


def _size(given: Any, limit: int) -> int:
    """How many values there are in one, those of aliases each time; no more are counted than just above the limit."""
    items = given.values() if isinstance(given, Mapping) else given if isinstance(given, CommentedSeq | list) else ()
    size = 1
    for item in items:
        if size > limit:
            break
        size += _size(item, limit - size)
    return size


def found(given: Any) -> str:
    """What was found in a place, for a message."""
    if given is None:
        return "nothing"
    value = plain(given)
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)
