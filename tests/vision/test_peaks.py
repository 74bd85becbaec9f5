"""Where peaks lie: maps drawn by hand, places worked out by hand."""

import numpy as np
import pytest

from handflow import Heatmap
from handflow.vision.peaks import Peaks, distinct, find_peaks


def heatmap(values, scale=None, shift=(0.0, 0.0), radius=1.0, opens=None, offset=None):
    values = np.asarray(values, np.float32)
    rows, columns = values.shape
    return Heatmap(
        values=values,
        open=np.zeros_like(values) if opens is None else opens,
        radius=np.full_like(values, radius),
        offset=np.zeros((rows, columns, 2), np.float32) if offset is None else offset,
        scale=np.array(scale or (1 / columns, 1 / rows)),
        shift=np.array(shift),
        width=640,
        height=360,
    )


def blob(x, y, sigma=0.8, columns=80, rows=45, height=0.9):
    """A Gaussian around (x, y), in cells from the map's corner."""
    dx = np.arange(columns) + 0.5 - x
    dy = np.arange(rows)[:, None] + 0.5 - y
    return height * np.exp(-(dx**2 + dy**2) / (2 * sigma**2))


@pytest.mark.parametrize(("x", "y"), [(20.5, 10.5), (20.7, 10.4), (33.05, 7.9), (60.99, 40.2)])
def test_the_log_parabola_finds_a_gaussian_to_a_fiftieth_of_a_cell(x, y):
    peaks = find_peaks(heatmap(blob(x, y)), 0.3)
    assert peaks.xy * [80, 45] == pytest.approx(np.array([[x, y]]), abs=0.02)


def test_the_weighted_mean_is_the_centre_of_gravity_of_nine_cells():
    values = np.zeros((9, 9))
    values[4, 4], values[4, 5], values[3, 4] = 0.8, 0.4, 0.4
    peaks = find_peaks(heatmap(values), 0.3, "mean")  # x: 4.5 + 0.4 / 1.6, y: 4.5 - 0.4 / 1.6
    assert peaks.xy[0] * 9 == pytest.approx([4.75, 4.25])


def test_the_offset_map_says_where_in_its_cell_a_hand_is():
    offset = np.zeros((45, 80, 2), np.float32)
    offset[10, 20] = [0.3, -0.2]
    peaks = find_peaks(heatmap(blob(20.5, 10.5), offset=offset), 0.3, "offset")
    assert peaks.xy[0] * [80, 45] == pytest.approx([20.8, 10.3], abs=1e-5)


def test_peaks_come_best_first():
    values = np.maximum.reduce(
        [blob(10.5, 10.5, height=0.5), blob(40.5, 10.5, height=0.9), blob(70.5, 30.5, height=0.7)]
    )
    assert find_peaks(heatmap(values), 0.3).score == pytest.approx([0.9, 0.7, 0.5])


def test_a_lower_peak_two_cells_away_is_part_of_the_higher_one():
    values = np.zeros((20, 20))
    values[10, 10], values[10, 12] = 0.9, 0.8
    assert len(find_peaks(heatmap(values), 0.3).score) == 1


def test_a_lower_peak_three_cells_away_is_a_hand_of_its_own():
    values = np.zeros((20, 20))
    values[10, 10], values[10, 13] = 0.9, 0.8
    assert len(find_peaks(heatmap(values), 0.3).score) == 2


def test_two_equal_neighbours_are_one_peak_between_them():
    values = np.zeros((20, 20))
    values[10, 10] = values[10, 11] = 0.9
    values[10, 9] = values[10, 12] = 0.3
    peaks = find_peaks(heatmap(values), 0.2)
    assert peaks.xy * 20 == pytest.approx(np.array([[11.0, 10.5]]), abs=1e-4)


def test_a_map_that_is_equal_everywhere_is_one_peak():
    assert len(find_peaks(heatmap(np.ones((45, 80))), 0.3).score) == 1


def test_a_wide_plateau_is_one_peak():
    values = np.zeros((45, 80))
    values[20:29, 30:50] = 0.8
    assert len(find_peaks(heatmap(values), 0.3).score) == 1


