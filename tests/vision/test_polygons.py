"""Inside, outside and how far: by hand, and against OpenCV's pointPolygonTest."""

import cv2
import numpy as np
import pytest

from handflow.vision.polygons import allowed, closest, distances, inside, polygon_fault

SQUARE = np.array([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)])
HORSESHOE = np.array([(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.6, 0.9), (0.6, 0.4), (0.4, 0.4), (0.4, 0.9), (0.1, 0.9)])


@pytest.mark.parametrize("turned", [1, -1], ids=["clockwise", "the other way"])
@pytest.mark.parametrize("polygon", [SQUARE, HORSESHOE], ids=["square", "horseshoe"])
def test_inside_and_distance_are_what_opencv_says(polygon: np.ndarray, turned: int) -> None:
    points = np.random.default_rng(1).random((300, 2)) * 1.4 - 0.2
    contour = polygon.astype(np.float32)
    signed = np.array([cv2.pointPolygonTest(contour, point, True) for point in points.tolist()])
    assert inside(points, polygon[::turned]).tolist() == (signed > 0).tolist()
    np.testing.assert_allclose(distances(points, polygon[::turned]), np.maximum(-signed, 0), atol=1e-6)


def test_the_closest_place_lies_on_the_border_and_moves_along_it() -> None:
    found = closest(np.array([(0.5, 0.1), (0.9, 0.5), (1.0, 1.0), (0.5, 0.5)]), SQUARE)
    np.testing.assert_allclose(found.position, [(0.5, 0.2), (0.8, 0.5), (0.8, 0.8), (0.5, 0.5)], atol=1e-12)
    assert found.outside.tolist() == [True, True, True, False]
    np.testing.assert_allclose(np.abs(found.along[:3]), [(1, 0), (0, 1), (0, 0)], atol=1e-12)


def test_no_points_are_nowhere() -> None:
    none = np.empty((0, 2))
    assert inside(none, SQUARE).shape == distances(none, SQUARE).shape == (0,)


def test_a_region_keeps_what_is_inside_and_ignored_parts_take_away() -> None:
    points = np.array([(0.1, 0.5), (0.3, 0.5), (0.7, 0.5)])
    right = np.array([(0.5, 0), (1, 0), (1, 1), (0.5, 1)])
    assert allowed(points, None, []).tolist() == [True, True, True]
    assert allowed(points, SQUARE, []).tolist() == [False, True, True]
    assert allowed(points, SQUARE, [right]).tolist() == [False, True, False]


def test_points_on_a_line_are_no_polygon() -> None:
    assert polygon_fault([(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)]) == "expected an area, got points on a line"
    assert polygon_fault([(0.1, 0.1), (0.1, 0.1), (0.1, 0.1)])
    assert polygon_fault([(0.1, 0.1), (0.5, 0.5), (0.9, 0.8)]) is None
