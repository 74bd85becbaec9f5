"""Tracker: identities, states and what is told of a hand, from peaks written by hand."""

import numpy as np
import pytest
from support.tracking import feed, ids, peaks, sure, tracker

from handflow.messages import State
from handflow.stages.tracker import Tracker

# Identities and states


def test_a_sure_peak_is_a_new_hand_at_once_and_keeps_its_id() -> None:
    first, second = feed(tracker(), [sure(), sure()])
    assert (ids(first), first.state.tolist()) == ([1], [State.NEW])
    assert (ids(second), second.state.tolist()) == ([1], [State.TRACKED])


def test_without_evidence_a_peak_that_is_not_sure_needs_a_second_frame() -> None:
    said = feed(tracker(evidence=False, sure_score=0.8), [peaks((0.5, 0.5, 0.6))] * 2)
    assert [ids(hands) for hands in said] == [[], [1]]
    assert said[1].age[0] == pytest.approx(1 / 30)


@pytest.mark.parametrize(("evidence", "score"), [(False, 0.6), (True, 0.45)])
def test_flicker_gets_no_id_and_wastes_none(evidence: bool, score: float) -> None:
    node = tracker(evidence=evidence)
    assert [ids(h) for h in feed(node, [peaks((0.5, 0.5, score)), peaks()] * 4)] == [[]] * 8
    assert ids(feed(node, [sure(0.2)], since_s=1)[0]) == [1]


def test_a_weak_peak_carries_a_hand_on_but_starts_none() -> None:
    node = tracker(evidence=False, start_score=0.4, keep_score=0.2)
    weak = peaks((0.5, 0.5, 0.25), (0.9, 0.9, 0.25))
    said = feed(node, [sure(), *[weak] * 30])
    assert ids(said[-1]) == [1]
    assert said[-1].state.tolist() == [State.TRACKED]


def test_an_unseen_hand_is_predicted_then_leaves_once_then_is_gone() -> None:
    said = feed(tracker(keep_s=0.3), [sure(), *[peaks()] * 6], fps=10.1)
    assert [h.state.tolist() for h in said] == [[State.NEW], *[[State.PREDICTED]] * 3, [State.LEAVING], [], []]


def test_a_hand_that_leaves_and_returns_gets_a_new_id() -> None:
    said = feed(tracker(), [sure(), *[peaks()] * 15, sure()])
    assert ids(said[-1]) == [2]


def test_a_hand_missed_for_a_few_frames_keeps_its_id() -> None:
    said = feed(tracker(), [sure(), peaks(), peaks(), peaks(), sure()])[-1]
    assert (ids(said), said.state.tolist()) == ([1], [State.TRACKED])


def test_an_unseen_hand_goes_on_the_way_it_went() -> None:
    way = [sure(0.2 + 0.6 * k / 30) for k in range(15)]
    said = feed(tracker(), [*way, peaks(), peaks()])
    x = [float(h.xy[0, 0]) for h in said]
    assert x[-1] - x[-3] == pytest.approx(0.04, abs=0.006)  # 0.6 width/s for 2/30 s, slowing down


def test_an_unseen_hand_comes_to_rest_soon() -> None:
    way = [sure(0.2 + 0.6 * k / 30) for k in range(15)]  # 0.48 at the end
    said = feed(tracker(keep_s=5), [*way, *[peaks()] * 60])
    # It slows down by 0.2 / (0.2 + 1/30) a frame: 0.6 x 0.2 s more, give or take what the filter made of the speed.
    assert said[-1].xy[0, 0] == pytest.approx(0.48 + 0.12, abs=0.02)


def test_a_hand_behind_another_goes_on_at_its_speed() -> None:
    way = [peaks((0.3 + 0.6 * k / 30, 0.5, 0.9), (0.6, 0.5, 0.9, 0.9, 0.1)) for k in range(7)]  # 0.42 at the end
    said = feed(tracker(), [*way, *[peaks((0.6, 0.5, 0.9, 0.9, 0.1))] * 6])
    assert said[-1].state.tolist() == [State.PREDICTED, State.TRACKED]
    assert said[-1].xy[0, 0] == pytest.approx(0.42 + 6 * 0.02, abs=0.02)


def test_a_blob_of_two_hands_pulls_neither() -> None:
    node = tracker()
    feed(node, [peaks((0.45, 0.5, 0.9), (0.51, 0.5, 0.9))] * 10)
    feed(node, [peaks((0.48, 0.5, 0.9))], since_s=10 / 30)
    assert [track.path.position.real for track in node.tracks] == pytest.approx([0.45, 0.51], abs=0.005)


