"""Tracker: identities, states and smooth paths, from peaks written by hand and from maps drawn from a known truth."""

from collections.abc import Sequence

import numpy as np
import pytest

from handflow.messages import Flow, Hands, Heatmap, State
from handflow.stages.tracker import Tracker
from handflow.synthetic.trajectories import Trajectory, crossing
from handflow.vision.assignment import pair, widen
from handflow.vision.kalman import Kalman, OneEuro, share
from handflow.vision.peaks import Peaks
from handflow.vision.tracks import Peak, Track, flow_at

SIZE = (1600, 800)  # twice as wide as high: an error of the aspect shows
START_NS = 1_700_000_000_000_000_000


def peaks(*found: tuple[float, ...]) -> Peaks:
    """Peaks from rows of x, y, score and, if they matter, open and radius."""
    rows = np.array([(*row, *(0.9, 0.05)[len(row) - 3 :]) for row in found], np.float32).reshape(-1, 5)
    return Peaks(xy=rows[:, :2], score=rows[:, 2], open=rows[:, 3], radius=rows[:, 4])


def tracker(**settings: float | bool) -> Tracker:
    made = Tracker(**settings)  # type: ignore[arg-type]
    made.start()
    return made


def feed(
    node: Tracker, frames: Sequence[Peaks], fps: float = 30, since_s: float = 0, flow: Flow | None = None
) -> list[Hands]:
    """What `node` says to each of `frames`, the first `since_s` after the start."""
    return [node.update(p, START_NS + round((since_s + k / fps) * 1e9), flow, SIZE) for k, p in enumerate(frames)]


def ids(hands: Hands) -> list[int]:
    return hands.id.tolist()


def sure(position: float = 0.5) -> Peaks:
    return peaks((position, 0.5, 0.9))


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


# Evidence over time


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


# Flow


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


# Which peak is whose


def a_peak(x: float, noise: float = 0.01, score: float = 0.9, radius: float = 0.05) -> Peak:
    return Peak(complex(x, 0), score, 0.9, radius, noise)


def test_two_hands_share_the_peaks_so_that_both_are_served_best() -> None:
    # Nearest first would give 0.505 to the hand at 0.52 and nothing to that at 0.48, for 0.55 is too far from it.
    tracks = [Track(a_peak(0.52), 1, 1), Track(a_peak(0.48), 1, 1)]
    found = [a_peak(0.505), a_peak(0.55)]
    given = {track.path.position.real: peak.position.real for track, peak in pair(tracks, found)}
    assert given == {0.52: 0.55, 0.48: 0.505}


def test_a_peak_too_far_away_is_nobodys() -> None:
    assert pair([Track(a_peak(0.2), 1, 1)], [a_peak(0.5)]) == []


def test_more_equal_hands_than_equal_peaks_come_to_an_agreement() -> None:
    tracks, found = [Track(a_peak(0.5), 1, 1) for _ in range(3)], [a_peak(0.5), a_peak(0.5)]
    given = pair(tracks, found)
    assert len({id(track) for track, _ in given}) == len({id(peak) for _, peak in given}) == 2


def test_a_hand_prefers_a_peak_of_its_own_size() -> None:
    track, small, large = Track(a_peak(0.5), 1, 1), a_peak(0.51, radius=0.05), a_peak(0.49, radius=0.15)
    assert pair([track], [large, small]) == [(track, small)]


def test_one_peak_for_two_hands_counts_as_uncertain_by_their_distance() -> None:
    here, behind, far = (Track(a_peak(x), 1, 1) for x in (0.50, 0.54, 0.90))
    assert widen(a_peak(0.51, noise=0.03), here, [behind, far]).noise == pytest.approx(0.05)  # 3-4-5
    assert widen(a_peak(0.51, noise=0.03), here, [far]).noise == 0.03


# Filters


def test_equally_sure_place_and_measurement_meet_halfway() -> None:
    path = Kalman(0j, noise=0.1, speed=0)
    path.update_position(1 + 2j, noise=0.1)
    assert path.position == pytest.approx(0.5 + 1j)
    assert path.position_var == pytest.approx(0.005)


