"""Surface: corners, velocities, borders and zones, worked out by hand or against OpenCV."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.surfaces import FPS, HALF, LEFT, RIGHT, SIZE, SQUARE, hands_at, surface, walk

from handflow import Hands, State
from handflow.stages.surface import Surface
from handflow.vision.homography import MIN_HEIGHT, Corners, corners_fault, homography, slopes, warp

FLOOR: Corners = ((0.3, 0.4), (0.7, 0.35), (0.95, 0.9), (0.1, 0.8))  # seen at an angle, a little turned


def states(said: Sequence[Hands]) -> list[list[int]]:
    return [hands.state.tolist() for hands in said]


# The map


@st.composite
def corners(draw: st.DrawFn) -> Corners:
    """A quadrangle that is not refused, with a corner on each side of a point in the picture."""
    middle, reach = st.floats(0.2, 0.8), st.floats(0.002, 0.7)
    x, y = draw(middle), draw(middle)
    found: Any = tuple((x + a * draw(reach), y + b * draw(reach)) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    assume(corners_fault(found) is None)
    return found


@settings(deadline=None)
@given(corners())
def test_corners_that_are_not_refused_map_to_the_unit_square(corners: Corners) -> None:
    np.testing.assert_allclose(warp(homography(corners), np.array(corners)), SQUARE, atol=1e-6)


def test_the_map_is_opencvs() -> None:
    points = np.random.default_rng(0).random((50, 2)) * 0.3 + [0.35, 0.45]
    theirs = cv2.getPerspectiveTransform(np.float32(FLOOR), np.float32(SQUARE))
    expected = cv2.perspectiveTransform(points[None], theirs)[0]
    np.testing.assert_allclose(warp(homography(FLOOR), points), expected, atol=1e-5)


def test_hands_in_the_corners_are_told_in_the_corners() -> None:
    told = surface(corners=FLOOR, outside="clamp").process(hands_at(*FLOOR))
    np.testing.assert_allclose(told.xy, SQUARE, atol=1e-6)


@settings(deadline=None)
@given(corners(), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_velocity_is_the_change_of_the_place(corners: Corners, x: float, y: float) -> None:
    """Within 2 % of the finite difference, anywhere on the surface and in any direction."""
    matrix = homography(corners)
    at = warp(np.linalg.inv(matrix), np.array([(x, y)]))
    step = 1e-6
    for direction in np.array([(1, 0), (0, 1), (0.6, -0.8)]):
        difference = (warp(matrix, at + step * direction) - warp(matrix, at - step * direction))[0] / (2 * step)
        told = slopes(matrix, at)[0] @ direction
        assert np.hypot(*(told - difference)) <= 0.02 * np.hypot(*difference)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("outside", ["leave_out", "clamp"])
def test_a_moving_hands_velocity_is_the_change_of_what_is_told(outside: str, mirror: bool) -> None:
    """Across the floor and, where it is held at the border, along that."""
    speed, step_s = np.array([0.9, 0.35]), 1 / 60  # from beside the floor across it to beside it
    node = surface(corners=FLOOR, outside=outside, mirror=mirror)
    said = []
    for k in range(60):
        position = np.array([0.05, 0.4]) + k * step_s * speed
        said.append(node.process(hands_at((position[0], position[1]), frame=k * step_s * FPS, velocity=[speed])))
    there = [hands for hands in said if hands.state.tolist() not in ([], [State.LEAVING])]
    checked = 0
    for before, now, after in zip(there, there[1:], there[2:], strict=False):
        first, second = (now.xy - before.xy)[0], (after.xy - now.xy)[0]
        if np.hypot(*(first - second)) > 0.05 * np.hypot(*first):
            continue  # it comes to a border just now: there is no one velocity
        difference = (first + second) / (2 * step_s)
        assert np.hypot(*(now.velocity[0] - difference)) <= 0.02 * np.hypot(*difference) + 1e-4
        checked += np.hypot(*difference) > 0.1
    assert checked > 15


def test_a_radius_keeps_the_hands_share_of_the_area() -> None:
    """Twice as large on a surface that takes half of the picture's width and height; at an angle the area counts."""
    assert surface(corners=HALF).process(hands_at((0.5, 0.5))).radius[0] == pytest.approx(0.04, rel=1e-5)
    # half the width, all of the height: areas double, and widths count twice as much
    high = ((0.25, 0.0), (0.75, 0.0), (0.75, 1.0), (0.25, 1.0))
    told = surface(corners=high, size=(800, 900)).process(hands_at((0.5, 0.5)))
    assert told.radius[0] == pytest.approx(0.04, rel=1e-5)


