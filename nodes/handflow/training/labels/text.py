"""Text as other programs write it: UTF-8 with or without its mark, UTF-16, or Latin-1."""

import json
import re
from pathlib import Path
from typing import Any

from handflow.errors import LabelError


def read_text(file: Path) -> str:
    """The text of a file, in whichever of the usual encodings it is. LabelError."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise LabelError(f"{file}: cannot be read as text ({error.strerror or error})") from None
    try:
        # RFC 4627, section 3: the first two characters are ASCII, so their zero bytes tell the encoding.
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        pass
    if b"\0" in data:
        raise LabelError(f"{file}: cannot be read as text (expected UTF-8, UTF-16 or Latin-1, got zero bytes)")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def lines_of(text: str) -> list[str]:
    """The lines of a text, whichever way they end; `splitlines` takes more characters for ends."""
    lines = re.split("\r\n|\r|\n", text)
    return lines if lines[-1] else lines[:-1]


def read_json(file: Path) -> Any:
    """What a JSON file holds. LabelError."""
    return parse_json(read_text(file), str(file))


def parse_json(text: str, where: str) -> Any:
    """What a JSON text says. LabelError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{where}: not JSON: {error}") from None
