"""What people hold, sit on and stand beside."""

from collections.abc import Callable

import numpy as np

from .bodies.geometry import UP, rotation, unit
from .parts import Solid, ball, box, hand_axes, rod, turned

PALM_M = 0.085  # from the wrist to the middle of the palm


def colour(rng: np.random.Generator, low: float = 0.02, high: float = 0.8) -> np.ndarray:
    """Any colour; dark and greyish ones more often."""
    hue, vivid = rng.uniform(0.2, 1, 3), rng.uniform(0, 1) ** 2.5
    return np.clip(rng.uniform(low, 1) ** 1.5 * high * (1 - vivid + vivid * hue / hue.mean()), 0.01, 1)


def held(
    rng: np.random.Generator, kind: str, wrist: np.ndarray, along: np.ndarray, palm: np.ndarray, scale: float
) -> list[Solid]:
    """What a hand at `wrist` holds; all in the world. `scale`: of the hand, 1 an adult's."""
    axes, middle = hand_axes(along, palm), wrist + scale * PALM_M * along
    tint = colour(rng)
    if kind == "phone":
        dark = np.ones(3) * rng.uniform(0.01, 0.2)
        return [box(middle + scale * (0.03 * palm + 0.03 * along), [0.036, 0.075, 0.005], dark, axes)]
    if kind == "cup":
        at = middle + scale * 0.042 * palm
        up = unit(UP + 0.1 * along)
        return [turned(at - 0.06 * up, at + 0.06 * up, [(0, 0.001), (0, 0.03), (1, 0.04), (1, 0.001)], tint)]
    if kind == "bag":
        return _bag(rng, middle, tint)
    if kind == "umbrella":
        return umbrella(rng, middle + 0.02 * palm, tint)
    if kind == "parcel":
        return [box(middle + 0.02 * palm, rng.uniform([0.02, 0.1, 0.005], [0.12, 0.2, 0.04]), tint, axes)]
    return []


def _bag(rng: np.random.Generator, grip: np.ndarray, tint: np.ndarray) -> list[Solid]:
    """A bag that hangs from the fingers: soft, wider below, with a loop."""
    wide, deep, flat = rng.uniform(0.11, 0.2), rng.uniform(0.2, 0.42), rng.uniform(0.25, 0.5)
    turn = rotation(UP, rng.uniform(0, 3)) @ np.diag([1, 1, flat])
    top = np.array([0, -0.16, 0.0])
    sack = turned(
        top - deep * UP, top, [(0, 1e-3), (0.02, wide), (0.5, 1.05 * wide), (0.93, 0.7 * wide), (1, 1e-3)], tint
    )
    left, right = (top + np.array([side * 0.5 * wide, -0.04, 0]) for side in (-1, 1))
    loop = [rod(end, np.array([0, -0.035, 0]), 0.006, tint * 0.7) for end in (left, right)]
    return [solid.moved(turn, grip) for solid in (sack, *loop)]


def umbrella(rng: np.random.Generator, grip: np.ndarray, tint: np.ndarray) -> list[Solid]:
    """An open umbrella over whoever holds its stick."""
    stick = unit(UP + np.array([*rng.normal(0, 0.1, 2), 0])[[0, 2, 1]])
    top, wide = grip + rng.uniform(0.62, 0.75) * stick, rng.uniform(0.45, 0.6)
    profile = [(np.cos(r), max(wide * np.sin(r), 1e-3)) for r in np.linspace(0, np.pi / 2, 6)]
    canopy = turned(top - 0.26 * stick, top, profile, tint)
    return [rod(grip - 0.1 * stick, top + 0.04 * stick, 0.006, np.full(3, 0.05)), canopy]


def seat(rng: np.random.Generator, hip_m: float, wheels: bool) -> list[Solid]:
    """What somebody sits on whose hips are `hip_m` high, in their frame: a chair, a bench, a block or a wheelchair."""
    tint, top = colour(rng), hip_m - 0.1
    board = [box(np.array([0, top - 0.02, 0.1]), [0.24, 0.02, 0.24], tint)]
    legs = [
        rod(np.array([x, 0, z]), np.array([x, top, z]), 0.015, tint * 0.6) for x in (-0.2, 0.2) for z in (-0.1, 0.3)
    ]
    back = [box(np.array([0, top + 0.28, -0.15]), [0.23, 0.22, 0.015], tint)]
    if wheels:
        rims = []
        for x in (-0.29, 0.29):
            hub = np.array([x, 0.3, 0.05])
            thin = np.array([0.012, 0, 0])
            rims.append(turned(hub - thin, hub + thin, [(0, 0.26), (0, 0.3), (1, 0.3), (1, 0.26)], np.full(3, 0.03)))
            small = np.array([x * 0.8, 0.08, 0.5])
            rims.append(
                turned(small - thin, small + thin, [(0, 1e-3), (0, 0.08), (1, 0.08), (1, 1e-3)], np.full(3, 0.05))
            )
        return board + back + rims + [rod(np.array([0, 0.12, 0.55]), np.array([0, top, 0.3]), 0.015, np.full(3, 0.2))]
    if rng.random() < 0.35:
        return [
            box(np.array([0, top / 2, 0.05]), [rng.uniform(0.3, 0.9), top / 2, 0.25], np.full(3, rng.uniform(0.1, 0.5)))
        ]
    return board + legs + (back if rng.random() < 0.7 else [])


