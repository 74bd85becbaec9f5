"""YAML for other programs to read: maps as blocks, texts of several lines as they are, nothing by reference."""

from collections.abc import Iterable
from typing import Any, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString


def write_documents(documents: Iterable[dict[str, Any]], out: TextIO) -> None:
    """Writes maps, one document each."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda data: True
    yaml.dump_all([_readable(each) for each in documents], out)


def _readable(given: Any) -> Any:
    if isinstance(given, dict):
        return {key: _readable(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_readable(value) for value in given]
    return LiteralScalarString(given) if isinstance(given, str) and "\n" in given else given
