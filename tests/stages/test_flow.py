"""Frame -> Flow: sign, order and scale by shifts whose answers are known."""

import cv2
import numpy as np
import pytest

from handflow import Flow, Frame
from handflow.stages.flow import OpticalFlow, grid, small_grey

MS = 10**6


def texture(width: int, height: int) -> np.ndarray:
    """Soft blotches (height, width, 3), the same at each call, with room to be shifted."""
    noise = np.random.default_rng(1).uniform(0, 255, (height, width, 3)).astype(np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), width / 80)
    return cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)


def started(**settings: float) -> OpticalFlow:
    node = OpticalFlow(**settings)
    node.start()
    return node


def frame(image: np.ndarray, at_ms: float, stream: int = 1) -> Frame:
    return Frame(image=image, captured_ns=round(at_ms * MS), stream=stream)


def shifted(right: int, down: int, width: int = 1280, height: int = 720) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and the same one after all in it moved `right` and `down` pixels."""
    wide = texture(width + 100, height + 100)
    return wide[50 : 50 + height, 50 : 50 + width], wide[
        50 - down : 50 - down + height, 50 - right : 50 - right + width
    ]


def flow_of(before: np.ndarray, after: np.ndarray) -> Flow:
    node = started()
    assert node.process(frame(before, 1000)) is None
    flow = node.process(frame(after, 1033))
    assert flow is not None
    return flow


@pytest.mark.parametrize(
    ("right", "down", "x", "y"),
    [
        (32, 0, 0.025, 0.0),  # 32 of 1280 pixels
        (0, 18, 0.0, 0.025),  # 18 of 720 pixels
        (-32, -36, -0.025, -0.05),
    ],
)
def test_a_picture_that_moves_right_and_down_has_positive_x_and_y(right: int, down: int, x: float, y: float) -> None:
    flow = flow_of(*shifted(right, down))
    inner = flow.vectors[6:-6, 8:-8].reshape(-1, 2)
    assert np.median(inner, axis=0) == pytest.approx([x, y], abs=0.0005)
    assert np.abs(inner - [x, y]).mean() < 0.002


def test_a_patch_moves_where_it_was_and_the_rest_stays() -> None:
    before = texture(1280, 720)
    patch = texture(200, 200)[:, ::-1]
    after = before.copy()
    before[260:460, 320:520] = patch
    after[260:460, 352:552] = patch  # 32 pixels to the right: 0.025 of the width
    flow = flow_of(before, after)
    middle = flow.vectors[round(360 / 16), round(420 / 16)]  # a cell is 16 pixels
    assert middle == pytest.approx([0.025, 0], abs=0.002)
    assert np.abs(flow.vectors[:, 60:]).max() < 0.002


def test_the_span_begins_at_the_last_frame_that_was_seen() -> None:
    node = started()
    node.process(frame(texture(320, 180), 1000))
    flow = node.process(frame(texture(320, 180), 1066))
    assert flow is not None
    assert flow.since_ns == 1000 * MS


@pytest.mark.parametrize(
    ("width", "height", "rows", "columns"), [(1280, 720, 45, 80), (640, 480, 60, 80), (366, 640, 80, 46)]
)
def test_the_grid_has_the_aspect_of_the_picture(width: int, height: int, rows: int, columns: int) -> None:
    flow = flow_of(texture(width, height), texture(width, height))
    assert flow.vectors.shape == (rows, columns, 2)


def test_a_narrow_strip_still_has_a_flow() -> None:
    flow = flow_of(*shifted(32, 0, width=1280, height=60))
    assert np.median(flow.vectors[..., 0]) == pytest.approx(0.025, abs=0.002)


def test_the_first_frame_of_a_restarted_source_has_no_flow() -> None:
    node = started()
    node.process(frame(texture(320, 180), 1000, stream=1))
    assert node.process(frame(texture(320, 180), 1033, stream=2)) is None
    assert node.process(frame(texture(320, 180), 1066, stream=2)) is not None


def test_of_several_cameras_each_is_compared_with_itself() -> None:
    node, (before, after) = started(), shifted(32, 0)
    assert node.process(frame(before, 1000, stream=1)) is None
    assert node.process(frame(after, 1010, stream=2)) is None
    flow, still = node.process(frame(after, 1033, stream=1)), node.process(frame(after, 1043, stream=2))
    assert flow is not None
    assert np.median(flow.vectors[6:-6, 8:-8, 0]) == pytest.approx(0.025, abs=0.0005)
    assert still is not None
    assert not still.vectors.any()


def test_a_frame_of_another_size_has_no_flow() -> None:
    node = started()
    node.process(frame(texture(320, 180), 1000))
    assert node.process(frame(texture(320, 240), 1033)) is None
    assert node.process(frame(texture(320, 240), 1066)) is not None


@pytest.mark.parametrize("later_ms", [600, 0, -33])
def test_after_a_gap_or_a_step_back_in_time_there_is_no_flow(later_ms: float) -> None:
    node = started()
    node.process(frame(texture(320, 180), 1000))
    assert node.process(frame(texture(320, 180), 1000 + later_ms)) is None


def test_the_grid_holds_the_mean_of_four_pixels_as_shares_of_the_sides() -> None:
    pixels = np.zeros((4, 8, 2), np.float32)
    pixels[0:2, 2:4] = [[[1, 2], [3, 2]], [[1, 4], [3, 4]]]  # mean (2, 3) in row 0, column 1
    found = grid(pixels)
    assert found.shape == (2, 4, 2)
    assert found[0, 1] == pytest.approx([2 / 8, 3 / 4])
    assert found[1, 3] == pytest.approx([0, 0])


def test_the_small_picture_is_grey_and_keeps_the_brightness() -> None:
    grey = small_grey(np.full((720, 1280, 3), 90, np.uint8), 160)
    assert grey.shape == (90, 160)
    assert (grey == 90).all()


def test_the_picture_may_be_overwritten_after_process() -> None:
    before, after = shifted(32, 0)
    slot = before.copy()
    node = started()
    node.process(frame(slot, 1000))
    slot[:] = after
    flow = node.process(frame(slot, 1033))
    assert flow is not None
    assert np.median(flow.vectors[..., 0]) == pytest.approx(0.025, abs=0.001)


def test_where_nothing_moves_nothing_is_searched_and_the_first_motion_is() -> None:
    node = started()
    still, moved = shifted(32, 0)
    said = [node.process(frame(still, 1000 + 33 * k)) for k in range(10)]
    assert all(flow is not None and not flow.vectors.any() for flow in said[1:])
    flow = node.process(frame(moved, 1330))
    assert flow is not None
    assert np.median(flow.vectors[6:-6, 8:-8, 0]) == pytest.approx(0.025, abs=0.001)
    assert flow.since_ns == round(1297 * MS)
