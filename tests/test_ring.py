"""Big arrays in shared memory: seen without a copy, told when overwritten, gone with their writer."""

import os
import subprocess
import sys

import numpy as np
import pytest

from handflow.runtime.ring import Gone, Ref, Rings

SHAPE = (30, 40, 3)


def drawn(rings: Rings, value: int) -> np.ndarray:
    array = rings.empty(SHAPE, np.uint8)
    array[:] = value
    return array


def test_what_was_drawn_in_place_is_seen_by_another_reader() -> None:
    writer, reader = Rings(), Rings()
    ref = writer.ref(drawn(writer, 7))
    seen = reader.view(ref, SHAPE, np.dtype(np.uint8))
    assert (seen == 7).all()
    assert reader.intact(ref)


def test_drawing_in_place_copies_nothing() -> None:
    writer, reader = Rings(), Rings()
    array = drawn(writer, 1)
    seen = reader.view(writer.ref(array), SHAPE, np.dtype(np.uint8))
    array[0, 0, 0] = 99
    assert seen[0, 0, 0] == 99


def test_a_view_is_read_only() -> None:
    writer, reader = Rings(), Rings()
    seen = reader.view(writer.ref(drawn(writer, 1)), SHAPE, np.dtype(np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 0


def test_an_ordinary_array_is_copied_in() -> None:
    writer, reader = Rings(), Rings()
    array = np.arange(24, dtype=np.float32).reshape(4, 6)[:, ::2]  # not contiguous either
    seen = reader.view(writer.ref(array), array.shape, array.dtype)
    assert (seen == array).all()


def test_a_slot_is_overwritten_once_the_ring_went_round() -> None:
    writer, reader = Rings(slots=3), Rings()
    ref = writer.ref(drawn(writer, 1))
    reader.view(ref, SHAPE, np.dtype(np.uint8))
    writer.ref(drawn(writer, 2))
    writer.ref(drawn(writer, 3))
    assert reader.intact(ref)
    writer.empty(SHAPE, np.uint8)  # being drawn is enough
    assert not reader.intact(ref)
    with pytest.raises(Gone, match="overwritten"):
        reader.view(ref, SHAPE, np.dtype(np.uint8))


def test_an_array_passed_on_keeps_its_first_writers_slot() -> None:
    writer, middle = Rings(), Rings()
    ref = writer.ref(drawn(writer, 5))
    assert middle.ref(middle.view(ref, SHAPE, np.dtype(np.uint8))) == ref


def test_bigger_pictures_make_a_new_ring() -> None:
    writer, reader = Rings(), Rings()
    small = writer.ref(drawn(writer, 1))
    reader.view(small, SHAPE, np.dtype(np.uint8))
    big = writer.empty((300, 400, 3), np.uint8)
    big[:] = 8
    seen = reader.view(writer.ref(big), big.shape, big.dtype)
    assert (seen == 8).all()


def test_a_slot_of_a_ring_that_was_replaced_is_not_intact() -> None:
    writer, reader = Rings(), Rings()
    small = writer.ref(drawn(writer, 1))
    reader.view(small, SHAPE, np.dtype(np.uint8))
    big = writer.ref(writer.empty((300, 400, 3), np.uint8))
    reader.view(big, (300, 400, 3), np.dtype(np.uint8))
    assert not reader.intact(small)


def test_a_slot_that_does_not_exist_is_refused() -> None:
    writer, reader = Rings(), Rings()
    ref = writer.ref(drawn(writer, 1))
    with pytest.raises(Gone, match="no such slot"):
        reader.view(ref._replace(slot=8), SHAPE, np.dtype(np.uint8))
    with pytest.raises(Gone, match="no such slot"):
        reader.view(ref, (3000, 4000, 3), np.dtype(np.uint8))


def test_a_file_that_is_no_ring_is_refused(tmp_path: object) -> None:
    with open(f"{tmp_path}/secret", "wb+") as file:
        file.write(b"x" * 8192)
        file.flush()
        with pytest.raises(Gone, match="shared memory"):
            Rings().view(Ref(os.getpid(), file.fileno(), 1, 0, 2), (1,), np.dtype(np.uint8))


def test_a_writer_that_was_killed_leaves_nothing_to_open() -> None:
    code = (
        "import numpy, sys, time; from handflow.runtime.ring import Rings; r = Rings();"
        "print(*r.ref(numpy.full((30, 40, 3), 9, 'uint8')), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        ref = Ref(*map(int, writer.stdout.readline().split()))
        reader, late = Rings(), Rings()
        seen = reader.view(ref, SHAPE, np.dtype(np.uint8))
        writer.kill()
        writer.wait()
    assert (seen == 9).all()  # what is mapped stays whole
    with pytest.raises(Gone, match="has ended"):
        late.view(ref, SHAPE, np.dtype(np.uint8))
