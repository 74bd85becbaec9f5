"""Drawn places for those who have no pictures of their own: squares with facades, lawns, halls; day and night."""

from typing import NamedTuple

import cv2
import numpy as np

from .camera import PinholeCamera
from .lights import Lighting

NOISE_PX = 512  # a tile of noise that repeats


class Facade(NamedTuple):
    """The look of the walls around."""

    colour: np.ndarray  # (3,) linear
    window: np.ndarray  # (3,)
    period: tuple[float, float]  # from window to window, metres: across, up
    share: tuple[float, float]  # of the period that a window takes
    lit: float  # share of the windows with light in them


class Place(NamedTuple):
    """A rectangle of ground within four walls."""

    ground: np.ndarray  # (3,) linear
    pattern: str  # "slabs", "asphalt" or "lawn"
    slab_m: float
    walls: np.ndarray  # (4,) how far away: right, left, behind, ahead
    turn_rad: float
    tall_m: float
    roof: bool  # a hall
    facade: Facade
    sky: np.ndarray  # (2, 3) at the horizon and above

    @classmethod
    def random(cls, rng: np.random.Generator, dark: bool, covered: bool) -> "Place":
        roof = bool(rng.random() < 0.25)
        far = rng.uniform(4, 12, 4) if roof else rng.uniform(8, 45, 4)
        facade = Facade(
            colour=rng.uniform(0.15, 0.75) * rng.uniform(0.75, 1, 3),
            window=rng.uniform(0.02, 0.16) * np.array([0.9, 1, 1.1]) * rng.uniform(0.85, 1.15, 3),
            period=(float(rng.uniform(1.6, 4)), float(rng.uniform(2.8, 3.8))),
            share=(float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.4, 0.7))),
            lit=float(rng.uniform(0.1, 0.5)) if dark else 0.0,
        )
        blue = np.array([[0.75, 0.82, 0.9], [0.2, 0.38, 0.75]])
        sky = np.ones((2, 3)) * rng.uniform(0.7, 1.0) if covered else blue * rng.uniform(0.7, 1.2)
        return cls(
            ground=rng.uniform(0.08, 0.55) * rng.uniform(0.8, 1, 3),
            pattern=str(rng.choice(["slabs", "slabs", "asphalt", "lawn"])) if not roof else "slabs",
            slab_m=float(rng.uniform(0.1, 0.9)),
            walls=far,
            turn_rad=float(rng.normal(0, 0.35)),
            tall_m=float(rng.uniform(2.8, 6) if roof else rng.uniform(6, 25)),
            roof=roof,
            facade=facade,
            sky=sky * (0.02 if dark else 1),
        )

    @property
    def corners(self) -> np.ndarray:
        """Where people can be, (4, 3) on the ground: a step from the walls."""
        right, left, behind, ahead = self.walls - 0.7
        cos, sin = np.cos(self.turn_rad), np.sin(self.turn_rad)
        flat = np.array([[-left, -ahead], [right, -ahead], [right, behind], [-left, behind]])
        return np.stack([cos * flat[:, 0] + sin * flat[:, 1], np.zeros(4), -sin * flat[:, 0] + cos * flat[:, 1]], 1)


def draw_place(rng: np.random.Generator, place: Place, camera: PinholeCamera, light: Lighting) -> np.ndarray:
    """The empty place as `camera` sees it, (h, w, 3) linear."""
    width, height = camera.size
    rays = camera.all_rays()
    cos, sin = np.float32(np.cos(place.turn_rad)), np.float32(np.sin(place.turn_rad))
    ray = np.stack([cos * rays[:, 0] - sin * rays[:, 2], rays[:, 1], sin * rays[:, 0] + cos * rays[:, 2]]).astype(
        np.float32
    )
    ray[np.abs(ray) < 1e-5] = 1e-5
    noise = noise_tile(rng)
    eye = float(camera.eye[1])
    right, left, behind, ahead = place.walls.astype(np.float32)
    to_x = np.where(ray[0] > 0, right, -left) / ray[0]
    to_z = np.where(ray[2] > 0, behind, -ahead) / ray[2]
    to_wall = np.minimum(to_x, to_z)
    to_ground = np.where(ray[1] < 0, np.float32(-eye) / ray[1], np.float32(np.inf))
    to_roof = np.where(ray[1] > 0, np.float32(place.tall_m - eye) / ray[1], np.float32(np.inf))
    level = light.brightness().astype(np.float32)
    ground = _ground(place, ray, np.minimum(to_ground, 500), noise) * level
    walls = _walls(place, ray, to_wall, to_x < to_z, eye, noise, light)
    above = _above(place, ray, noise) * (level.mean() if place.roof else 1)
    colour: np.ndarray = np.where((to_ground < to_wall)[:, None], ground, walls)
    colour = np.where(((to_roof < to_wall) & (to_ground > to_wall))[:, None], above, colour)
    return colour.reshape(height, width, 3).astype(np.float32)