def test_two_exact_places_make_a_velocity() -> None:
    path = Kalman(0j, noise=1e-6, speed=10)
    path.predict(0.1)
    path.update_position(0.05j, noise=1e-6)
    assert path.velocity == pytest.approx(0.5j)


def test_an_exact_velocity_is_believed() -> None:
    path = Kalman(0j, noise=0.01, speed=1)
    path.update_velocity(2 + 0j, noise=1e-6)
    path.predict(0.5)
    assert path.position == pytest.approx(1 + 0j)


def test_the_velocity_may_change_no_more_than_to_the_top_speed() -> None:
    path = Kalman(0j, noise=0.01, speed=3)
    path.add_process_noise(1, acceleration=1, top_speed=4)
    assert path.velocity_var == pytest.approx(10)
    path.add_process_noise(1, acceleration=100, top_speed=4)
    assert path.velocity_var == pytest.approx(16)


def test_one_euro_opens_up_with_speed() -> None:
    cutoff_hz = 1 / (2 * np.pi)  # a time constant of 1 s: half of a step in 1 s
    assert OneEuro(0j, cutoff_hz, 0).step(1 + 0j, 99, 1) == pytest.approx(0.5)
    # rise x speed = 2 x 1.5 adds three times the cutoff: a time constant of 1/4 s, 4/5 of a step in 1 s
    assert OneEuro(0j, cutoff_hz, 2 * cutoff_hz).step(1 + 0j, 1.5, 1) == pytest.approx(0.8)


def test_a_low_pass_takes_up_nothing_in_no_time() -> None:
    assert share(0, 0.1) == 0
    assert share(0.1, 0.1) == 0.5


# The bars: maps drawn from a known truth, at 30 fps, with the noise of a network


def draw_map(hands: Sequence[tuple[float, float]], radius: float, rng: np.random.Generator, t: float) -> Heatmap:
    """The Gaussians a trained network makes of `hands`, the first in front: 80 x 45 cells, sub-cell and map noise."""
    columns, rows = np.arange(80) + 0.5, np.arange(45) + 0.5
    values, sigma = np.zeros((45, 80)), max(0.7, 0.11 * 2 * radius * 80)
    for number, (x, y) in enumerate(hands):
        hidden = [min(1, np.hypot(x - x1, (y - y1) * 9 / 16) / radius) for x1, y1 in hands[:number]]
        column, row = np.array([x * 80, y * 45]) + rng.normal(0, 0.1, 2)
        height = rng.uniform(0.75, 0.9) * min(hidden, default=1) * (rng.random() > 0.02)  # 2 % are missed
        away = (columns - column) ** 2 + (rows[:, None] - row) ** 2
        values = np.maximum(values, height * np.exp(-away / (2 * sigma**2)))
    values = np.clip(values + rng.normal(0, 0.01, values.shape), 0, 1)
    return Heatmap(
        values=values.astype(np.float32),
        open=values.astype(np.float32),
        radius=np.full((45, 80), radius * 80, np.float32),
        offset=np.zeros((45, 80, 2), np.float32),
        scale=np.array([1 / 80, 1 / 45]),
        shift=np.zeros(2),
        width=1280,
        height=720,
        captured_ns=START_NS + round(t * 1e9),
    )


def follow(
    paths: Sequence[Trajectory], seconds: float, seed: int, fps: float = 30, radius: float = 0.05
) -> list[tuple[float, Hands]]:
    """What a tracker says of hands on `paths`."""
    rng, node, said = np.random.default_rng(seed), tracker(), []
    for t in np.arange(0, seconds, 1 / fps):
        inside = [position for position in (path(t) for path in paths) if min(position) > 0 and max(position) < 1]
        said.append((float(t), node.process(draw_map(inside, radius, rng, t), None)))
    return said


@pytest.mark.parametrize("seed", range(5))
def test_a_hand_at_rest_jitters_by_less_than_a_third_percent_of_the_width(seed: int) -> None:
    position = np.random.default_rng(seed).uniform(0.3, 0.7, 2).tolist()
    xy = np.array([h.xy[0] * [1, 9 / 16] for t, h in follow([lambda t: position], 3, seed) if t > 0.5])
    spans = [np.ptp(xy[k : k + 30], axis=0).max() for k in range(len(xy) - 30)]
    assert max(spans) <= 0.003


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_a_hand_at_one_width_a_second_lags_by_less_than_ten_milliseconds(fps: float) -> None:
    said = follow([lambda t: (0.05 + t, 0.41)], 0.9, seed=1, fps=fps)
    lags = [0.05 + t - h.xy[0, 0] for t, h in said if t > 0.3]
    assert abs(np.mean(lags)) <= 0.010


