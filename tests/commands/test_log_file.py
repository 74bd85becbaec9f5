"""The log beside a graph that runs for months."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from handflow.commands import _log_file
from handflow.commands._log_file import LogFile
from handflow.errors import SetupError


def test_lines_have_a_time_and_neither_passwords_nor_escape_codes(tmp_path: Path) -> None:
    with closing(LogFile(tmp_path / "log")) as log:
        log.say("camera lost: rtsp://me:secret@cam/1\x1b[2J")
    text = (tmp_path / "log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} camera lost: rtsp://\*\*\*@cam/1\\u001b\[2J\n", text)


def test_old_lines_go_and_the_file_stays_small(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(_log_file, "MAX_BYTES", 1000)
    with closing(LogFile(tmp_path / "log")) as log:
        for number in range(500):
            log.say(f"line {number}")
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["log", *(f"log.{number}" for number in range(1, 6))]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert (tmp_path / "log").read_text().endswith("line 499\n")


def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path, capsys) -> None:
    with closing(LogFile(Path("/dev/full"))) as log:
        log.say("lost")
    assert capsys.readouterr().err == ""
    with pytest.raises(SetupError, match="cannot be written: Is a directory"):
        LogFile(tmp_path)
