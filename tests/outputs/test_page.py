"""What pages are sent of a frame."""

import numpy as np

from handflow import Heatmap
from handflow.outputs.page import maps, window_boxes


def test_windows_of_a_gaze_are_shown_in_the_map_of_the_whole_and_as_boxes() -> None:
    window = np.zeros((1, 4, 4), np.float32)
    window[0, 1, 2] = 1
    heatmap = Heatmap(
        values=np.zeros((10, 20)),
        open=np.full((10, 20), 0.2),
        radius=np.zeros((10, 20)),
        offset=np.zeros((10, 20, 2)),
        scale=np.array([0.05, 0.1]),
        shift=np.zeros(2),
        width=400,
        height=200,
        whole=False,
        window_values=window,
        window_open=window * 0,
        window_radius=window * 0,
        window_offset=np.zeros((1, 4, 4, 2)),
        window_scale=np.array([[0.025, 0.05]]),
        window_shift=np.array([[0.5, 0.4]]),
    )
    any_hand, opens = np.frombuffer(maps(heatmap), np.uint8).reshape(2, 10, 20)
    assert np.argwhere(any_hand).tolist() == [[4, 11]]  # 0.5625 of the width, 0.475 of the height
    assert (opens == 51).all()
    assert window_boxes(heatmap) == [[0.5, 0.4, 0.1, 0.2]]