def noise_tile(rng: np.random.Generator) -> np.ndarray:
    """Noise of several sizes (512, 512), about 0 with a deviation of 1, that repeats without a seam."""
    total = np.zeros((NOISE_PX, NOISE_PX), np.float32)
    for octave in range(2, 10):
        side = 2**octave
        small = rng.standard_normal((side, side)).astype(np.float32)
        around = cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_WRAP)
        scale = NOISE_PX // side
        large = np.asarray(cv2.resize(around, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))
        total += large[2 * scale : 2 * scale + NOISE_PX, 2 * scale : 2 * scale + NOISE_PX] * 0.8 ** (octave - 2)
    return (total - total.mean()) / total.std()


def _sample(noise: np.ndarray, u: np.ndarray, v: np.ndarray, metres: float) -> np.ndarray:
    """The noise at positions (n,), a tile being `metres` wide."""
    scale = np.float32(NOISE_PX / metres)
    # Of a power of two the mask is the rest of a division.
    rows, columns = ((each * scale).astype(np.int32) & (NOISE_PX - 1) for each in (v, u))
    return noise[rows, columns]


def _ground(place: Place, ray: np.ndarray, distance: np.ndarray, noise: np.ndarray) -> np.ndarray:
    u, v = ray[0] * distance, ray[2] * distance
    rough = 1 + 0.09 * _sample(noise, u, v, 7.3) + 0.06 * _sample(noise, u, v, 41.0)
    if place.pattern == "lawn":
        green = np.array([0.09, 0.14, 0.04], np.float32)
        blades = 0.85 + 0.12 * _sample(noise, u, v, 2.1) + 0.12 * _sample(noise, u, v, 0.6)
        return green * blades.clip(0.2, 2)[:, None] * rough[:, None]
    shade = place.ground * rough[:, None]
    if place.pattern == "slabs":
        a, b = u / place.slab_m, v / place.slab_m
        # Joints are as wide as a finger, and vanish where a pixel sees more than that.
        edge = np.minimum(np.abs(a - np.round(a)), np.abs(b - np.round(b))) * place.slab_m
        near = np.clip(12 / np.maximum(distance, 1), 0, 1)
        own = 0.06 * _sample(noise, np.floor(a) * 0.37, np.floor(b) * 0.61, 9.0)
        shade = shade * (1 + own - 0.35 * (edge < 0.012) * near)[:, None]
    return shade


def _walls(
    place: Place,
    ray: np.ndarray,
    distance: np.ndarray,
    side_wall: np.ndarray,
    eye: float,
    noise: np.ndarray,
    light: Lighting,
) -> np.ndarray:
    facade = place.facade
    along = np.where(side_wall, ray[2], ray[0]) * distance
    up = eye + ray[1] * distance
    a, b = along / facade.period[0], up / facade.period[1]
    inside = (np.abs(a - np.floor(a) - 0.5) < facade.share[0] / 2) & (
        np.abs(b - np.floor(b) - 0.5) < facade.share[1] / 2
    )
    rough = 1 + 0.07 * _sample(noise, along, up, 5.1) + 0.03 * _sample(noise, along, up, 33.0)
    # A ledge under each storey, and a darker plinth.
    rough *= 1 + 0.25 * (np.abs(b - np.round(b)) < 0.035) - 0.3 * (up < 0.7)
    # Walls that face the sun are brighter.
    sun, strength = light.directions[0], light.colours[0]
    facing = np.where(side_wall, np.maximum(-np.sign(ray[0]) * sun[0], 0), np.maximum(-np.sign(ray[2]) * sun[2], 0))
    falls = facing[:, None] * strength + 0.5 * (light.ambient.sum(axis=0) + light.colours[1:].sum(axis=0) * 0.5)
    lit = _sample(noise, np.floor(a) * 1.7 + 50 * side_wall, np.floor(b) * 2.3, 101.0) > np.quantile(
        noise, 1 - facade.lit
    )
    own = 1 + 0.5 * _sample(noise, np.floor(a) * 0.9, np.floor(b) * 1.3, 57.0).clip(-1.5, 1.5)[:, None]
    warm = np.array([1.3, 1.0, 0.65]) * 0.12 * own
    window = np.where((lit & (facade.lit > 0))[:, None], warm, facade.window * falls * own)
    return np.where(inside[:, None], window, facade.colour * rough[:, None] * falls)


def _above(place: Place, ray: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The sky with its clouds, or a hall's ceiling."""
    if place.roof:
        return np.broadcast_to(place.facade.colour * 0.6, (ray.shape[1], 3))
    rise = (ray[1] / np.linalg.norm(ray, axis=0)).clip(0, 1)[:, None]
    blue = place.sky[0] * (1 - rise) + place.sky[1] * rise
    # Rays that point down see none of it; their quotient would be endless.
    near = 30 / (np.maximum(ray[1], 0) + 0.15)
    cloud = _sample(noise, near * ray[0], near * ray[2], 900.0)[:, None]
    return blue * (1 + 0.1 * cloud) + 0.25 * place.sky[0] * np.clip(cloud - 0.4, 0, 1)
