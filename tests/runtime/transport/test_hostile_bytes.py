"""What nobody of ours sends, as a reader decodes it: a message or refused; no memory is read that is not ours."""

import os
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from support.hostile import FEW, GOOD, MANY, WRITER, frame, hostile, with_field

from handflow import Flow, Frame, Hands, Message, Packed
from handflow.errors import StaleSlot, WireError
from handflow.runtime.transport.shared_memory import Ref, Rings
from handflow.runtime.transport.wire import decode


def read(data: bytes, reader: Rings) -> None:
    for kind in (Frame, Hands, Flow, Packed):
        try:
            message, refs = decode(data, kind, reader)
        except (WireError, StaleSlot):
            continue
        assert isinstance(message, Message)
        # What gets through can be worked with as if it were ours.
        assert all(isinstance(value, int) for value in (message.stream, message.seq, message.captured_ns, message.sent))
        assert all(hop.node + "" is not None for hop in message.hops)
        assert all(reader.intact(ref) in (True, False) for ref in refs)
        if isinstance(message, Frame):
            assert int(message.image.sum()) >= 0


@FEW
@given(hostile)
def test_whatever_bytes_are_read_as_a_message_or_refused(data: bytes) -> None:
    read(data, Rings())


@pytest.mark.slow
def test_ten_thousand_of_them_cost_no_memory() -> None:
    reader, process = Rings(), psutil.Process()
    sizes: list[int] = []

    @MANY
    @given(hostile)
    def many(data: bytes) -> None:
        read(data, reader)
        sizes.append(process.memory_info().rss)

    many()
    assert len(sizes) >= 5_000
    # Hypothesis itself keeps what it has tried; what one message cost would be a thousand times as much.
    assert sizes[-1] - sizes[len(sizes) // 2] < 64 * 2**20
    assert len(reader._read) <= 1  # no memory is kept that a message has named


@pytest.mark.parametrize(
    "change",
    [
        {"slot": 8},
        {"slot": -1},
        {"slot": 2**40},
        {"generation": 999},
        {"ring": 5},
        {"pid": 1},  # another user's, or nobody's
        {"pid": 2**31},
        {"fd": 0},
        {"fd": 2**31},
    ],
)
def test_memory_that_is_not_there_is_refused(change: dict[str, int]) -> None:
    own = WRITER.ref(frame().image)
    assert own is not None
    data = with_field(GOOD[0], "image", ["|u1", [200, 200, 3], list(own._replace(**change))])
    with pytest.raises(StaleSlot):
        decode(data, Frame, Rings())


@pytest.mark.parametrize(
    "shape", [[2000, 2000, 3], [2**32, 2**32, 3], [-1, 200, 3], [200, 200], [200.0, 200, 3], "abc"]
)
def test_a_shape_that_does_not_fit_is_refused(shape: Any) -> None:
    own = WRITER.ref(frame().image)
    assert own is not None
    with pytest.raises((WireError, StaleSlot)):
        decode(with_field(GOOD[0], "image", ["|u1", shape, list(own)]), Frame, Rings())


def test_memory_that_could_shrink_is_refused() -> None:
    """Its reader would die of SIGBUS."""
    fd = os.memfd_create("handflow")
    try:
        os.write(fd, os.pread(WRITER._own_fd, 8192 + 120_000, 0))
        own = WRITER.ref(frame().image)
        assert own is not None
        with pytest.raises(StaleSlot, match="not a handflow ring"):
            Rings().view(own._replace(pid=os.getpid(), fd=fd), (10,), np.dtype(np.uint8))
    finally:
        os.close(fd)


def test_a_pipe_is_not_waited_for() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(StaleSlot):
            Rings().view(Ref(os.getpid(), reading, 1, 0, 2), (1,), np.dtype(np.uint8))
    finally:
        os.close(reading)
        os.close(writing)