def lamp_post(rng: np.random.Generator) -> list[Solid]:
    """A post of 2.6 to 4.5 m with a lamp on top, on or off."""
    tall = rng.uniform(2.6, 4.5)
    top = np.array([0, tall, 0])
    lit = np.full(3, rng.choice([0.6, 4.0]))
    return [rod(np.zeros(3), top, 0.05, colour(rng, high=0.3)), ball(top, [0.17, 0.2, 0.17], lit)]


def car(rng: np.random.Generator) -> list[Solid]:
    """Along x."""
    paint, tall = colour(rng), rng.uniform(0.55, 0.75)
    wheels = []
    for x in (-1.25, 1.25):
        for z in (-0.75, 0.75):
            ends = np.array([x, 0.31, z - 0.1]), np.array([x, 0.31, z + 0.1])
            wheels.append(turned(*ends, [(0, 1e-3), (0, 0.31), (1, 0.31), (1, 1e-3)], np.full(3, 0.02)))
    glass = np.full(3, 0.03)
    hull = box(np.array([0, 0.55, 0]), [2.1, 0.28, 0.85], paint)
    nose = ball(np.array([0, 0.58, 0]), [2.25, 0.27, 0.88], paint)
    # Windows lean in, the roof is painted.
    cabin = box(np.array([-0.2, 0.85 + tall / 4, 0]), [1.15, tall / 2, 0.76], glass)
    roof = box(np.array([-0.3, 0.86 + 0.75 * tall, 0]), [0.85, 0.03, 0.7], paint)
    lean = np.where(cabin.positions[:, 1:2] > 1, [0.76, 1, 0.9], 1.0)
    return [hull, nose, cabin._replace(positions=cabin.positions * lean), roof, *wheels]


def tree(rng: np.random.Generator) -> list[Solid]:
    """A trunk of 1.8 to 3 m under a crown of 14 balls."""
    tall, green = rng.uniform(1.8, 3), np.array([0.07, 0.12, 0.03]) * rng.uniform(0.4, 1.3)
    crown = []
    for _ in range(14):
        middle = UP * (tall + rng.uniform(0, 1.3)) + rng.normal(0, 0.55, 3) * [1, 0.3, 1]
        crown.append(ball(middle, rng.uniform(0.25, 0.65, 3), green * rng.uniform(0.6, 1.5)))
    return [rod(np.zeros(3), UP * tall, rng.uniform(0.06, 0.16), np.array([0.06, 0.045, 0.03])), *crown]


def animal(rng: np.random.Generator) -> list[Solid]:
    """A dog or a cat, along x."""
    size, fur = rng.uniform(0.25, 0.75), colour(rng, high=0.6)
    trunk = ball(np.array([0, 0.72, 0]), [0.5, 0.2, 0.17], fur)
    head = ball(np.array([0.58, 0.95, 0]), [0.19, 0.15, 0.14], fur)
    snout = ball(np.array([0.76, 0.9, 0]), [0.1, 0.06, 0.06], fur * 0.6)
    ears = [ball(np.array([0.52, 1.1, z]), [0.03, 0.08, 0.04], fur * 0.7) for z in (-0.09, 0.09)]
    tail = rod(np.array([-0.48, 0.8, 0]), np.array([-0.75, 1.1, 0.05]), 0.035, fur)
    legs = [
        rod(np.array([x, 0, z]), np.array([0.9 * x, 0.7, z]), 0.05, fur) for x in (-0.36, 0.36) for z in (-0.1, 0.1)
    ]
    return [solid._replace(positions=solid.positions * size) for solid in (trunk, head, snout, *ears, tail, *legs)]


def litter(rng: np.random.Generator) -> list[Solid]:
    """A leaf, a glove that nobody wears, a ball, a bottle: small and on the ground."""
    kind, tint = rng.integers(3), colour(rng)
    if kind == 0:
        return [ball(UP * 0.01, [0.05, 0.006, 0.03], np.array([0.4, 0.2, 0.05]) * rng.uniform(0.4, 1.3))]
    if kind == 1:
        return [ball(UP * 0.11, [0.11] * 3, tint)]
    return [turned(np.zeros(3), UP * 0.25, [(0, 1e-3), (0, 0.035), (0.7, 0.035), (0.85, 0.012), (1, 0.012)], tint)]


def board(rng: np.random.Generator) -> list[Solid]:
    """A sign or a poster on a stand."""
    tall = rng.uniform(0.9, 1.9)
    face = box(np.array([0, 0.55 * tall, 0]), [rng.uniform(0.25, 0.6), 0.45 * tall, 0.03], colour(rng, 0.2, 1.0))
    return [face, rod(np.zeros(3), UP * 0.2, 0.03, np.full(3, 0.1))]


# What stands about, and how far from a camera at least (metres).
SCENERY: tuple[tuple[Callable[[np.random.Generator], list[Solid]], float], ...] = (
    (lamp_post, 4.0),
    (car, 7.0),
    (tree, 6.0),
    (animal, 2.5),
    (litter, 1.5),
    (board, 3.5),
)
