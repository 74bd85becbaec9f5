"""Bodies that need no assets."""

import numpy as np
import pytest

from handflow.synthetic.people.bodies.simple import simple_body
from handflow.synthetic.people.bodies.skeleton import INDEX, LEFT_HAND, Skeleton


@pytest.mark.parametrize("seed", range(4))
def test_somebody_is_as_tall_as_people_are_and_stands_on_the_ground(seed: int) -> None:
    posed = simple_body(np.random.default_rng(seed)).posed({}, 2.0)
    assert posed.positions[:, 1].min() == pytest.approx(0, abs=1e-5)
    assert 0.95 < posed.positions[:, 1].max() < 2.1


def test_the_same_seed_is_the_same_person() -> None:
    first, second = (simple_body(np.random.default_rng(7)).meshes[0] for _ in range(2))
    assert np.array_equal(first.position, second.position)
    assert np.array_equal(first.tint, second.tint)


def test_left_and_right_hand_are_told_apart() -> None:
    mesh = simple_body(np.random.default_rng(1)).meshes[0]
    assert (mesh.position[mesh.hand == 1][:, 0] > 0.2).all()
    assert (mesh.position[mesh.hand == 2][:, 0] < -0.2).all()


def test_far_away_a_body_has_fewer_triangles_and_the_same_place() -> None:
    near, _, far = simple_body(np.random.default_rng(1)).meshes
    assert len(far.triangles) < 0.6 * len(near.triangles)
    assert np.ptp(far.position, axis=0) == pytest.approx(np.ptp(near.position, axis=0), abs=0.03)


def test_gloves_cover_the_hands_alone() -> None:
    body = simple_body(np.random.default_rng(1))
    changed = (body.gloved([1, 0, 0]).meshes[0].tint != body.meshes[0].tint).any(axis=1)
    assert np.array_equal(changed, body.meshes[0].hand > 0)


def test_who_hides_the_hands_has_none() -> None:
    mesh = simple_body(np.random.default_rng(1)).without_hands().meshes[0]
    assert not (mesh.hand[mesh.triangles] > 0).any()


def test_palms_look_at_the_body_and_thumbs_ahead() -> None:
    skeleton: Skeleton = simple_body(np.random.default_rng(2)).skeleton
    for side, outwards in (("L", 1), ("R", -1)):
        arm = skeleton.arms[side]
        assert arm.palm[0] * outwards < -0.5
        assert arm.across[2] > 0.9


def test_a_bone_takes_along_what_hangs_on_it() -> None:
    body = simple_body(np.random.default_rng(1))
    bent = {INDEX["upperarm01.L"]: np.diag([1.0, -1, -1])}
    moved = body.posed(bent, 2.0).joints[LEFT_HAND] - body.posed({}, 2.0).joints[LEFT_HAND]
    assert (moved[:, 1] > 0.3).all()
