"""What lights a scene: a sun or lamp, seven lights of the sky, and what comes from all around."""

from dataclasses import dataclass, replace

import numpy as np

from .bodies.geometry import UP, rotation, unit

LIGHTS = 8  # the first is the sun
BEHIND = 0.7  # share of suns that are surely behind the camera
GOLDEN_RAD = 2.4  # between neighbours on a spiral that covers a half sphere evenly


@dataclass(frozen=True, eq=False)
class Lighting:
    """Lights far away."""

    directions: np.ndarray  # (8, 3), towards them
    colours: np.ndarray  # (8, 3), linear RGB
    ambient: np.ndarray  # (2, 3): from everywhere, and how much more of it from above

    def brightness(self) -> np.ndarray:
        """What lies level gets, (3,)."""
        falls = np.maximum(self.directions[:, 1], 0)
        return (self.colours * falls[:, None]).sum(axis=0) + self.ambient.sum(axis=0)

    def scaled(self, factor: float | np.ndarray) -> "Lighting":
        return replace(self, colours=self.colours * factor, ambient=self.ambient * factor)


def direction(height: float, around_rad: float) -> np.ndarray:
    """A direction (3,) whose y is `height`."""
    flat = np.sqrt(1 - height**2)
    return np.array([flat * np.cos(around_rad), height, flat * np.sin(around_rad)])


def sky_directions(rng: np.random.Generator) -> np.ndarray:
    """Directions (7, 3) spread over the upper half."""
    first = rng.uniform(0, 2 * np.pi)
    return np.stack([direction(0.25 + 0.7 * (k + 0.5) / 7, GOLDEN_RAD * k + first) for k in range(LIGHTS - 1)])


def under_sky(
    rng: np.random.Generator, sun: np.ndarray, sun_colour: np.ndarray, sky: np.ndarray, ground: np.ndarray
) -> Lighting:
    """A sun from `sun`, a sky of the colour `sky` brighter around it, and a ground of the colour `ground` (3,)."""
    ways = sky_directions(rng)
    share = 0.6 + 0.4 * np.maximum(ways @ sun, 0)
    colours = np.concatenate([sun_colour[None], share[:, None] * sky / share.sum()])
    bounced = ground * (sun_colour * max(sun[1], 0) + sky)
    return Lighting(
        np.concatenate([sun[None], ways]), colours, np.stack([0.25 * sky + 0.5 * bounced, 0.1 * sky - 0.25 * bounced])
    )


def daylight(rng: np.random.Generator, overcast: bool) -> Lighting:
    """A clear or covered sky."""
    warm = rng.uniform(0, 1)
    sun = np.array([1.1, 1.0 - 0.1 * warm, 0.92 - 0.3 * warm]) * (0.15 if overcast else rng.uniform(0.9, 2.2))
    sky = np.array([0.85, 0.95, 1.1]) * rng.uniform(0.45, 0.9) if not overcast else np.ones(3) * rng.uniform(0.7, 1.1)
    where = direction(rng.uniform(0.15, 0.95), rng.uniform(0, 2 * np.pi))
    # Cameras are rarely mounted to look into the sun.
    where[2] *= np.sign(where[2]) if rng.random() < BEHIND else 1
    return under_sky(rng, where, sun, sky, np.ones(3) * rng.uniform(0.1, 0.35))


def lamplight(rng: np.random.Generator) -> Lighting:
    """A square at night: one lamp near, others farther off, a little of the sky."""
    warm = np.array([1.15, rng.uniform(0.75, 1.0), rng.uniform(0.4, 0.95)])
    night = under_sky(
        rng, direction(rng.uniform(0.5, 0.9), rng.uniform(0, 6.3)), 0.9 * warm, 0.3 * warm, np.ones(3) * 0.2
    )
    share = rng.dirichlet(np.full(LIGHTS - 1, 0.6))
    return replace(night, colours=np.concatenate([night.colours[:1], 0.5 * share[:, None] * warm]))


def stage_light(rng: np.random.Generator) -> Lighting:
    """Two or three coloured spotlights."""
    dim = under_sky(rng, direction(0.7, rng.uniform(0, 6.3)), np.zeros(3), np.full(3, 0.12), np.full(3, 0.1))
    colours = dim.colours.copy()
    for row in range(int(rng.integers(2, 4))):
        hue = rng.uniform(0, 1, 3)
        colours[row] = 1.3 * ((hue - hue.min()) / np.ptp(hue)) ** rng.uniform(0.6, 2) + 0.03
    return replace(dim, colours=colours)


def frontal_light(rng: np.random.Generator) -> Lighting:
    """An infra-red camera's own lamp."""
    camera = unit(np.array([rng.normal(0, 0.1), 0.35, 1.0]))
    return under_sky(rng, camera, np.full(3, 1.1), np.full(3, 0.18), np.full(3, 0.3))


def of_panorama(rng: np.random.Generator, sky: np.ndarray, turn_rad: float) -> Lighting:
    """The light of a picture of the whole sky (h, w, 3 linear RGB), turned about the vertical."""
    height, width = sky.shape[:2]
    ways, area = panorama_directions(height, width)
    ways = ways @ rotation(UP, turn_rad).T
    energy = sky * area[..., None] / np.pi
    light = sky.mean(axis=-1) * (ways[..., 1] > 0.02)
    peak = ways[np.unravel_index(light.argmax(), light.shape)]
    near = (ways @ peak > np.cos(0.22)) & (ways[..., 1] > 0)
    sun = unit((ways[near] * light[near][:, None]).sum(axis=0))
    above = (ways[..., 1] > 0) & ~near
    seeds = sky_directions(rng)
    nearest = (ways[above] @ seeds.T).argmax(axis=1)
    around = np.stack([energy[above][nearest == k].sum(axis=0) for k in range(LIGHTS - 1)])
    below = energy[ways[..., 1] < 0].sum(axis=0)
    return Lighting(
        np.concatenate([sun[None], seeds]),
        np.concatenate([energy[near].sum(axis=0)[None], 0.85 * around]),
        np.stack([0.12 * around.sum(axis=0) + 0.3 * below, 0.08 * around.sum(axis=0) - 0.3 * below]),
    )


def panorama_directions(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a panorama look (h, w, 3), its middle along -z, and their solid angles (h, w)."""
    up, around = np.meshgrid(
        (0.5 - (np.arange(height) + 0.5) / height) * np.pi,
        ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi,
        indexing="ij",
    )
    ways = np.stack([np.cos(up) * np.sin(around), np.sin(up), -np.cos(up) * np.cos(around)], axis=-1)
    return ways, np.cos(up) * np.pi / height * 2 * np.pi / width