@pytest.mark.parametrize("seed", range(3))
def test_a_hand_that_starts_or_stops_overshoots_by_less_than_two_percent(seed: int) -> None:
    def path(t: float) -> tuple[float, float]:
        return 0.3 + min(max(t - 0.5, 0), 0.4), 0.5  # 1 width/s from one frame to the next, and stops as hard

    x = [float(h.xy[0, 0]) for t, h in follow([path], 1.6, seed) if len(h.id)]
    assert max(x) <= 0.72
    assert min(x) >= 0.28
    assert x[-1] == pytest.approx(0.7, abs=0.003)


def nearest(hands: Hands, position: tuple[float, float]) -> int:
    """The id of the hand at `place`, 0 if none is within 4 % of the width."""
    away = np.hypot(*((hands.xy - position) * [1, 9 / 16]).T)
    return int(hands.id[away.argmin()]) if len(away) and away.min() < 0.04 else 0


def apart(paths: Sequence[Trajectory], t: float, least: float) -> bool:
    """Whether two hands are both in the picture and farther from each other than `least` widths."""
    (x0, y0), (x1, y1) = (path(t) for path in paths)
    inside = all(0.03 < value < 0.97 for value in (x0, y0, x1, y1))
    return inside and np.hypot(x1 - x0, (y1 - y0) * 9 / 16) > least


@pytest.mark.parametrize(("crossings", "least"), [(20, 19), pytest.param(100, 95, marks=pytest.mark.slow)])
def test_hands_that_cross_keep_their_ids(crossings: int, least: int) -> None:
    kept = 0
    for seed in range(crossings):
        rng = np.random.default_rng(seed)
        paths, radius = crossing(rng), rng.uniform(0.03, 0.07)
        said = [(t, h) for t, h in follow(paths, 2, seed, radius=radius) if apart(paths, t, 2.2 * radius)]
        before = [moment for moment in said if moment[0] < 1]
        after = [moment for moment in said if moment[0] > 1]
        was, became = ([nearest(h, path(t)) for path in paths] for t, h in (before[-1], after[min(3, len(after) - 1)]))
        kept += was == became and 0 not in was
    assert kept >= least


# Where it looks


def test_hands_outside_the_region_or_in_an_ignored_part_are_never_followed() -> None:
    left, right = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)], [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
    rng = np.random.default_rng(0)
    maps = [draw_map([(0.25, 0.5), (0.75, 0.5)], 0.05, rng, k / 30) for k in range(10)]
    for node, expected in (
        (Tracker(), [0.25, 0.75]),
        (Tracker(region=left), [0.25]),
        (Tracker(ignore=[right]), [0.25]),
    ):
        node.start()
        said = [node.process(map_, None) for map_ in maps]
        assert max(max(ids(hands), default=0) for hands in said) == len(expected)
        np.testing.assert_allclose(sorted(said[-1].xy[:, 0]), expected, atol=0.02)


def test_a_region_drawn_while_it_runs_is_looked_at_from_then_on() -> None:
    rng = np.random.default_rng(0)
    maps = [draw_map([(0.25, 0.5), (0.75, 0.5)], 0.05, rng, k / 30) for k in range(40)]
    node = tracker()
    before = [node.process(map_, None) for map_ in maps[:10]][-1]
    node.ignore = [[(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]]
    assert not node.changed("ignore")
    after = [node.process(map_, None) for map_ in maps[10:]][-1]
    assert sorted(ids(before)) == [1, 2]
    assert ids(after) == [id_ for id_, x in zip(ids(before), before.xy[:, 0], strict=True) if x < 0.5]


def test_a_region_without_an_area_is_refused() -> None:
    with pytest.raises(ValueError, match="region: expected an area, got points on a line"):
        Tracker(region=[(0, 0), (0.5, 0.5), (1, 1)])
