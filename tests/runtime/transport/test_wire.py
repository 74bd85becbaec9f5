"""Messages as bytes and back."""

import msgpack
import numpy as np
import pytest

from handflow import Frame, Hands, Heatmap
from handflow.errors import WireError
from handflow.messages import Hop
from handflow.runtime.transport.shared_memory import Rings
from handflow.runtime.transport.wire import VERSION, decode, encode


def frame(seq: int, size: tuple[int, int] = (4, 6)) -> Frame:
    return Frame(image=np.full((*size, 3), seq % 256, np.uint8), stream=1, seq=seq, captured_ns=seq * 1000)


def test_a_message_comes_back_as_it_went() -> None:
    rings = Rings()
    sent = Hands(
        id=[4, 9], state=[1, 2], xy=[[0.1, 0.2], [0.3, 0.4]], velocity=[[0, 0], [1, -1]], radius=[0.1, 0.2],
        score=[0.9, 0.8], open=[1, 0], is_open=[True, False], age=[0.5, 3], width=640, height=480,
        zone=[1, -1], zones=["left", "right"],
        stream=3, seq=7, captured_ns=123456789012345678, sent=2, hops=[Hop("a", 1, 2)],
    )  # fmt: skip
    got, refs = decode(encode(sent, rings), Hands, rings)
    assert refs == []
    assert isinstance(got, Hands)
    assert (got.stream, got.seq, got.captured_ns, got.sent, got.hops) == (3, 7, 123456789012345678, 2, [Hop("a", 1, 2)])
    assert got.xy.tolist() == sent.xy.tolist()
    assert got.is_open.tolist() == [True, False]
    assert (got.zone.tolist(), got.zones) == ([1, -1], ["left", "right"])
    assert not got.xy.flags.writeable


def test_a_frame_lies_in_the_ring_and_not_in_the_message() -> None:
    writer, reader = Rings(), Rings()
    data = encode(frame(5, size=(200, 300)), writer)
    got, refs = decode(data, Frame, reader)
    assert len(data) < 500
    assert len(refs) == 1
    assert isinstance(got, Frame)
    assert (got.image == 5).all()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"hello",
        msgpack.packb([1, 2]),
        msgpack.packb({"v": 99, "type": "Frame"}),
        msgpack.packb({"v": VERSION, "type": "Hands"}),
        msgpack.packb({"v": VERSION, "type": "Frame", "image": ["|u1", [9, 9, 3], b"short"]}),
        encode(frame(1), Rings())[:-3],
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data, Frame, Rings())


def test_a_message_of_before_there_was_a_field_has_its_default() -> None:
    made = Heatmap(
        values=np.zeros((4, 6)), open=np.zeros((4, 6)), radius=np.ones((4, 6)), offset=np.zeros((4, 6, 2)),
        scale=[1 / 6, 1 / 4], shift=[0, 0], width=60, height=40, seq=3, seen_ns=5, calibration=[1, 2],
    )  # fmt: skip
    packed = msgpack.unpackb(encode(made, None))
    older = {name: value for name, value in packed.items() if name not in ("seen_ns", "calibration")}
    got, _ = decode(msgpack.packb(older), Heatmap, None)
    assert isinstance(got, Heatmap)
    assert (got.seq, got.seen_ns, got.calibration.tolist()) == (3, 0, [])
    with pytest.raises(WireError, match="Heatmap"):
        decode(msgpack.packb({name: value for name, value in older.items() if name != "values"}), Heatmap, None)
