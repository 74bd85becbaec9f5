"""How people move: alike for the same key, smoothly, arms where they should be."""

import numpy as np
import pytest

from handflow.synthetic.people.bodies.body import PosedBody
from handflow.synthetic.people.bodies.simple import simple_body
from handflow.synthetic.people.bodies.skeleton import INDEX
from handflow.synthetic.people.movement.arm_kinds import ARM_KINDS, choose
from handflow.synthetic.people.movement.movement import Legs, Movement

BODY = simple_body(np.random.default_rng(5))
AHEAD = np.array([0, 0, 1.0])


def posed(movement: Movement, t: float, walked_m: float = 0.0) -> PosedBody:
    return BODY.posed(movement.at(t, walked_m, AHEAD).rotations, 10.0)


def wrists(body: PosedBody) -> np.ndarray:
    return body.joints[[INDEX["wrist.L"], INDEX["wrist.R"]]]


@pytest.mark.parametrize("legs", ["stand", "walk", "sit"])
def test_the_same_key_and_moment_is_the_same_pose(legs: Legs) -> None:
    first, second = (posed(Movement(BODY, [3, 4], legs, 2.0), 1.7).positions for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("seed", range(2))
def test_nobody_jumps_from_frame_to_frame(seed: int) -> None:
    movement = Movement(BODY, [seed], "walk", 8.0)
    places = np.array([wrists(posed(movement, n / 30, 1.3 * n / 30)) for n in range(60, 120)])
    assert np.linalg.norm(np.diff(places, axis=0), axis=2).max() < 0.25


@pytest.mark.parametrize("kind", ["hang", "bag", "pocket"])
def test_hands_that_hang_are_at_the_hips(kind: str) -> None:
    movement = Movement(BODY, [1], "stand", 1.0, fixed=kind)
    hip = BODY.skeleton.hip_m
    assert abs(wrists(posed(movement, 5.0))[0][1] - hip) < 0.3


@pytest.mark.parametrize("kind", ["wave_high", "stop", "wave_low"])
def test_a_waved_palm_faces_the_camera(kind: str) -> None:
    faces = [Movement(BODY, [n], "stand", 1.0, fixed=kind).at(9.0, 0, AHEAD).hands["L"].palm @ AHEAD for n in range(12)]
    assert np.median(faces) > 0.75


def test_who_sits_is_lower() -> None:
    seated, standing = (posed(Movement(BODY, [2], legs, 1.0), 0.0) for legs in ("sit", "stand"))
    assert seated.positions[:, 1].max() < standing.positions[:, 1].max() - 0.25


def test_feet_walk_in_turns() -> None:
    movement = Movement(BODY, [2], "walk", 1.0)
    half = movement.stride_m / 2
    ahead = [
        (body.joints[INDEX["foot.L"]] - body.joints[INDEX["foot.R"]])[2]
        for body in (posed(movement, 0.0, walked) for walked in np.arange(8) * half / 4)
    ]
    assert max(ahead) > 0.3
    assert min(ahead) < -0.3


def test_lively_people_wave_more() -> None:
    rng = np.random.default_rng(0)
    counts = [
        sum(any(ARM_KINDS[kind].lively for kind in choose(rng, lively)) for _ in range(300)) for lively in (0.3, 15)
    ]
    assert counts[0] < 60
    assert counts[1] > 150
