"""Names of files as text: written without an error, read back to the same bytes."""

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given as generated
from hypothesis import strategies

from handflow.runtime.names import dumps, escape_in, meant, named, one_line, read_back, shown, written

NAMES = strategies.binary(min_size=1, max_size=40).filter(lambda name: not {0, ord("/")} & set(name))
LATIN_1 = os.fsdecode(b"caf\xe9.mp4")


@generated(NAMES | NAMES.map(lambda name: b"\\x" + name.hex().encode()))
def test_any_name_is_written_as_text_and_read_back(name: bytes) -> None:
    text = written(os.fsdecode(name))
    assert text.encode()
    assert json.loads(json.dumps(text)) == text
    assert os.fsencode(named(text)) == name


def test_bytes_that_are_no_utf_8_are_written_as_hexadecimal_digits() -> None:
    assert written(LATIN_1) == r"caf\xe9.mp4"
    assert json.loads(dumps({LATIN_1: [LATIN_1, 1, None]})) == {r"caf\xe9.mp4": [r"caf\xe9.mp4", 1, None]}
    assert written("hände \U0001f590.mp4") == "hände \U0001f590.mp4"


def test_a_name_with_backslashes_is_written_as_it_is_unless_it_looks_like_such_a_byte() -> None:
    assert written(r"C:\xray\a.mp4") == r"C:\xray\a.mp4"
    assert written(r"caf\xE9.mp4") == r"caf\x5cxE9.mp4"


def test_a_text_finds_its_file_and_no_other(tmp_path: Path) -> None:
    literal = tmp_path / r"caf\xe9.mp4"
    literal.touch()
    assert read_back(r"caf\xe9.mp4", tmp_path) == literal  # as another program may have written it
    (tmp_path / LATIN_1).touch()
    assert read_back(r"caf\xe9.mp4", tmp_path) == tmp_path / LATIN_1
    assert read_back(written(literal.name), tmp_path) == literal
    assert read_back("absent.mp4", tmp_path) == tmp_path / "absent.mp4"


def test_a_name_that_was_given_is_meant_as_it_is_before_its_bytes_are_decoded(tmp_path: Path) -> None:
    assert meant(r"caf\xe9.mp4", tmp_path) == r"caf\xe9.mp4"
    (tmp_path / LATIN_1).touch()
    assert meant(r"caf\xe9.mp4", tmp_path) == meant("café.mp4", tmp_path) == meant(LATIN_1, tmp_path) == LATIN_1
    (tmp_path / "café.mp4").touch()
    assert meant("café.mp4", tmp_path) == "café.mp4"
    (tmp_path / r"caf\xe9.mp4").touch()
    assert meant(r"caf\xe9.mp4", tmp_path) == r"caf\xe9.mp4"
    assert meant("rtsp://cam/\0\ud800", tmp_path) == "rtsp://cam/\0\ud800"


def test_a_line_for_people_stays_one_line() -> None:
    assert one_line("a\nb\r\x1b[2J\x85\u2028" + LATIN_1) == r"a\nb\r\u001b[2J\u0085\u2028caf\xe9.mp4"
    assert one_line("tab\tand ä → \U0001f590") == "tab\tand ä → \U0001f590"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_stream_escapes_what_it_cannot_encode(encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    escape_in(stream)
    print(f"{LATIN_1} →", file=stream, flush=True)
    shown_there = rb"caf\xe9.mp4 " + (rb"\u2192" if encoding != "utf-8" else "→".encode())
    assert stream.buffer.getvalue() == shown_there + b"\n"  # type: ignore[attr-defined]


def test_other_lone_surrogates_are_shown_as_what_they_are() -> None:
    assert shown("\ud800") == r"\ud800"
