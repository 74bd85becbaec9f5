"""Names of files as text: whatever bytes the system allows, written without an error and read back without a loss.

Python holds the bytes of a name that are no UTF-8 as lone surrogates (PEP 383). Printing one fails, msgpack and ZeroMQ
refuse it, and OpenCV crashes on it. What leaves a process has them as \\xNN; only the graph's copy for its own
processes has them as they are.
"""

import codecs
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, TextIO

UNDECODABLE = re.compile("[\ud800-\udfff]")
# Text that would be taken for such a byte: its backslash is written as a byte itself.
LIKE_A_BYTE = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))", re.IGNORECASE)
BYTE = re.compile(r"\\x(5c|[89a-f][0-9a-f])", re.IGNORECASE)
# What would end a line, be obeyed by a terminal, or turn the direction of writing.
CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
LONGEST = 255  # bytes of a name, on the file systems that people use
ERRORS = "names"  # of a text stream: what its encoding lacks is escaped


def shown(text: str) -> str:
    """Text with the bytes that are no UTF-8 as \\xNN."""
    return UNDECODABLE.sub(_escape, text)


def one_line(text: str) -> str:
    """Text as it may stand in a line for people: nothing in it ends the line or moves the cursor."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1].replace("\\x", "\\u00"), shown(text))


def text_of(error: BaseException) -> str:
    """What an exception says, without the breaks in its lines; its type where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def written(name: str | os.PathLike[str]) -> str:
    """A file's name as text for a file of text (JSON, CSV): `named` gives it back."""
    return shown(LIKE_A_BYTE.sub(r"\\x5c", os.fspath(name)))


def named(text: str) -> str:
    """The name that `written` made text of."""
    name = BYTE.sub(lambda found: chr(code + 0xDC00 if (code := int(found[1], 16)) & 0x80 else code), text)
    try:
        # Bytes one by one may be UTF-8 together.
        return os.fsdecode(os.fsencode(name)) if name != text else text
    except UnicodeError:
        return text


def read_back(text: str, folder: Path = Path()) -> Path:
    """The file in `folder` that a text of `written` names; as the text is, where a file is called so and none else."""
    decoded = folder / named(text)
    return decoded if os.path.lexists(decoded) else folder / text


def meant(text: str, folder: Path = Path()) -> str:
    """The name that somebody gave, in a graph for one: as it is, or its \\xNN as bytes where only that is a file.

    In YAML's double quotes "\\xe9" is the character U+00E9, which somebody may have meant as a byte.
    """
    for name in (text, named(text), _from_latin_1(text)):
        if os.path.lexists(folder / name):
            return name
    return text


def fitting(stem: str, ending: str) -> str:
    """A file's name of a stem and an ending; the stem is cut where both are longer than a name may be."""
    cut = len(os.fsencode(ending)) + len(os.fsencode(stem)) - LONGEST
    if cut <= 0:
        return stem + ending
    kept = os.fsencode(stem)[:-cut]
    try:
        return os.fsdecode(kept) + ending
    except UnicodeDecodeError:  # Windows, in the middle of a character
        return kept.decode("utf-8", "ignore") + ending


def dumps(value: Any) -> str:
    """JSON, with names in it as `shown` has them."""
    return json.dumps(showable(value))


def showable(value: Any) -> Any:
    """The same of maps, lists and numbers, with every text in it as `shown` has it."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {showable(key): showable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [showable(each) for each in value]
    return value


def escape_in(stream: TextIO) -> None:
    """From now on a stream escapes what it cannot encode, instead of raising."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=ERRORS)


def restart_in_utf8() -> None:
    """Starts this program again in Python's UTF-8 mode, where the locale has nothing but ASCII (LC_ALL=C).

    Else names with umlauts that stand in graphs and labels could not be opened at all.
    """
    if sys.getfilesystemencoding() == "utf-8" or os.name == "nt" or os.environ.get("PYTHONUTF8") == "1":
        return
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii":
        os.environ["PYTHONUTF8"] = "1"  # also for the processes that this one starts
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _escape(surrogate: re.Match[str]) -> str:
    code = ord(surrogate[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _from_latin_1(text: str) -> str:
    try:
        return os.fsdecode(text.encode("latin-1"))
    except UnicodeError:
        # Windows has no names of other bytes than UTF-8.
        return text


def _escape_rest(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    rest = error.object[error.start : error.end]
    return shown(rest).encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(ERRORS, _escape_rest)
