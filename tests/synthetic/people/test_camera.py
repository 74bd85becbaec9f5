"""Where a camera stands, from a rectangle that is drawn on its picture."""

import numpy as np
import pytest

from handflow.synthetic.people.camera import PinholeCamera, camera_of_surface

SIZE = (1280, 720)
FLOOR_M = np.array([[-2, 0, -7.0], [2, 0, -7.0], [2, 0, -4.0], [-2, 0, -4.0]])


def corners(camera: PinholeCamera, floor: np.ndarray = FLOOR_M) -> tuple:
    pixels, depth = camera.project(floor)
    assert (depth > 0).all()
    return tuple(map(tuple, (pixels / camera.size).tolist()))


def test_a_pixel_of_the_ground_is_where_the_ground_is_seen() -> None:
    camera = PinholeCamera.level(SIZE, 0.9, -0.3, 2.7, roll_rad=0.1)
    points = np.array([[1.0, 0, -6], [-2.0, 0, -3.5]])
    assert camera.on_ground(camera.project(points)[0]) == pytest.approx(points)


def test_what_lies_above_the_horizon_is_no_ground() -> None:
    camera = PinholeCamera.level(SIZE, 0.9, 0.0, 2.0)
    assert np.isinf(camera.on_ground(np.array([[640.0, 300.0]]))).all()


@pytest.mark.parametrize("unit", [1, 100, 1000])
@pytest.mark.parametrize(("focal", "pitch", "height"), [(0.85, -0.4, 3.0), (0.7, -0.6, 4.0), (1.3, -0.35, 2.2)])
def test_a_floor_of_known_size_tells_the_camera(focal: float, pitch: float, height: float, unit: int) -> None:
    made = PinholeCamera.level(SIZE, focal, pitch, height)
    found = camera_of_surface(corners(made), (4.0 * unit, 3.0 * unit), SIZE)
    assert found.eye[1] == pytest.approx(height, rel=0.05)
    assert found.down_rad == pytest.approx(-pitch, abs=0.03)
    assert found.focal_px == pytest.approx(made.focal_px, rel=0.05)
    sides = np.diff(found.on_ground(made.project(FLOOR_M)[0])[:3], axis=0)
    assert np.linalg.norm(sides, axis=1) == pytest.approx([4, 3], rel=0.05)


def test_a_floor_of_unknown_size_is_as_large_as_the_cameras_height_says() -> None:
    made = PinholeCamera.level(SIZE, 0.85, -0.5, 3.0)
    found = camera_of_surface(corners(made), None, SIZE, height_m=3.0)
    sides = np.diff(found.on_ground(made.project(FLOOR_M)[0])[:3], axis=0)
    assert np.linalg.norm(sides, axis=1) == pytest.approx([4, 3], rel=0.1)


def test_a_camera_on_the_ceiling_looks_straight_down() -> None:
    made = PinholeCamera.level(SIZE, 0.85, -np.pi / 2, 4.0)
    found = camera_of_surface(corners(made, FLOOR_M + np.array([0, 0, 5.5])), (4.0, 3.0), SIZE)
    assert found.down_rad == pytest.approx(np.pi / 2, abs=0.03)
    assert found.roll_rad == pytest.approx(0, abs=0.03)
    assert found.eye[1] == pytest.approx(4.0, rel=0.05)


def test_a_tilted_camera_stays_tilted() -> None:
    made = PinholeCamera.level(SIZE, 0.85, -0.5, 3.0, roll_rad=0.15)
    found = camera_of_surface(corners(made), (4.0, 3.0), SIZE)
    above = np.array([[0.0, 0, -5], [0.0, 1.7, -5]])
    ((x0, y0), (x1, y1)), ((a0, b0), (a1, b1)) = (
        camera.project(above + camera.on_ground(np.array([[640.0, 500.0]])) - above[0])[0] for camera in (made, found)
    )
    assert (x1 - x0, y1 - y0) == pytest.approx((a1 - a0, b1 - b0), abs=8)


def test_a_wall_beside_the_camera_is_told_from_ground() -> None:
    made = PinholeCamera.level(SIZE, 0.85, -0.1, 2.0)
    wall = np.array([[3.0, 3, -12], [3.0, 3, -6], [3.0, 0.5, -6], [3.0, 0.5, -12]])
    assert camera_of_surface(corners(made, wall), (6.0, 2.5), SIZE).roll_rad > 1.2


def test_a_camera_at_eye_level_looks_along_the_ground() -> None:
    made = PinholeCamera.level(SIZE, 0.9, 0.0, 1.6)
    found = camera_of_surface(corners(made), (4.0, 3.0), SIZE)
    assert found.down_rad == pytest.approx(0, abs=0.02)
    assert found.eye[1] == pytest.approx(1.6, rel=0.05)
