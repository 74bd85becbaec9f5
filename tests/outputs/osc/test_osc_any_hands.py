"""No hands make a wrong datagram: hands that are nonsense, drawn by hypothesis."""

from typing import Any, get_args

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handflow import Hands
from handflow.outputs.osc.decoding import decode
from handflow.outputs.osc.encoding import LARGEST
from handflow.outputs.osc.layout import Protocol
from handflow.outputs.osc.receiver import OscReceiver
from handflow.stages.osc import Osc, Target

NUMBERS = st.floats(width=32) | st.floats(-1, 2, width=32)
IDS = st.integers(-(2**31), 2**31 - 1) | st.integers(2**31 - 5, 2**31 - 1) | st.integers(0, 9)


@st.composite
def any_hands(draw: st.DrawFn) -> Hands:
    """Anything that the message allows, sense or nonsense."""
    n = draw(st.sampled_from([0, 1, 2, 9, 30, 200, 1000]) | st.integers(0, 40))
    ids = np.arange(n, dtype=np.int64) + draw(IDS)
    if draw(st.booleans()):
        ids = np.array(draw(st.lists(IDS, min_size=min(n, 30), max_size=min(n, 30))) * (n // 30 + 1), np.int64)[:n]
    ids = (ids + 2**31) % 2**32 - 2**31
    block = draw(arrays.arrays(np.float32, (min(n, 20), 9), elements=NUMBERS))
    block = np.resize(block, (n, 9)) if n else np.zeros((0, 9), np.float32)
    return Hands(
        stream=draw(st.integers(0, 2)), seq=draw(st.integers(-5, 2**40)),
        captured_ns=draw(st.integers(-(2**62), 2**62)),
        id=ids.astype(np.int32), state=np.resize(draw(st.lists(st.integers(-1, 4), min_size=1, max_size=5)), n),
        xy=block[:, :2], velocity=block[:, 2:4], radius=block[:, 4], score=block[:, 5], open=block[:, 6],
        is_open=block[:, 7] > 0, age=block[:, 7],
        zone=np.resize(draw(st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 3), min_size=1)), n),
        dwelt=block[:, 8] > 0, zones=draw(st.lists(st.text(max_size=100), max_size=3)),
        width=draw(st.integers(-1, 2**40)), height=draw(st.integers(-1, 2**40)),
    )  # fmt: skip


def check(datagram: bytes) -> None:
    """A datagram that any receiver can read: small, aligned, of int32, float32 and text only, with finite numbers."""
    assert len(datagram) <= LARGEST
    assert len(datagram) % 4 == 0
    for message in decode(datagram):
        assert set(message.tags) <= set("ifs") or message.address == "/tuio2/frm"
        floats = [value for value, tag in zip(message.values, message.tags, strict=True) if tag == "f"]
        assert np.isfinite(floats).all(), message


def no_hands_do_harm(bundles: bool | None, frames: list[Hands], scale: float, clamp: bool) -> None:
    """Whatever comes, only whole datagrams leave on every layout, and in the end nobody is there."""
    base = "/" + "b" * 63  # the longest there may be
    chosen: dict[str, Any] = {"scale": (scale, -scale), "clamp": clamp, "flip": "x", "blobs": True, "slots": 64}
    targets = [
        Target(protocol=protocol, bundles=bundles, base=base if "hands" in protocol else None, **chosen)
        for protocol in get_args(Protocol)
    ]
    node = Osc(targets=targets)
    node.start()
    sent: list[bytes] = []
    for sender in node.senders:
        sender.udp.socket.close()
        sender.udp.socket = Jar(sent)  # type: ignore[assignment]
    for hands in frames:
        node.process(hands)
    node.second_s -= 2
    node.idle()
    node.stop()
    assert sent
    for datagram in sent:
        check(datagram)
    receiver = OscReceiver()
    for datagram in sent:
        receiver.receive(datagram, "me", 1)
    for stream in receiver:
        assert (stream.wrong, stream.hands) == ({}, {}), stream.protocol


ANYTHING = given(
    bundles=st.sampled_from([None, True, False]),
    frames=st.lists(any_hands(), min_size=1, max_size=3),
    scale=st.floats(-1e6, 1e6),
    clamp=st.booleans(),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@ANYTHING
def test_no_hands_make_a_wrong_datagram_or_stop_the_stage(bundles, frames, scale, clamp) -> None:
    no_hands_do_harm(bundles, frames, scale, clamp)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@ANYTHING
def test_no_hands_at_all_make_a_wrong_datagram_or_stop_the_stage(bundles, frames, scale, clamp) -> None:
    no_hands_do_harm(bundles, frames, scale, clamp)


class Jar:
    """A socket that keeps what is sent."""

    def __init__(self, kept: list[bytes]) -> None:
        self.kept = kept

    def sendto(self, datagram: bytes, address: tuple) -> None:
        self.kept.append(datagram)

    def close(self) -> None:
        pass
