"""Big arrays in shared memory: seen without a copy, told when overwritten, gone with their writer."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from handflow.errors import StaleSlot
from handflow.runtime import locks
from handflow.runtime.transport.mapped_files import MappedFiles
from handflow.runtime.transport.shared_memory import Memfd, Ref, Rings

SHAPE = (30, 40, 3)


@pytest.fixture(params=["memfd", "mapped"])
def rings(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Rings]:
    """Makes the rings of one process, in either kind of memory."""
    return lambda slots=8: Rings(slots, Memfd() if request.param == "memfd" else MappedFiles(tmp_path))


def drawn(rings: Rings, value: int) -> np.ndarray:
    array = rings.empty(SHAPE, np.uint8)
    array[:] = value
    return array


def test_what_was_drawn_in_place_is_seen_by_another_reader(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(), rings()
    ref = writer.ref(drawn(writer, 7))
    seen = reader.view(ref, SHAPE, np.dtype(np.uint8))
    assert (seen == 7).all()
    assert reader.intact(ref)


def test_drawing_in_place_copies_nothing(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(), rings()
    array = drawn(writer, 1)
    seen = reader.view(writer.ref(array), SHAPE, np.dtype(np.uint8))
    array[0, 0, 0] = 99
    assert seen[0, 0, 0] == 99


def test_a_view_is_read_only(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(), rings()
    seen = reader.view(writer.ref(drawn(writer, 1)), SHAPE, np.dtype(np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 0


def test_an_ordinary_array_is_copied_in(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(), rings()
    array = np.arange(24, dtype=np.float32).reshape(4, 6)[:, ::2]  # not contiguous either
    seen = reader.view(writer.ref(array), array.shape, array.dtype)
    assert (seen == array).all()


def test_a_slot_is_overwritten_once_the_ring_went_round(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(slots=3), rings()
    ref = writer.ref(drawn(writer, 1))
    reader.view(ref, SHAPE, np.dtype(np.uint8))
    writer.ref(drawn(writer, 2))
    writer.ref(drawn(writer, 3))
    assert reader.intact(ref)
    writer.empty(SHAPE, np.uint8)  # being drawn is enough
    assert not reader.intact(ref)
    with pytest.raises(StaleSlot, match="overwritten"):
        reader.view(ref, SHAPE, np.dtype(np.uint8))


def test_an_array_passed_on_keeps_its_first_writers_slot(rings: Callable[..., Rings]) -> None:
    writer, middle = rings(), rings()
    ref = writer.ref(drawn(writer, 5))
    assert middle.ref(middle.view(ref, SHAPE, np.dtype(np.uint8))) == ref


def test_a_node_that_must_read_every_message_passes_copies_on(rings: Callable[..., Rings]) -> None:
    writer, middle = rings(), rings()
    middle.passes_on = False
    ref = writer.ref(drawn(writer, 5))
    passed = middle.ref(middle.view(ref, SHAPE, np.dtype(np.uint8)))
    assert passed.ring != ref.ring
    assert (rings().view(passed, SHAPE, np.dtype(np.uint8)) == 5).all()


def test_what_everybody_has_read_is_drawn_over_at_once_only_if_nobody_reads_the_newest(
    rings: Callable[..., Rings],
) -> None:
    for alone, expected in ((True, [0, 1, 0, 1]), (False, [0, 1, 2, 3])):
        writer = rings()
        writer.keep(4, alone)
        slots = []
        for number in range(1, 5):
            slots.append(writer.ref(drawn(writer, number)).slot)
            writer.settle(number, read=number - 1)
        assert slots == expected


def test_two_arrays_of_one_message_lie_in_two_slots(rings: Callable[..., Rings]) -> None:
    writer = rings()
    writer.keep(4, alone=True)
    writer.ref(drawn(writer, 0))
    writer.settle(1, read=1)
    first, second = drawn(writer, 1), drawn(writer, 2)
    assert writer.ref(first).slot != writer.ref(second).slot
    assert (first == 1).all()


def test_bigger_pictures_make_a_new_ring(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(), rings()
    small = writer.ref(drawn(writer, 1))
    reader.view(small, SHAPE, np.dtype(np.uint8))
    big = writer.empty((300, 400, 3), np.uint8)
    big[:] = 8
    seen = reader.view(writer.ref(big), big.shape, big.dtype)
    assert (seen == 8).all()


def test_a_ring_that_was_replaced_is_kept_for_a_round(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(), rings()
    small = writer.ref(drawn(writer, 1))
    reader.view(small, SHAPE, np.dtype(np.uint8))
    writer.settle(1, read=1)
    big = writer.ref(writer.empty((300, 400, 3), np.uint8))
    reader.view(big, (300, 400, 3), np.dtype(np.uint8))
    writer.settle(2, read=2)
    assert reader.intact(small)
    writer.settle(20, read=20)
    reader.view(big, (300, 400, 3), np.dtype(np.uint8))
    assert not reader.intact(small)


def test_a_slot_that_does_not_exist_is_refused(rings: Callable[..., Rings]) -> None:
    writer, reader = rings(), rings()
    ref = writer.ref(drawn(writer, 1))
    with pytest.raises(StaleSlot, match="no such slot"):
        reader.view(ref._replace(slot=8), SHAPE, np.dtype(np.uint8))
    with pytest.raises(StaleSlot, match="no such slot"):
        reader.view(ref, (3000, 4000, 3), np.dtype(np.uint8))


def test_a_file_that_is_no_ring_is_refused(tmp_path: object) -> None:
    with open(f"{tmp_path}/secret", "wb+") as file:
        file.write(b"x" * 8192)
        file.flush()
        with pytest.raises(StaleSlot, match="shared memory"):
            Rings().view(Ref(os.getpid(), file.fileno(), 1, 0, 2), (1,), np.dtype(np.uint8))


WRITER = """
import numpy, pathlib, sys, time
from handflow.runtime import locks
from handflow.runtime.transport.mapped_files import MappedFiles
from handflow.runtime.transport.shared_memory import Memfd, Rings

