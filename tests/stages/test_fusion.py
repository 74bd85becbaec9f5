"""Hands of several cameras become one set: one id each, from camera to camera, whatever dies or is off."""

from typing import Any

import numpy as np
import pytest
from support.floor import FLOOR, Judge, Walk, arrivals, four_cameras, union_of

from handflow import Hands, Hop, State
from handflow.stages.fusion import Fusion

MS = 1_000_000


def fusion(**settings: Any) -> Fusion:
    node = Fusion(**{"size": FLOOR, **settings})
    node.start()
    return node


def seen(camera: str, t_ms: float, *hands: tuple[int, float, float], **values: Any) -> Hands:
    """What a camera says at a time: ids and places in metres."""
    n = len(hands)
    fields: dict[str, Any] = {
        "state": np.full(n, State.TRACKED),
        "velocity": np.zeros((n, 2)),
        "radius": np.full(n, 0.1 / FLOOR[0]),
        "score": np.full(n, 0.9),
        "open": np.zeros(n),
        "is_open": np.zeros(n, bool),
        "age": np.ones(n),
    }
    return Hands(
        id=np.array([hand[0] for hand in hands]),
        xy=(np.array([hand[1:] for hand in hands]).reshape(-1, 2) / FLOOR),
        width=1200,
        height=800,
        captured_ns=round(1e12 + t_ms * MS),
        hops=[Hop(camera, 0, 0)],
        **fields | values,
    )


def metres(hands: Hands) -> np.ndarray:
    return hands.xy * FLOOR


def last(node: Fusion, *messages: Hands) -> Hands:
    """What it said last, of all these messages."""
    told = [each for each in map(node.process, messages) if each is not None]
    return told[-1]


def test_what_two_cameras_see_at_one_place_is_one_hand() -> None:
    told = last(fusion(), *(seen(c, t, (7, 3 + dx, 4)) for t in range(0, 300, 40) for c, dx in (("a", 0), ("b", 0.1))))
    assert told.id.tolist() == [1]
    assert 2.9 < metres(told)[0, 0] < 3.15


def test_the_better_seen_place_counts_for_more() -> None:
    """Twice the score, and a hand half as large on the floor: nearer to its camera."""
    node = fusion(correct=False)
    sharp, dim = {"score": [0.9], "radius": [0.08 / 12]}, {"score": [0.4], "radius": [0.3 / 12]}
    for t in range(0, 2000, 40):
        told = last(
            node,
            seen("a", t, (1, 3, 4), **sharp),
            seen("b", t + 1, (1, 3.2, 4), **dim),
            seen("a", t + 34, (1, 3, 4), **sharp),
        )
    assert metres(told)[0, 0] == pytest.approx(3, abs=0.05)


def test_an_id_survives_the_way_from_one_camera_to_the_next() -> None:
    node, ids = fusion(), set()
    for t in range(0, 4000, 33):
        x = 2 + t / 1000
        speed = {"velocity": [[1 / 12, 0]]}
        for camera, left, right in (("a", 0, 4.2), ("b", 3.8, 12)):
            place = [(3, x, 4)] if left < x < right else []
            told = node.process(seen(camera, t, *place, **(speed if place else {})))
            ids |= set(told.id.tolist()) if told is not None else set()
    assert ids == {1}


def test_a_hand_between_two_views_is_believed_in_for_a_while_and_then_gone() -> None:
    node = fusion(keep_s=0.5)
    assert last(node, seen("a", 0, (1, 3, 4))).state.tolist() == [State.NEW]
    states = [node.process(seen("a", t)).state.tolist() for t in (100, 300, 500, 700, 900)]  # type: ignore[union-attr]
    assert states == [[State.PREDICTED]] * 2 + [[State.PREDICTED], [State.LEAVING], []]


def test_a_camera_that_dies_takes_nothing_along_that_another_sees() -> None:
    node = fusion()
    for t in range(0, 600, 33):
        node.process(seen("a", t, (1, 3, 4), (2, 6, 4)))
        node.process(seen("b", t + 5, (1, 3.05, 4)))
    told = last(node, *(seen("b", t, (1, 3.05, 4)) for t in range(640, 2000, 33)))
    assert told.id.tolist() == [1]
    assert told.state.tolist() == [State.TRACKED]


