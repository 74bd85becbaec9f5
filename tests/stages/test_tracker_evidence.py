"""Tracker: evidence over time for what is weak, and against what always fires."""

import numpy as np
import pytest
from support.tracking import SIZE, START_NS, draw_map, feed, ids, peaks, sure, tracker

from handflow.messages import Hands, State
from handflow.vision.peaks import Peaks


def waving(score: float, seconds: float, fps: float = 30, x: float = 0.5, stroke: float = 0.03) -> list[Peaks]:
    """Peaks of a far hand, 2 % of the width, that goes to and fro 1.5 times a second."""
    return [
        peaks((x + stroke * np.sin(3 * np.pi * k / fps), 0.5, score, 0.9, 0.01)) for k in range(round(seconds * fps))
    ]


def first_told_s(said: list[Hands], fps: float) -> float:
    """When a hand was told first; inf: never."""
    return next((k / fps for k, hands in enumerate(said) if ids(hands)), np.inf)


def resting(score: float, seconds: float, fps: float = 30, open_: float = 0.1) -> list[Peaks]:
    return [peaks((0.5, 0.5, score, open_, 0.01))] * round(seconds * fps)


def test_a_weak_peak_that_waves_is_told_within_a_second_and_one_that_rests_never() -> None:
    assert 0.2 < first_told_s(feed(tracker(), waving(0.3, 2)), 30) < 1
    assert first_told_s(feed(tracker(), resting(0.3, 10)), 30) == np.inf
    assert first_told_s(feed(tracker(evidence=False), waving(0.3, 2)), 30) == np.inf


def drifting(ripple: float, seconds: float = 8, fps: float = 30) -> list[Peaks]:
    """Peaks of something of 3.6 % of the width that goes its way at .7 radii/s, and whose score has a ripple."""
    steps = range(round(seconds * fps))
    return [peaks((0.3 + 0.025 * k / fps, 0.5, 0.38 + ripple * np.sin(2 * k), 0.2, 0.018)) for k in steps]


def test_what_drifts_and_scores_the_same_all_the_time_is_a_lamp() -> None:
    assert first_told_s(feed(tracker(), drifting(0.02)), 30) == np.inf
    assert first_told_s(feed(tracker(), drifting(0.08)), 30) < 2


def test_a_hand_that_has_gone_does_not_become_the_elbow_that_is_left() -> None:
    arm = [peaks((0.5, 0.5, 0.8), (0.5, 0.62, 0.25, 0.1))] * 30
    left = feed(tracker(), [*arm, *[peaks((0.5, 0.62, 0.25, 0.1))] * 15])
    assert ids(left[29]) == [1]
    assert ids(left[-1]) == []
    # What scores like the hand is the hand, which has turned more sharply than expected.
    went = feed(tracker(), [*arm, *[peaks((0.5, 0.62, 0.7))] * 15])
    assert ids(went[-1]) == [1]
    assert went[-1].xy[0] == pytest.approx([0.5, 0.62], abs=0.01)


def test_evidence_counts_in_seconds_not_in_frames() -> None:
    times = [first_told_s(feed(tracker(), waving(0.3, 3, fps), fps=fps), fps) for fps in (15, 30, 60)]
    assert max(times) - min(times) < 0.2


@pytest.mark.parametrize("score", [0.6, 0.7, 0.9])
def test_what_one_frame_shows_clearly_is_told_at_once(score: float) -> None:
    assert ids(feed(tracker(), [peaks((0.5, 0.5, score))])[0]) == [1]


def test_a_score_is_how_likely_it_is_a_hand_and_a_look_without_it_speaks_against_it() -> None:
    node = tracker(keep_s=5)
    said = [float(h.score[0]) for h in feed(node, [*waving(0.4, 3), *[peaks()] * 30]) if len(h.id)]
    assert said[0] >= node.start_probability
    assert said[-1] < max(said)
    assert all(0 <= score <= 1 for score in said)


def test_a_hand_that_is_told_may_rest_and_be_weak() -> None:
    said = feed(tracker(), [*waving(0.5, 1), *resting(0.35, 10)])
    assert ids(said[-1]) == [1]


def test_a_hand_leaves_when_the_evidence_for_it_is_gone() -> None:
    said = feed(tracker(end_probability=0.5, keep_s=5), [sure(), *[peaks()] * 90])
    assert State.LEAVING in [state for hands in said for state in hands.state.tolist()]
    assert ids(said[-1]) == []