def test_what_does_not_reach_the_least_score_is_no_peak():
    values = np.zeros((20, 20))
    values[5, 5], values[15, 15] = 0.5, 0.49
    assert find_peaks(heatmap(values), 0.5).xy * 20 == pytest.approx(np.array([[5.5, 5.5]]))


def test_an_empty_map_has_no_peaks_but_the_right_shapes():
    peaks = find_peaks(heatmap(np.zeros((45, 80))), 0.3)
    assert [a.shape for a in peaks] == [(0, 2), (0,), (0,), (0,)]
    assert [a.dtype for a in peaks] == [np.float32] * 4


def test_a_peak_in_the_letterbox_bars_is_dropped():
    # A square picture in the middle 40 of 80 columns: columns 0..19 and 60..79 are bars.
    values = np.maximum(blob(5.5, 20.5), blob(40.5, 20.5))
    peaks = find_peaks(heatmap(values, scale=(1 / 40, 1 / 45), shift=(-0.5, 0.0)), 0.3)
    assert peaks.xy == pytest.approx(np.array([[20.5 / 40, 20.5 / 45]]), abs=1e-3)


def test_a_peak_just_over_the_edge_lies_on_the_edge():
    values = blob(19.6, 20.5)  # 0.4 cells left of the picture's edge
    peaks = find_peaks(heatmap(values, scale=(1 / 40, 1 / 45), shift=(-0.5, 0.0)), 0.3)
    assert peaks.xy[0, 0] == 0.0


def test_a_peak_in_the_corner_cell_stays_in_it():
    values = np.zeros((20, 20))
    values[0, 0], values[0, 1] = 0.9, 0.5
    x, y = find_peaks(heatmap(values), 0.3).xy[0] * 20
    assert 0 <= x <= 1
    assert y == 0.5


def test_the_radius_is_in_parts_of_the_pictures_width():
    assert find_peaks(heatmap(blob(20.5, 10.5), radius=4.0), 0.3).radius == pytest.approx([4 / 80])


def test_the_open_score_is_the_best_of_the_nine_cells():
    opens = np.zeros((45, 80), np.float32)
    opens[11, 21], opens[12, 21] = 0.7, 0.9
    assert find_peaks(heatmap(blob(20.5, 10.5), opens=opens), 0.3).open == pytest.approx([0.7])


def found(*rows):
    """Peaks from rows of x, y, score, radius."""
    x, y, score, radius = np.array(rows, np.float32).T
    return Peaks(xy=np.column_stack([x, y]), score=score, open=np.zeros_like(x), radius=radius)


def test_of_two_peaks_on_one_hand_the_better_is_kept():
    twins = found((0.5, 0.5, 0.9, 0.1), (0.54, 0.5, 0.85, 0.1))  # 0.4 radii apart
    assert distinct(twins, 1, merge=0.5).score == pytest.approx([0.9])
    assert distinct(twins, 1, merge=0.3).score == pytest.approx([0.9, 0.85])


def test_a_peak_that_was_dropped_drops_no_other():
    chain = found((0.5, 0.5, 0.9, 0.05), (0.52, 0.5, 0.8, 0.05), (0.53, 0.5, 0.7, 0.05))
    assert distinct(chain, 1, merge=0.5).score == pytest.approx([0.9, 0.7])


def test_peaks_above_each_other_are_as_far_apart_as_the_picture_is_high():
    above = found((0.5, 0.5, 0.9, 0.1), (0.5, 0.58, 0.8, 0.1))  # 0.08 of the height: 0.045 of the width
    assert len(distinct(above, 9 / 16, merge=0.5).score) == 1
    assert len(distinct(above, 1, merge=0.5).score) == 2


def test_fingers_of_a_large_hand_are_no_hands():
    values = np.maximum(blob(20.5, 10.5), blob(28.5, 10.5, height=0.6))
    assert len(find_peaks(heatmap(values, radius=20.0), 0.3).score) == 1
    assert len(find_peaks(heatmap(values, radius=10.0), 0.3).score) == 2
