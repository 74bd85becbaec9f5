"""Results are there whole or not at all, and what cannot be written is one line that names the file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handflow.errors import OutputError
from handflow.runtime.files import replacing, result_file, result_text

resource = pytest.importorskip("resource")


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Inside, no file takes more than `size` bytes; pytest's own report is outside."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_result_replaces_what_was_there_only_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    with result_text(file) as out:
        out.write("whole")
    refused = pytest.raises(OutputError, match=r"a\.json: cannot be written: File too large")
    with full_disk(3), refused, result_text(file) as out:
        out.write("more than that")
    assert file.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failure_that_is_not_the_files_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("before")

    def write() -> None:
        with result_file(file) as part:
            part.write_text("half")
            (tmp_path / "absent").read_text()

    with pytest.raises(FileNotFoundError):
        write()
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no/a.json", "there is no folder"),
        ("folder", "it is a folder; give the name of a file"),
        ("/dev/full", "No space left on device"),
        ("a" * 300, "File name too long"),
    ],
)
def test_a_place_that_takes_no_file_is_one_line(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError) as told, result_file(tmp_path / name) as part:
        part.write_text("text")
    assert str(told.value).startswith(f"{tmp_path / name}: cannot be written: {why}")
    assert "\n" not in str(told.value)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_what_is_no_plain_file_is_written_to_itself(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with result_file(fifo) as part:
            part.write_text("text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert fifo.is_fifo()


def test_a_link_stays_one_and_an_ending_is_kept(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to("target.mp4")
    with replacing(tmp_path / "link.mp4") as part:
        assert part.suffix == ".mp4"
        part.write_text("text")
    assert (tmp_path / "link.mp4").is_symlink()
    assert (tmp_path / "target.mp4").read_text() == "text"
