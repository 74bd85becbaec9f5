"""Where a run directory lies when there is little room: another place, or one line that says what to do."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from handflow.errors import RunError, SetupError
from handflow.runtime import refusal
from handflow.runtime.transport import rundir
from handflow.runtime.transport.mapped_files import MappedFiles
from handflow.runtime.transport.rundir import SOCKET_PATH_BYTES, RunDir
from handflow.runtime.transport.shared_memory import SLOTS, Rings


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders for temporary files; a test fills the list."""
    chosen: list[Path] = []
    monkeypatch.setattr(rundir, "_temporary_folders", lambda: iter(chosen))
    return chosen


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is shorter than those of pytest."""
    with tempfile.TemporaryDirectory(prefix="hf", dir="/tmp") as folder:
        yield Path(folder)


def test_the_first_folder_that_takes_it_is_the_place(short: Path, folders: list[Path]) -> None:
    (short / "file").write_text("")
    (short / "good").mkdir()
    folders += [short / "absent", short / "file", short / "good"]
    assert RunDir(short / "a.yaml").path.parent.parent == short / "good"


def test_without_a_folder_one_line_says_what_to_set(short: Path, folders: list[Path]) -> None:
    folders += [short / "absent", short / ("x" * SOCKET_PATH_BYTES)]
    with pytest.raises(SetupError) as told:
        RunDir(short / "a.yaml")
    assert f"{short / 'absent'}: No such file or directory" in str(told.value)
    assert "too long for the path of a socket" in str(told.value)
    assert str(told.value).endswith("set TMPDIR to one that does")


@pytest.mark.parametrize("length", range(40, SOCKET_PATH_BYTES, 5))
def test_sockets_bind_however_long_the_folders_name_is(short: Path, folders: list[Path], length: int) -> None:
    long = short / ("x" * (length - len(str(short)) - 1))
    long.mkdir()
    folders += [long, short]
    directory = RunDir(short / "a-graph-with-a-long-name.yaml", portable=False, on="some-machine")
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        directory.address("a-node-with-the-longest-name-ab").bind(socket)
    assert directory.path.is_relative_to(long) or length > 60


def test_mapped_memory_without_room_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def full(fd: int, start: int, nbytes: int) -> None:
        asked.append(nbytes)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    rings = Rings(memory=MappedFiles(tmp_path))
    with pytest.raises(SetupError, match=r"expected room for 21\.1 MB of shared memory, got .* set TMPDIR"):
        rings.empty((720, 1280, 3), np.uint8)
    rings.close()
    assert asked[0] > SLOTS * 720 * 1280 * 3


def test_spare_slots_without_room_are_as_good_as_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rings = Rings(slots=1, memory=MappedFiles(tmp_path))
    rings.keep(4, alone=True)
    sent = []
    for number in range(1, 4):
        sent.append(rings.ref(np.zeros(100_000, np.uint8)))
        rings.settle(number, 0)
        if number == 2:
            monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    rings.close()
    assert [ref is None for ref in sent] == [False, False, True]


def test_too_few_open_files_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(20, 20)]
    monkeypatch.setattr(refusal.resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(refusal.resource, "setrlimit", lambda _, given: limits.append(given))
    with pytest.raises(RunError, match="expected 84 open files to be allowed, got 20; allow more: ulimit -n 1024"):
        refusal.allow_open_files(84)
    limits[:] = [(20, 4096)]
    refusal.allow_open_files(84)
    assert limits[-1] == (84, 4096)


def full(file: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_what_a_node_stores_where_something_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, other = RunDir(tmp_path / "a.yaml"), RunDir(tmp_path / "a.yaml")
    directory.store("record", {"began": True, "first_s": 5.5})
    monkeypatch.setattr("handflow.runtime.transport.rundir.replacing", full)
    for values in ({"stopped": "why"}, {"stopped": "a longer reason than before, and more of it", "first_s": 1.5}):
        directory.store("record", values)
        assert other.stored("record") == values
    with pytest.raises(OSError, match="No space left"):
        directory.store("lines", {"first_s": 2.5})
    assert other.stored("lines") == {"first_s": 2.5}  # to this process
    directory.forget("lines")
    assert other.stored("lines") == {}