rings = Rings(memory=MappedFiles(pathlib.Path(sys.argv[1])) if len(sys.argv) > 1 else Memfd())
print(*rings.ref(numpy.full((30, 40, 3), 9, "uint8")), flush=True)
time.sleep(60)
"""


def test_a_writer_that_was_killed_leaves_nothing_to_open() -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        ref = Ref(*map(int, writer.stdout.readline().split()))
        reader, late = Rings(), Rings()
        seen = reader.view(ref, SHAPE, np.dtype(np.uint8))
        writer.kill()
        writer.wait()
    assert (seen == 9).all()  # what is mapped stays whole
    with pytest.raises(StaleSlot, match="has ended"):
        late.view(ref, SHAPE, np.dtype(np.uint8))


@pytest.mark.parametrize("kind", ["memfd", "mapped"])
def test_a_reader_lets_go_of_what_dead_writers_left(tmp_path: Path, kind: str) -> None:
    folder = [str(tmp_path)] if kind == "mapped" else []
    reader = Rings(memory=MappedFiles(tmp_path) if folder else Memfd())
    before = mappings()
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", WRITER, *folder], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            ref = Ref(*map(int, writer.stdout.readline().split()))
            reader.view(ref, SHAPE, np.dtype(np.uint8))
            writer.kill()
    assert mappings() - before == 1  # the last one's


def mappings() -> int:
    """How many rings are mapped into this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sum("memfd:handflow" in line or ".ring" in line for line in lines)


@pytest.mark.parametrize("lock", ["flock", "filelock"])
def test_the_file_of_a_writer_that_was_killed_is_removed_by_the_next_start_and_a_living_ones_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    if lock == "filelock":
        monkeypatch.setattr(locks, "fcntl", None)
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        ref = Ref(*map(int, writer.stdout.readline().split()))
        reader = Rings(memory=MappedFiles(tmp_path))  # a start beside a living writer
        assert (reader.view(ref, SHAPE, np.dtype(np.uint8)) == 9).all()
        writer.kill()
        writer.wait()
    assert len(list(tmp_path.iterdir())) == 2  # the file and its lock
    late = Rings(memory=MappedFiles(tmp_path))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StaleSlot, match="has ended"):
        late.view(ref, SHAPE, np.dtype(np.uint8))


def test_bigger_pictures_and_a_clean_end_leave_no_file(tmp_path: Path) -> None:
    rings = Rings(memory=MappedFiles(tmp_path))
    rings.ref(np.zeros(100_000, np.uint8))
    rings.ref(np.zeros(200_000, np.uint8))
    rings.settle(9, read=9)  # the old one has been kept for a round
    assert len(list(tmp_path.glob("*.ring"))) == 1
    rings.close()
    assert list(tmp_path.iterdir()) == []


def test_a_mapped_file_is_this_users_alone(tmp_path: Path) -> None:
    Rings(memory=MappedFiles(tmp_path)).ref(np.zeros(100_000, np.uint8))
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 8192])
def test_a_mapped_file_that_is_no_ring_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{1:016x}.ring").write_bytes(content)
    with pytest.raises(StaleSlot):
        Rings(memory=_unswept(tmp_path)).view(Ref(os.getpid(), -1, 1, 0, 2), (1,), np.dtype(np.uint8))


def _unswept(folder: Path) -> MappedFiles:
    kept = {file: file.read_bytes() for file in folder.iterdir()}
    memory = MappedFiles(folder)
    for file, content in kept.items():
        file.write_bytes(content)
    return memory
