"""Demo: hands drawn before a room, where the truth says they are."""

import numpy as np
import pytest

from handflow.messages import Frame
from handflow.stages.demo import Demo
from handflow.synthetic.camera_noise import CameraNoise
from handflow.synthetic.scene import CURLS, Scene
from handflow.synthetic.trajectories import crossing

SIZE = (640, 360)


def picture(scene: Scene, t: float) -> np.ndarray:
    out = np.empty((scene.height, scene.width, 3), np.uint8)
    scene.draw(t, out)
    return out


def wall(grey: int = 128) -> np.ndarray:
    return np.full((360, 640, 3), grey, np.uint8)


def held(place: tuple[float, float], seed: int = 1, grey: int = 20) -> Scene:
    """One hand that stays at `place` before a dark wall."""
    return Scene(seed, 1, SIZE, paths=[lambda t: place], picture=wall(grey))


def moment(scene: Scene, is_open: bool) -> float:
    """A time at which the first hand is open, or is a fist."""
    return next(t for t in np.arange(0, 60, 0.1) if scene.truth(t).open[0] == is_open)


# The scene


def test_a_moment_is_drawn_the_same_whatever_was_drawn_before() -> None:
    one, other = Scene(3, 2, SIZE), Scene(3, 2, SIZE)
    for t in (0.0, 5.0, 1.3):
        picture(one, t)
    assert np.array_equal(picture(one, 2.5), picture(other, 2.5))


def test_another_seed_is_another_scene() -> None:
    assert np.abs(picture(Scene(1, 2, SIZE), 1).astype(int) - picture(Scene(2, 2, SIZE), 1)).mean() > 20


def test_the_picture_covers_all_of_what_it_is_drawn_into() -> None:
    scene = Scene(1, 3, (642, 362))  # not a multiple of anything
    out = np.full((362, 642, 3), 77, np.uint8)
    scene.draw(1, out)
    again = np.zeros_like(out)
    scene.draw(1, again)
    assert np.array_equal(out, again)


def test_paths_say_where_hands_are() -> None:
    truth = Scene(1, 2, SIZE, paths=[lambda t: (0.1 * t, 0.5), lambda t: (0.9, 0.2 * t)]).truth(2)
    assert truth.xy == pytest.approx(np.array([[0.2, 0.5], [0.9, 0.4]]))
    assert truth.id.tolist() == [1, 2]


def test_a_hand_is_visible_while_its_middle_is_in_the_picture() -> None:
    scene = Scene(1, 1, SIZE, paths=[lambda t: (0.5, t)])
    assert [bool(scene.truth(t).visible[0]) for t in (-0.1, 0.1, 0.9, 1.1)] == [False, True, True, False]


@pytest.mark.parametrize("is_open", [True, False])
def test_the_hand_fills_its_box_and_only_its_arm_leaves_it(is_open: bool) -> None:
    scene = held((0.5, 0.5))
    t = moment(scene, is_open)
    bright = (picture(scene, t).astype(int) - 20).max(axis=2) > 40  # skin and cloth, not the soft shadow
    radius_px = scene.truth(t).radius[0] * 640
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright[: round(180 + radius_px)].any(axis=0))
    assert rows[0] >= 180 - radius_px - 2
    assert (columns[0], columns[-1]) >= (320 - radius_px - 2, 0)
    assert columns[-1] <= 320 + radius_px + 2
    reached = max(180 - rows[0], 320 - columns[0], columns[-1] - 320)
    assert reached == pytest.approx(radius_px, abs=2.5)  # the longer side touches the box


def test_a_fist_is_smaller_than_an_open_hand() -> None:
    scene = held((0.5, 0.5))
    open_, fist = (scene.truth(moment(scene, is_open)).radius[0] for is_open in (True, False))
    assert 0.4 < fist / open_ < 0.75


def test_hands_look_like_skin() -> None:
    scene = held((0.5, 0.5))
    blue, green, red = picture(scene, moment(scene, True))[176:184, 316:324].reshape(-1, 3).mean(axis=0)
    assert red > green > blue > 30


