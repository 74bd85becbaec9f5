"""Where people stand and walk."""

import numpy as np
import pytest

from handflow.synthetic.people import lights
from handflow.synthetic.people.assets import Cast, held_out, of_split
from handflow.synthetic.people.backgrounds import EmptyView, Standpoint
from handflow.synthetic.people.bodies.simple import simple_body
from handflow.synthetic.people.camera import PinholeCamera
from handflow.synthetic.people.movement.movement import Movement
from handflow.synthetic.people.parts import PartsList
from handflow.synthetic.people.sensor import SensorLook
from handflow.synthetic.people.strangers import THING_OWNER, Stranger, positions, within

SQUARE = np.array([[-2, 0, -8.0], [2, 0, -8.0], [2, 0, -4.0], [-2, 0, -4.0]])


def view(standpoint: Standpoint = "square", pitch: float = -0.2, **rest: np.ndarray) -> EmptyView:
    return EmptyView(
        picture=np.zeros((360, 640, 3), np.float32),
        camera=PinholeCamera.level((640, 360), 0.8, pitch, 3.0),
        light=lights.daylight(np.random.default_rng(0), overcast=True),
        look=SensorLook(0.5, 0.01),
        standpoint=standpoint,
        group="x",
        **rest,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(("standpoint", "pitch"), [("square", -0.2), ("street", -0.1), ("ceiling", -1.4)])
def test_people_stand_apart_in_sight_with_hands_of_the_size_asked_for(standpoint: Standpoint, pitch: float) -> None:
    seen = view(standpoint, pitch)
    found = np.array(positions(np.random.default_rng(1), seen, 6))
    assert len(found) >= 4
    assert found[:, 1] == pytest.approx(0)
    pixels, depth = seen.camera.project(found + np.array([0, 1.2, 0]))
    assert ((pixels > 0) & (pixels < (640, 360))).all()
    assert (0.19 * 0.8 / depth).max() < 0.2
    apart = np.linalg.norm(found[:, None] - found, axis=2) + 9 * np.eye(len(found))
    assert apart.min() > 0.6


def test_nobody_stands_beyond_the_walls() -> None:
    found = np.array(positions(np.random.default_rng(1), view(bounds=SQUARE), 8))
    assert len(found) > 2
    assert within(found, SQUARE).all()


def test_most_stand_on_the_surface() -> None:
    inside = [
        within(np.array(positions(np.random.default_rng(seed), view(region=SQUARE), 4)), SQUARE).mean()
        for seed in range(20)
    ]
    assert np.mean(inside) > 0.6


def test_who_walks_comes_back_and_never_jumps() -> None:
    body = simple_body(np.random.default_rng(0))
    movement = Movement(body, [1], "walk", 1.0)
    walker = Stranger(0, body, movement, np.array([1.0, 0, -6]), 0.7, 1.3, 6.0, [])
    moments = [walker.at(n / 30) for n in range(600)]
    steps = np.diff([moment.position for moment in moments], axis=0)
    assert np.linalg.norm(steps, axis=1).max() < 1.3 / 30 + 1e-6
    assert np.abs(np.diff([moment.heading_rad for moment in moments])).max() < 0.4
    away = np.linalg.norm([moment.position - walker.position for moment in moments], axis=1)
    assert 2.5 < away.max() < 3.01


@pytest.mark.parametrize("thing", [True, False])
def test_people_move_and_statues_do_not(thing: bool) -> None:
    body = simple_body(np.random.default_rng(0))
    stands = Movement(body, [1], "stand", 1.0, fixed="wave_high")
    stranger = Stranger(0, body, stands, np.array([0, 0, -6.0]), 0.0, 0.0, 0.0, [], thing)
    eye = np.array([0, 2.0, 0])
    first, later = (stranger.add_to(PartsList(), t, eye) for t in (0.0, 0.3))
    moved = np.abs(later.hands[0].vertices - first.hands[0].vertices).max()
    assert (moved == 0) == thing
    assert first.hands[0].owner == (THING_OWNER if thing else 1)


def test_the_halves_of_a_split_share_no_name() -> None:
    names = [f"place {n}" for n in range(200)]
    train, held = of_split(names, "train"), of_split(names, "held-out")
    assert set(train) | set(held) == set(names)
    assert not set(train) & set(held)
    assert 30 < len(held) < 70
    assert of_split(["alone"], "train") == of_split(["alone"], "held-out") == ["alone"]
    assert held_out(held[0])


def test_other_people_are_held_out() -> None:
    train, held = (
        {tuple(Cast(None, split).somebody(np.random.default_rng(n)).skeleton.heads[5]) for n in range(8)}
        for split in ("train", "held-out")
    )
    assert not train & held