def test_a_place_that_always_fires_is_quietened_and_a_hand_that_comes_there_is_told() -> None:
    node = tracker(quiet_s=2)
    said = feed(node, resting(0.65, 15))
    assert ids(said[0]) == [1]
    assert ids(said[-1]) == []
    # Where nothing was learnt the same peak is a hand.
    assert len(ids(feed(node, [peaks((0.2, 0.2, 0.65, 0.1, 0.01))], since_s=15)[0])) == 1
    arm = [peaks((0.7 - 0.2 * k / 15, 0.5, 0.65, 0.9, 0.01)) for k in range(16)]
    came = feed(node, [*arm, *resting(0.65, 3, open_=0.9)], since_s=15.1)
    assert len(ids(came[-1])) == 1
    assert came[-1].xy[0] == pytest.approx([0.5, 0.5], abs=0.01)


def test_a_place_that_fires_no_more_is_a_place_as_any_other_again() -> None:
    node = tracker(quiet_s=2)
    feed(node, resting(0.65, 15))
    feed(node, [peaks()] * 300, since_s=15)
    assert len(ids(feed(node, resting(0.65, 0.5), since_s=25)[-1])) == 1


def test_no_place_is_quietened_if_none_is_to_be() -> None:
    assert ids(feed(tracker(quiet_s=0), resting(0.65, 15))[-1]) == [1]


def test_a_hand_that_turns_sharply_keeps_its_id_and_an_elbow_keeps_its_own_peak() -> None:
    node = tracker()
    elbow = (0.53, 0.5, 0.3, 0.1, 0.01)
    feed(node, [peaks((0.5, 0.5, 0.7, 0.9, 0.01), elbow)] * 15)
    # 1.6 radii in a frame: more than the filter takes for likely.
    jumped = feed(node, [peaks((0.484, 0.5, 0.3, 0.9, 0.01), elbow)] * 5, since_s=0.5)[-1]
    assert (ids(jumped), jumped.state.tolist()) == ([1], [State.TRACKED])
    assert jumped.xy[0, 0] < 0.5
    gone = feed(node, [peaks(elbow)] * 3, since_s=0.7)[-1]
    assert gone.state.tolist() == [State.PREDICTED]


def test_a_picture_that_was_not_looked_at_again_is_no_evidence() -> None:
    looked, held = tracker(), tracker()
    for node, is_new in ((looked, True), (held, False)):
        for k, found in enumerate(waving(0.3, 2)):
            said = node.update(found, START_NS + round(k / 30 * 1e9), None, SIZE, is_new=is_new or k == 0)
        assert bool(ids(said)) == is_new


def test_what_may_become_a_hand_is_doubtful_and_a_sure_hand_is_not() -> None:
    assert feed(tracker(), [sure()] * 10)[-1].doubtful == 0
    assert feed(tracker(), waving(0.3, 0.4))[-1].doubtful == 1
    assert feed(tracker(), [sure(), peaks()])[-1].doubtful == 1
    assert feed(tracker(), resting(0.3, 10))[-1].doubtful == 0


def test_evidence_may_be_switched_on_and_off_while_hands_are_followed() -> None:
    node = tracker(evidence=False)
    feed(node, [sure()] * 5)
    node.evidence = True
    assert ids(feed(node, [sure()] * 5, since_s=0.2)[-1]) == [1]
    node.evidence = False
    assert ids(feed(node, [sure()] * 5, since_s=0.4)[-1]) == [1]


def test_where_nobody_is_told_maps_that_are_sent_again_change_nothing() -> None:
    rng, node = np.random.default_rng(0), tracker()
    nothing = draw_map([], 0.05, rng, 0)
    node.process(nothing, None)
    again = draw_map([(0.5, 0.5)], 0.05, rng, 0.1)
    again.seen_ns = nothing.captured_ns
    said = node.process(again, None)
    assert (ids(said), said.width, said.height) == ([], 1280, 720)
    assert len(ids(node.process(draw_map([(0.5, 0.5)], 0.05, rng, 0.2), None))) == 1


def test_a_hand_that_is_told_goes_on_in_maps_that_are_sent_again() -> None:
    rng, node = np.random.default_rng(0), tracker()
    for k in range(10):
        last = draw_map([(0.5, 0.5)], 0.05, rng, k / 30)
        first = node.process(last, None)
    last.seen_ns = last.captured_ns
    for k in range(10, 20):
        last.captured_ns = START_NS + round(k / 30 * 1e9)
        said = node.process(last, None)
        assert (ids(said), said.state.tolist()) == (ids(first), [State.TRACKED])
    assert said.age[0] - first.age[0] == pytest.approx(1 / 3, abs=1e-3)