def test_cameras_of_different_rates_and_ages_are_predicted_to_one_moment() -> None:
    """One at 30 fps, one at 10 that comes 80 ms late; a hand of 2 m/s."""
    node = fusion()
    speed = {"velocity": [[2 / 12, 0]]}
    for t in range(0, 1500, 33):
        told = node.process(seen("a", t, (1, 1 + 2 * t / 1000, 4), **speed))
        if t % 99 == 0 and t > 80:
            node.process(seen("b", t - 80, (1, 1 + 2 * (t - 80) / 1000, 4), **speed))
    assert told is not None
    assert told.id.tolist() == [1]
    assert metres(told)[0, 0] == pytest.approx(1 + 2 * t / 1000, abs=0.1)


def test_two_hands_near_each_other_that_both_cameras_see_stay_two() -> None:
    node, told = fusion(), Hands()
    for t in range(0, 900, 33):
        for camera, dx in (("a", 0.0), ("b", 0.08)):
            told = node.process(seen(camera, t, (1, 3 + dx, 4), (2, 3.3 + dx, 4))) or told
    assert sorted(told.id.tolist()) == [1, 2]


def test_a_hand_that_was_taken_for_another_is_told_apart_when_they_part() -> None:
    """Each seen by one camera alone, at one place first."""
    node, told = fusion(), Hands()
    for t in range(0, 3000, 33):
        apart = max(0, t - 1000) / 1000
        for camera, side in (("a", -1), ("b", 1)):
            told = (
                node.process(seen(camera, t, (1, 5 + side * apart, 4), velocity=[[side * (apart > 0) / 12, 0]])) or told
            )
    assert len(told.id) == 2


def test_what_one_camera_alone_sees_beside_a_hand_of_others_is_told_when_it_stays() -> None:
    for lasts_ms, ids in ((150, {1}), (400, {1, 2})):
        node, told = fusion(), set()
        for t in range(0, 1200, 33):
            beside = [(9, 3.35, 4)] if 600 < t < 600 + lasts_ms else []
            for camera, more in (("a", beside), ("b", [])):
                said = node.process(seen(camera, t, (1, 3, 4), *more))
                told |= set(said.id.tolist()) if said is not None else set()
        assert told == ids


def test_what_two_cameras_see_beside_a_hand_is_told_at_once() -> None:
    node = fusion()
    for t in range(0, 1000, 33):
        both = [(1, 3, 4), (2, 3.4, 4)] if t > 600 else [(1, 3, 4)]
        told = last(node, seen("a", t, *both), seen("b", t + 1, *both), seen("a", t + 32, *both))
        if t > 660:
            assert sorted(told.id.tolist()) == [1, 2]


def test_a_camera_that_mistakes_one_hand_for_the_other_makes_no_third() -> None:
    """Its tracker goes on with the first hand's id at the second, and sees the first anew."""
    node, told = fusion(), set()
    for t in range(0, 2000, 33):
        share = min(max(0, t - 800) / 300, 1)
        mistaken = [(1, 3 + 0.6 * share, 4), (5, 3, 4)] if share else [(1, 3, 4), (2, 3.6, 4)]
        for camera, hands in (("a", mistaken), ("b", [(1, 3, 4), (2, 3.6, 4)])):
            said = node.process(seen(camera, t, *hands))
            told |= set(said.id.tolist()) if said is not None else set()
    assert told == {1, 2}


def walk_around(node: Fusion, off: complex, cameras: str = "ab") -> None:
    """Five people walk where all the cameras see them; the first camera is off."""
    random = np.random.default_rng(3)
    start, speed = random.uniform(3, 7, (5, 2)), random.uniform(-0.6, 0.6, (5, 2))
    for t in range(0, 16000, 50):
        place = start + 2 * np.sin(speed * t / 1000 + start)
        for camera in cameras:
            by = np.array([off.real, off.imag]) if camera == "a" else np.zeros(2)
            rows = [(k + 1, *(p + by + random.normal(0, 0.03, 2))) for k, p in enumerate(place)]
            node.process(seen(camera, t, *rows))


def test_two_cameras_that_disagree_are_told_with_how_much() -> None:
    node = fusion()
    walk_around(node, 0.6 + 0.3j)
    pair = node.commands["offsets"](None)["pairs"][0]
    assert pair["cameras"] == ["a", "b"]
    np.testing.assert_allclose(pair["offset"], [0.6, 0.3], atol=0.05)
    assert "a and b lie 6" in node.fault
    assert "cm apart" not in node.fault.partition("lie")[0]