def test_the_proportions_are_the_surfaces() -> None:
    told = surface(corners=FLOOR, size=(4.0, 3.0)).process(hands_at((0.5, 0.6)))
    assert told.width / told.height == pytest.approx(4 / 3)
    assert surface(corners=FLOOR).process(hands_at((0.5, 0.6))).height == SIZE[1]


def test_mirror_changes_left_and_right() -> None:
    hand = hands_at((0.45, 0.6), velocity=[(0.1, 0.2)])
    plain, mirrored = (surface(corners=FLOOR, mirror=m).process(hand) for m in (False, True))
    np.testing.assert_allclose(mirrored.xy, [1, 0] + plain.xy * [-1, 1], atol=1e-6)
    np.testing.assert_allclose(mirrored.velocity, plain.velocity * [-1, 1], atol=1e-6)


def test_what_the_surface_does_not_change_goes_on_as_it_came() -> None:
    hand = hands_at((0.5, 0.5), score=[0.7], open=[0.3], is_open=[False], age=[4], state=[State.PREDICTED])
    node = surface(corners=HALF)
    node.process(hands_at((0.5, 0.5)))
    told = node.process(hand)
    for name in ("score", "open", "is_open", "age", "state"):
        assert getattr(told, name).tolist() == getattr(hand, name).tolist()


# Corners that are refused


@pytest.mark.parametrize(
    ("corners", "line"),
    [
        ([(0, 0), (1, 1), (1, 0), (0, 1)], "got sides that cross"),
        ([(0, 0), (1, 0), (0.5, 0.5 - MIN_HEIGHT / 2), (0, 1)], "corner 3 at .* on a line with two others"),
        ([(0, 0), (1, 0), (0.3, 0.3), (0, 1)], "corner 3 at .* between the others"),
        ([(0, 0), (1, 0), (1, 0), (0, 1)], "on a line with two others"),
        ([(0.5, 0.5)] * 4, "on a line with two others"),
        ([(0, 0.1), (0.3, 0.1), (0.6, 0.1), (0.9, 0.1)], "on a line with two others"),
    ],
)
def test_corners_of_no_rectangle_are_refused_in_one_line(corners: list, line: str) -> None:
    with pytest.raises(ValueError, match=f"^corners: .*{line}") as refused:
        Surface(corners=tuple(corners))
    assert "\n" not in str(refused.value)


def test_corners_may_go_around_the_other_way() -> None:
    """A camera that looks out from the screen sees its left on the right."""
    told = surface(corners=(HALF[1], HALF[0], HALF[3], HALF[2])).process(hands_at((0.3, 0.3)))
    np.testing.assert_allclose(told.xy, [(0.9, 0.1)], atol=1e-6)


# Borders


def test_a_hand_that_walks_off_leaves_once_and_is_new_when_it_comes_back() -> None:
    said = walk(surface(corners=HALF, linger_s=0), [(0.7, 0.5), (0.9, 0.5), (0.9, 0.5), (0.7, 0.5), (0.7, 0.5)])
    assert states(said) == [[State.NEW], [State.LEAVING], [], [State.NEW], [State.TRACKED]]
    assert [hands.id.tolist() for hands in said] == [[1], [1], [], [2], [2]]
    np.testing.assert_allclose(said[1].xy, [(0.9, 0.5)], atol=1e-6)  # as it was last


def test_a_hand_that_the_tracker_gives_up_or_no_longer_names_leaves_once() -> None:
    node = surface(corners=HALF)
    node.process(hands_at((0.4, 0.5), (0.6, 0.5)))
    told = node.process(hands_at((0.4, 0.5), frame=1, state=[State.LEAVING]))
    assert sorted(told.id.tolist()) == [1, 2]
    assert told.state.tolist() == [State.LEAVING, State.LEAVING]
    assert node.process(hands_at(frame=2)).id.tolist() == []


def test_ids_go_on_after_a_restart() -> None:
    first = surface(corners=HALF)
    first.process(hands_at((0.5, 0.5), (0.6, 0.6)))
    second = Surface(corners=HALF)
    second.persistent.update(first.persistent)
    second.start()
    assert second.process(hands_at((0.5, 0.5))).id.tolist() == [3]


def test_a_hand_at_the_border_does_not_flicker() -> None:
    """It trembles by 0.5 % of the picture's width around the surface's edge."""
    tremble = [(0.75 + 0.005 * (-1) ** k, 0.5) for k in range(1, 60)]
    said = walk(surface(corners=HALF, linger_s=0), tremble)
    assert states(said) == [[State.NEW]] + [[State.TRACKED]] * 58
    assert all(hands.xy.max() <= 1 for hands in said)


