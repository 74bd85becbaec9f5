"""A camera above the ground: from the world to the picture and back; its place from a surface drawn on the picture.

The world stands on y = 0, metres; the camera is above its origin and looks along -z.
"""

from dataclasses import dataclass, replace

import numpy as np

from handflow.vision.homography import Corners, homography

from .bodies.geometry import UP, cross, rotation, unit

USUAL_FOCAL = 0.85  # of the width, a webcam's 61 degrees: what is believed where the picture does not say
USUAL_HEIGHT_M = 2.5
# Units in which a surface's size may be given, metres; the first that puts the camera at a likely height counts.
UNITS_M = (1.0, 0.01, 0.001)
LIKELY_HEIGHTS_M = (0.8, 15.0)


@dataclass(frozen=True)
class PinholeCamera:
    """Without lens distortion; the optical axis goes through the picture's middle."""

    size: tuple[int, int]  # width, height
    focal_px: float
    eye: np.ndarray  # (3,)
    axes: np.ndarray  # (3, 3) rows: right, up and back of the picture, in the world

    @classmethod
    def level(
        cls, size: tuple[int, int], focal: float, pitch_rad: float, height_m: float, roll_rad: float = 0.0
    ) -> "PinholeCamera":
        """`focal`: of the width; `pitch_rad`: below 0 it looks down."""
        axes = rotation([0, 0, 1], -roll_rad) @ rotation([1, 0, 0], -pitch_rad)
        return cls(size, focal * size[0], np.array([0, height_m, 0.0]), axes)

    @property
    def down_rad(self) -> float:
        """How far it looks down: 0 level, pi / 2 straight down."""
        return float(np.arcsin(np.clip(self.axes[2][1], -1, 1)))

    @property
    def roll_rad(self) -> float:
        """How far it lies on its side, 0 to pi / 2."""
        return float(np.arcsin(min(abs(self.axes[0][1]), 1.0)))

    def resized(self, size: tuple[int, int]) -> "PinholeCamera":
        return replace(self, size=size, focal_px=self.focal_px * size[0] / self.size[0])

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, 3) -> pixels (n, 2), and their depths (n,); meaningless where a depth is not above 0."""
        seen = (points - self.eye) @ self.axes.T
        depth = -seen[:, 2]
        safe = np.where(depth > 1e-6, depth, 1e-6)[:, None]
        middle = np.array(self.size) / 2
        return middle + self.focal_px * seen[:, :2] * [1, -1] / safe, depth

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Directions (n, 3), not of length 1, in which pixels (n, 2) look."""
        x, y = ((pixels - np.array(self.size) / 2) / self.focal_px).T
        return np.stack([x, -y, -np.ones_like(x)], axis=1) @ self.axes

    def all_rays(self) -> np.ndarray:
        """Directions (h * w, 3) float32 in which the middles of all pixels look, row by row."""
        x, y = (np.arange(side, dtype=np.float32) + np.float32(0.5 - side / 2) for side in self.size)
        right, up, back = self.axes.astype(np.float32)
        across, down = x[:, None] * (right / np.float32(self.focal_px)), y[:, None] * (up / np.float32(self.focal_px))
        return (across[None] - down[:, None] - back).reshape(-1, 3)

    def on_ground(self, pixels: np.ndarray) -> np.ndarray:
        """Where pixels (n, 2) see the ground: (n, 3), infinite from the horizon on."""
        rays = self.rays(pixels)
        down = -rays[:, 1:2]
        return np.where(down > 1e-6, self.eye + rays * self.eye[1] / np.where(down > 1e-6, down, 1), np.inf)

    def clip_matrix(self, near_m: float = 0.3, far_m: float = 200.0) -> np.ndarray:
        """OpenGL's matrix (4, 4) from the world to clip space."""
        width, height = self.size
        view = np.eye(4)
        view[:3, :3], view[:3, 3] = self.axes, -self.axes @ self.eye
        clip = np.zeros((4, 4))
        clip[0, 0], clip[1, 1] = 2 * self.focal_px / width, 2 * self.focal_px / height
        clip[2, 2] = (far_m + near_m) / (near_m - far_m)
        clip[2, 3] = 2 * far_m * near_m / (near_m - far_m)
        clip[3, 2] = -1
        return clip @ view


def camera_of_surface(
    corners: Corners, sides: tuple[float, float] | None, size: tuple[int, int], height_m: float | None = None
) -> PinholeCamera:
    """The camera that sees a rectangle of `sides` (any unit) on the ground with its corners there (0..1 of `size`).

    Focal length and pose follow from the homography (Zhang 2000, 3.1); what one rectangle cannot tell is what is usual.
    `height_m`: of the camera, where the sides are not known or to be scaled.
    """
    from_plane = np.linalg.inv(homography(corners)) @ np.diag([1 / s for s in sides or (1.0, 1.0)] + [1.0])
    pixels = np.diag([float(size[0]), float(size[1]), 1.0]) @ from_plane
    # From the picture's middle, in widths: the intrinsics are diag(f, f, 1).
    centred = np.array([[1, 0, -size[0] / 2], [0, 1, -size[1] / 2], [0, 0, 1]]) @ pixels
    centred[:2] /= size[0]
    focal = _focal(centred, sides is not None)
    posed = np.diag([1 / focal, 1 / focal, 1]) @ centred
    posed *= np.sign(np.linalg.det(posed)) or 1.0
    right, down, origin = posed.T / np.linalg.norm(posed[:, 0])
    if origin[2] < 0:
        right, down, origin = -right, -down, -origin
    # From OpenCV's axes (y down, z ahead) to OpenGL's.
    flip = np.array([1, -1, -1])
    up = unit(cross(right, down)) * flip
    origin = origin * flip
    distance = -float(up @ origin)
    if distance < 0:
        up, distance = -up, -distance
    return _above_ground(up, size, focal, height_m or _height(distance, sides))


def _focal(plane: np.ndarray, sides_known: bool) -> float:
    """The focal length, of the width, that makes the plane's axes square to each other and, if known, in proportion."""
    tried = np.geomspace(0.35, 4, 300)
    a, b = plane[:, 0], plane[:, 1]
    scale = 1 / tried[:, None] ** [2, 2, 0]
    aa, bb, ab = (scale * a * a).sum(1), (scale * b * b).sum(1), (scale * a * b).sum(1)
    error = (ab / np.sqrt(aa * bb)) ** 2 + (0.25 * np.log(aa / bb) ** 2 if sides_known else 0)
    # Corners are drawn to a percent or so; what they leave open is as usual.
    return float(tried[np.argmin(error / 0.02**2 + (np.log(tried / USUAL_FOCAL) / 0.5) ** 2)])


def _height(distance: float, sides: tuple[float, float] | None) -> float:
    if sides is not None:
        for unit_m in UNITS_M:
            if LIKELY_HEIGHTS_M[0] <= distance * unit_m <= LIKELY_HEIGHTS_M[1]:
                return distance * unit_m
    return USUAL_HEIGHT_M


def _above_ground(up: np.ndarray, size: tuple[int, int], focal: float, height_m: float) -> PinholeCamera:
    """The camera whose picture shows the ground's normal as `up` (in OpenGL's camera axes)."""
    ahead = np.array([0, 0, -1.0])
    # A camera that looks straight down has its picture's top ahead.
    level = ahead - up * (ahead @ up)
    level = level if np.linalg.norm(level) > 0.05 else UP - up * (UP @ up)
    back = -unit(level)
    return PinholeCamera(
        size, focal * size[0], np.array([0, height_m, 0.0]), np.stack([cross(up, back), up, back], axis=1)
    )
