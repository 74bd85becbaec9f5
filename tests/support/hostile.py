"""Messages that nobody of ours sends: bytes of any kind, and ours with something else in them."""

import os
from typing import Any

import msgpack
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from handflow import Flow, Frame, Hands
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.wire import encode

WRITER = Rings()


def frame(seq: int = 1, side: int = 200) -> Frame:
    return Frame(image=np.full((side, side, 3), seq % 251, np.uint8), stream=1, seq=seq, captured_ns=seq, sent=seq)


GOOD = [
    encode(frame(), WRITER, by=7),
    encode(frame(side=4), WRITER, by=7),
    encode(Hands(seq=3, sent=1, width=640), WRITER, by=7),
    encode(Flow(vectors=np.zeros((2, 3, 2)), since_ns=0, sent=1), WRITER, by=7, last=True),
]

number = st.integers(-(2**63), 2**64 - 1) | st.sampled_from([0, 1, 2, 8, 2**31, 2**32, os.getpid(), 1])
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def named_memory(draw: st.DrawFn) -> bytes:
    """A frame whose picture lies wherever."""
    own = WRITER.ref(frame().image)
    assert own is not None
    ref = [draw(st.just(part) | number) for part in own]
    shape = draw(st.just([200, 200, 3]) | st.lists(number, max_size=4))
    dtype = draw(st.sampled_from(["|u1", "<f8", "|O", "V9", "<U9", "M8[s]", "f4,f4", "(9,)u1"]) | st.text(max_size=6))
    return with_field(GOOD[0], "image", [dtype, shape, ref])


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A message of ours with something else in a field of it."""
    data = draw(st.sampled_from(GOOD))
    name = draw(st.sampled_from(sorted(msgpack.unpackb(data))))
    return with_field(data, name, draw(anything))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Cut off, or with bits turned."""
    data = bytearray(draw(st.sampled_from(GOOD)))
    if draw(st.booleans()):
        return bytes(data[: draw(st.integers(0, len(data) - 1))])
    for place in draw(st.lists(st.integers(0, min(len(data), 300) - 1), min_size=1, max_size=4)):
        data[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)


def with_field(data: bytes, name: str, value: Any) -> bytes:
    return msgpack.packb({**msgpack.unpackb(data), name: value})


hostile = st.binary(max_size=200) | named_memory() | altered() | damaged() | anything.map(msgpack.packb)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=10_000)