def test_an_unseen_hand_that_goes_out_of_the_picture_leaves_at_once() -> None:
    way = [sure(0.6 + 1.2 * k / 30) for k in range(10)]  # 0.96 at the end
    said = feed(tracker(keep_s=5), [*way, *[peaks()] * 8])
    assert [State.LEAVING] in [h.state.tolist() for h in said]
    assert ids(said[-1]) == []


@pytest.mark.parametrize(("x", "state"), [(0.52, State.TRACKED), (0.56, State.PREDICTED)])
def test_without_evidence_a_lost_hand_is_found_again_in_a_weak_peak_only_if_that_lies_on_it(
    x: float, state: State
) -> None:
    said = feed(tracker(evidence=False), [sure(), peaks(), peaks((x, 0.5, 0.3, 0.9, 0.05))])
    assert (ids(said[-1]), said[-1].state.tolist()) == ([1], [state])


def test_ids_go_on_after_a_crash() -> None:
    node = Tracker()
    node.persistent["last_id"] = 41
    node.start()
    assert ids(feed(node, [sure()])[0]) == [42]
    assert node.persistent == {"last_id": 42}
    assert type(node.persistent["last_id"]) is int


def test_a_restarted_source_goes_on_with_the_same_hand() -> None:
    node = tracker()
    feed(node, [sure()] * 5)
    assert ids(feed(node, [sure()], since_s=0.5)[0]) == [1]


def test_after_a_long_gap_the_old_hand_leaves_and_a_new_one_comes() -> None:
    node = tracker()
    feed(node, [sure()] * 5)
    after = feed(node, [sure()], since_s=5)[0]
    assert dict(zip(ids(after), after.state.tolist(), strict=True)) == {1: State.LEAVING, 2: State.NEW}


@pytest.mark.parametrize("back_s", [0, 0.01, 5])
def test_a_clock_that_stands_still_or_goes_back_moves_nothing(back_s: float) -> None:
    node = tracker()
    feed(node, [sure(0.3 + 0.3 * k / 30) for k in range(10)])
    said = feed(node, [sure(0.39)], since_s=9 / 30 - back_s)[0]
    assert ids(said) == [1]
    assert np.isfinite(said.velocity).all()
    assert said.xy[0, 0] == pytest.approx(0.39, abs=0.01)


def test_a_hand_whose_size_the_network_gives_as_nothing_is_followed() -> None:
    said = feed(tracker(), [peaks((0.5, 0.5, 0.9, 0.9, 0.0))] * 3)[-1]
    assert (ids(said), said.state.tolist()) == ([1], [State.TRACKED])


def test_nothing_in_nothing_out() -> None:
    said = feed(tracker(), [peaks()])[0]
    assert (len(said.id), said.xy.shape, said.width, said.height) == (0, (0, 2), 1600, 800)


# What is told of a hand


def test_velocity_counts_in_widths_and_heights_a_second() -> None:
    way = [peaks((0.2 + 0.3 * k / 30, 0.2 + 0.6 * k / 30, 0.9)) for k in range(30)]
    assert feed(tracker(), way)[-1].velocity[0] == pytest.approx([0.3, 0.6], abs=0.01)


def test_ahead_tells_where_the_hand_will_be() -> None:
    way = [sure(0.2 + 0.6 * k / 30) for k in range(30)]
    now, later = (feed(tracker(ahead_s=s), way)[-1].xy[0] for s in (0.0, 0.1))
    assert later - now == pytest.approx([0.06, 0], abs=0.002)


def test_open_and_closed_change_late_and_stay_in_between() -> None:
    node = tracker(open_at=0.6, close_at=0.4)
    said = []
    for since_s, value in enumerate((0.1, 0.5, 0.7, 0.5, 0.3)):
        said.append(feed(node, [peaks((0.5, 0.5, 0.9, value))] * 30, since_s=since_s)[-1].is_open.tolist())
    assert said == [[False], [False], [True], [True], [False]]


def test_one_wrong_frame_does_not_close_an_open_hand() -> None:
    open_, closed = peaks((0.5, 0.5, 0.9, 0.9)), peaks((0.5, 0.5, 0.9, 0.1))
    said = feed(tracker(), [*[open_] * 10, closed, *[open_] * 3])
    assert all(h.is_open[0] for h in said)


def test_the_score_of_an_unseen_hand_fades() -> None:
    said = feed(tracker(), [sure(), peaks(), peaks()])
    assert said[0].score[0] > said[1].score[0] > said[2].score[0] > 0.5