def test_of_three_cameras_the_one_that_is_off_is_named_and_corrected() -> None:
    node = fusion()
    walk_around(node, 0.5j, "abc")
    assert node.fault.startswith("calibration: a is off by ")
    assert {name: round(abs(by), 1) for name, by in node.off.items()} == {"a": 0.5, "b": 0.0, "c": 0.0}
    assert len(node.fuser.hands) == 5


def test_pictures_are_laid_side_by_side_where_there_is_no_floor() -> None:
    node = fusion(size=None, place={"a": (0, 0, 0.5, 1), "b": (0.5, 0, 0.5, 1)})
    told = last(node, seen("a", 0, (1, 6, 4)), seen("b", 40, (1, 6, 4)), seen("a", 80, (1, 6, 4)))
    np.testing.assert_allclose(sorted(told.xy.tolist()), [[0.25, 0.5], [0.75, 0.5]], atol=0.01)
    assert (told.width, told.height) == (2400, 800)


def test_ids_go_on_after_a_crash() -> None:
    node = fusion()
    node.persistent["last_id"] = 41
    assert last(node, seen("a", 0, (1, 3, 4))).id.tolist() == [42]


def test_a_source_that_starts_again_is_another_moment() -> None:
    node = fusion()
    node.process(seen("a", 10_000, (1, 3, 4)))
    told = node.process(seen("a", 0, (1, 3, 4)))
    assert told is not None
    assert sorted(zip(told.id.tolist(), told.state.tolist(), strict=True)) == [(1, State.LEAVING), (2, State.NEW)]


def simulate(
    people: int, seconds: float, seed: int, dies: tuple[str, float] = ("", 0.0), hands: int = 1
) -> tuple[Judge, Judge, Fusion]:
    """Ours, and the plain union of what the cameras say, judged from the sixth second on."""
    walk, cameras, node = Walk(people, seconds, seed, hands), four_cameras(10 * seed), fusion()
    ours, union = Judge(walk, cameras), Judge(walk, cameras)
    latest = {}
    for arrival in arrivals(walk, cameras, seconds, dies=dies):
        latest[arrival.camera.name] = arrival
        told = node.process(arrival.hands)

        def alive(name: str, t: float = arrival.t) -> bool:
            return name != dies[0] or t < dies[1]

        if told is not None and arrival.t > 6:
            there = told.state != State.LEAVING
            t = told.captured_ns / 1e9 - 1000
            ours.frame(t, told.id[there].tolist(), metres(told)[there], alive)
            union.frame(arrival.t, *union_of(each for each in latest.values() if alive(each.camera.name)), alive)
    return ours, union, node


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 5, 6])
def test_twenty_people_under_four_cameras(seed: int) -> None:
    """3 pixels of noise, a tenth of the frames lost, clocks 20 ms apart, marks of the calibration 10 cm off."""
    ours, union, _ = simulate(20, 22, seed)
    print(f"\nfusion: {ours.judged.line()}\nunion:  {union.judged.line()}")
    assert np.median(ours.judged.errors_m) <= 0.15
    assert ours.judged.kept >= 0.95 * ours.judged.handed_over
    assert ours.judged.handed_over >= 20
    assert ours.judged.double <= 0.01 * ours.judged.frames


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 16, 17])
def test_two_hands_on_each_of_ten_people_under_four_cameras(seed: int) -> None:
    ours, union, _ = simulate(10, 22, seed, hands=2)
    print(f"\nfusion: {ours.judged.line()}\nunion:  {union.judged.line()}")
    assert np.median(ours.judged.errors_m) <= 0.15
    assert ours.judged.kept >= 0.95 * ours.judged.handed_over
    assert ours.judged.double <= 0.01 * ours.judged.frames


@pytest.mark.slow
def test_a_camera_is_killed_and_its_hands_go_on_in_the_overlap() -> None:
    ours, _, node = simulate(12, 14, 4, ("a", 10.0))
    walk, cameras = ours.walk, ours.cameras
    # Whom others saw all the time from before its death until a second after.
    times = np.arange(9, 11, 0.1)
    others = [camera for camera in cameras if camera.name != "a"]
    for hand in range(walk.path.shape[1]):
        if all(any(camera.sees(walk.at(t), 0.03)[hand] for camera in others) for t in times):
            changes = [t for t, _ in ours.judged.ids[hand] if 9.9 < t < 11.0]
            assert not changes
    assert node.persistent["last_id"] < 60
