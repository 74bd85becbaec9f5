"""Tracker with Flow: what moves a hand, and what does not."""

import numpy as np
import pytest
from support.tracking import feed, peaks, sure, tracker

from handflow.messages import Flow
from handflow.vision.tracks import Peak, Track, flow_at


def flowing(dx: float, dy: float) -> Flow:
    """Everything moves by (dx, dy) of width and height in 1/30 s."""
    vectors = np.full((40, 80, 2), (dx, dy), np.float32)
    return Flow(vectors=vectors, since_ns=0, captured_ns=33_333_333)


def test_flow_moves_a_hand_that_is_out_of_sight() -> None:
    node = tracker()
    feed(node, [sure()] * 10)
    still = feed(node, [peaks()], since_s=10 / 30)[0].xy[0, 0]
    node = tracker()
    feed(node, [sure()] * 10)
    moved = feed(node, [peaks()], since_s=10 / 30, flow=flowing(0.02, 0))[0].xy[0, 0]
    assert still == pytest.approx(0.5, abs=1e-4)
    assert 0.501 < moved < 0.52  # not all the way: flow is often wrong


def test_flow_at_a_hand_is_in_widths_a_second() -> None:
    track = Track(Peak(0.5 + 0.25j, 0.9, 0.9, 0.05, 0.001), 1, 1)
    assert flow_at(flowing(0.01, 0.01), track, aspect=0.5) == pytest.approx(0.3 + 0.15j)


def test_flow_at_a_hand_is_not_that_of_the_rest_of_the_picture() -> None:
    flow = flowing(0, 0)
    flow.vectors[18:22, 38:42] = 0.01  # the hand: 0.5 +- 0.025 of both sides
    track = Track(Peak(0.5 + 0.25j, 0.9, 0.9, 0.03, 0.001), 1, 1)
    assert flow_at(flow, track, aspect=0.5) == pytest.approx(0.3 + 0.15j)


def test_flow_where_two_hands_touch_moves_neither() -> None:
    both = peaks((0.45, 0.5, 0.9), (0.55, 0.5, 0.9))  # 2 radii apart
    node = tracker()
    feed(node, [both] * 10)
    feed(node, [peaks()], since_s=10 / 30, flow=flowing(0.05, 0))
    assert [abs(track.path.velocity) for track in node.tracks] == pytest.approx([0, 0], abs=1e-3)


def test_a_flow_without_a_time_span_is_not_used() -> None:
    node = tracker()
    said = feed(node, [sure()] * 3, flow=Flow(vectors=np.ones((4, 8, 2), np.float32), since_ns=0, captured_ns=0))
    assert said[-1].xy[0, 0] == pytest.approx(0.5, abs=1e-4)