def test_a_hand_that_is_off_for_a_moment_has_not_left() -> None:
    said = walk(surface(corners=HALF, linger_s=0.1), [(0.7, 0.5), (0.9, 0.5), (0.9, 0.5), (0.7, 0.5)])
    assert states(said) == [[State.NEW]] + [[State.TRACKED]] * 3


def test_a_hand_beside_the_surface_is_held_at_its_border_if_wished() -> None:
    said = walk(surface(corners=HALF, outside="clamp"), [(0.1, 0.5), (0.9, 0.0), (0.5, 0.9)])
    np.testing.assert_allclose([hands.xy[0] for hands in said], [(0, 0.5), (1, 0), (0.5, 1)], atol=1e-6)
    assert [hands.id.tolist() for hands in said] == [[1]] * 3


def test_a_hand_above_the_horizon_is_held_at_the_far_border() -> None:
    """The sides meet in the picture at (0.5, 0.3): what is above it maps to behind the camera."""
    floor = ((0.4, 0.5), (0.6, 0.5), (0.8, 0.9), (0.2, 0.9))
    told = surface(corners=floor, outside="clamp").process(hands_at((0.5, 0.1), (0.45, 0.0)))
    np.testing.assert_allclose(told.xy[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(told.xy[:, 0], [0.5, 0.25], atol=1e-6)
    assert surface(corners=floor).process(hands_at((0.5, 0.1))).id.tolist() == []


def test_a_hand_without_a_finite_place_is_nowhere() -> None:
    for outside in ("leave_out", "clamp"):
        node = surface(corners=HALF, outside=outside)
        assert node.process(hands_at((np.nan, 0.5), (0.5, 0.5), (np.inf, 0))).id.tolist() == [1]


# While it runs


def test_hands_stay_who_they_are_when_it_is_calibrated() -> None:
    node = surface(corners=FLOOR, zones=[RIGHT])
    first = node.process(hands_at((0.45, 0.6)))
    for name, value in (("corners", HALF), ("mirror", True), ("zones", [LEFT, RIGHT]), ("size", (1.0, 1.0))):
        setattr(node, name, value)
        assert not node.changed(name)
    told = node.process(hands_at((0.45, 0.6), frame=1))
    assert (told.id.tolist(), told.state.tolist()) == (first.id.tolist(), [State.TRACKED])
    np.testing.assert_allclose(told.xy, [(0.6, 0.7)], atol=1e-6)
    assert told.zone.tolist() == [1]
    assert told.width == told.height
    assert told.zones == ["left", "right"]
    assert told.zone_s.tolist() == [0]


# Whatever comes


@st.composite
def messages(draw: st.DrawFn) -> list[Hands]:
    """A tracker that has lost its mind: any ids, states and places, again and again."""
    number = st.floats(-2, 3, width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 1e30])
    made = []
    for frame in range(draw(st.integers(1, 6))):
        n = draw(st.integers(0, 5))
        rows = st.lists(number, min_size=n, max_size=n)
        made.append(
            hands_at(
                *zip(draw(rows), draw(rows), strict=True),
                frame=frame * draw(st.sampled_from([1, 0, -1, 1000])),
                id=draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)),
                state=draw(st.lists(st.sampled_from(State), min_size=n, max_size=n)),
                velocity=np.array(draw(rows)).repeat(2).reshape(n, 2),
                radius=draw(rows),
            )
        )
    return made


@settings(deadline=None, max_examples=60)
@given(messages(), st.sampled_from(["leave_out", "clamp"]))
def test_whatever_comes_each_hand_is_new_once_leaves_once_and_stays_on_the_surface(
    said: list[Hands], outside: str
) -> None:
    node = surface(corners=FLOOR, outside=outside, zones=[LEFT, RIGHT])
    there: set[int] = set()
    ever: set[int] = set()
    with np.errstate(all="ignore"):
        for hands in said:
            told = node.process(hands)
            assert ((told.xy >= 0) & (told.xy <= 1)).all()
            ids = told.id.tolist()
            assert len(set(ids)) == len(ids)
            now = {id_ for id_, state in zip(ids, told.state, strict=True) if state != State.LEAVING}
            new = {id_ for id_, state in zip(ids, told.state, strict=True) if state == State.NEW}
            assert new == now - there
            assert not new & ever
            assert set(ids) - now == there - now
            there = now
            ever |= now