def test_the_nearer_hand_hides_the_others() -> None:
    scene, alone = (Scene(1, 3, SIZE, paths=[lambda t: (0.5, 0.5)] * 3, picture=wall()) for _ in range(2))
    alone.hands = sorted(alone.hands, key=lambda hand: hand.length)[-1:]
    middle = np.s_[176:184, 316:324]
    assert np.abs(picture(scene, 1)[middle].astype(int) - picture(alone, 1)[middle]).max() <= 3


def test_hands_open_close_leave_and_return() -> None:
    scene = Scene(0, 1)
    truths = [scene.truth(t) for t in np.arange(0, 40, 0.1)]
    assert {float(truth.open[0]) for truth in truths} >= {0.0, 1.0}
    seen = [bool(truth.visible[0]) for truth in truths]
    gone = seen.index(False, seen.index(True))
    assert True in seen[gone:]


def test_hands_move_no_faster_than_people_do() -> None:
    scene = Scene(0, 6)
    xy = np.array([scene.truth(t).xy * [1, 9 / 16] for t in np.arange(0, 30, 1 / 30)])
    speed = np.hypot(*np.moveaxis(np.diff(xy, axis=0), 2, 0)) * 30
    assert 0.3 < speed.max() < 2.5
    assert np.median(speed) < 0.3  # they rest in between


def test_the_back_of_a_hand_is_never_an_open_palm() -> None:
    scene = Scene(0, 4)
    assert scene.hands[3].back
    assert max(scene.truth(t).open[3] for t in np.arange(0, 30, 0.5)) == 0


def test_hands_that_cross_meet_after_one_second_and_part() -> None:
    for seed in range(50):
        paths = crossing(np.random.default_rng(seed))
        gap = {t: np.hypot(*((np.subtract(paths[0](t), paths[1](t))) * [1, 9 / 16])) for t in (0.5, 1.0, 1.5)}
        assert gap[1.0] <= 0.06
        assert min(gap[0.5], gap[1.5]) > gap[1.0]


# The node


def demo(**settings: object) -> Demo:
    made = Demo(**{"size": SIZE, "pace": "max", **settings})  # type: ignore[arg-type]
    made.start()
    return made


def test_it_ends_after_so_many_frames() -> None:
    frames = list(demo(frames=3, hands=1).process())
    assert [frame.image.shape for frame in frames] == [(360, 640, 3)] * 3
    assert frames[0].captured_ns < frames[1].captured_ns < frames[2].captured_ns


def test_it_draws_into_the_slot_it_is_given() -> None:
    node, slots = demo(frames=2, hands=0), []

    def empty(shape: tuple[int, ...], dtype: str) -> np.ndarray:
        slots.append(np.empty(shape, dtype))
        return slots[-1]

    node.empty = empty  # type: ignore[misc]
    assert [frame.image is slot for frame, slot in zip(node.process(), slots, strict=False)] == [True, True]


def test_frames_show_the_moments_at_its_frame_rate() -> None:
    node = demo(frames=4, hands=1, fps=2, noise=0)
    last = list(node.process())[-1]
    assert np.array_equal(last.image, picture(Scene(node.seed, 1, SIZE), 1.5))


@pytest.mark.parametrize("hands", [0, 20])
def test_any_number_of_hands_can_be_shown(hands: int) -> None:
    scene = Scene(2, hands, SIZE)
    assert len(scene.truth(1).id) == hands
    assert Frame(image=picture(scene, 1)).image.shape == (360, 640, 3)


def test_noise_has_the_strength_asked_for_and_no_colour_of_its_own() -> None:
    image = wall()
    CameraNoise(5, SIZE).add(0.1, image)
    assert image.std() == pytest.approx(5, rel=0.05)
    assert image.mean() == pytest.approx(128, abs=0.2)


def test_noise_differs_from_frame_to_frame() -> None:
    noise, first, second = CameraNoise(5, SIZE), wall(), wall()
    noise.add(0, first)
    noise.add(1 / 30, second)
    assert np.abs(first.astype(int) - second).mean() > 3


def test_a_hand_closes_in_steps_too_small_to_see() -> None:
    scene = Scene(0, 1)
    curls = [scene.pose(scene.hands[0], t).curl for t in np.arange(0, 20, 1 / 60)]
    assert max(np.abs(np.diff(curls))) <= 2 / CURLS
