"""Meshes of a scene, gathered to be drawn at once, and solids of one colour among them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .bodies.body import PosedBody
from .bodies.geometry import UP, axes, cross, unit, vertex_normals
from .bodies.mesh import Colour
from .drawn import FIELDS, DrawnParts

Lengths = Sequence[float] | np.ndarray
BOX = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
ROUND = 14  # sides of what is turned on a lathe


class Solid(NamedTuple):
    """A thing of one colour."""

    positions: np.ndarray  # (n, 3)
    triangles: np.ndarray  # (m, 3)
    colour: Colour  # linear RGB

    def moved(self, rotation: np.ndarray, position: np.ndarray) -> "Solid":
        return self._replace(positions=self.positions @ rotation.T + position)


def box(centre: np.ndarray, half: Lengths, colour: Colour, turned: np.ndarray | None = None) -> Solid:
    """A box with edges of twice `half`; `turned`: its axes (3, 3, columns)."""
    corners = BOX * np.asarray(half) @ (np.eye(3) if turned is None else turned).T + centre
    positions = np.concatenate([corners[list(face)] for face in FACES])
    triangles = np.concatenate([[[4 * k, 4 * k + 1, 4 * k + 2], [4 * k, 4 * k + 2, 4 * k + 3]] for k in range(6)])
    return Solid(positions, triangles, colour)


def turned(a: np.ndarray, b: np.ndarray, profile: Sequence[tuple[float, float]], colour: Colour) -> Solid:
    """A solid of revolution from `a` to `b`: `profile` has (how far along, 0..1; radius in metres)."""
    along, first, second = axes(b - a, np.array([0.31, 0.2, 0.93])).T
    length = float(np.linalg.norm(b - a))
    turn = 2 * np.pi * np.arange(ROUND) / ROUND
    circle = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second
    share, radius = np.array(profile).T
    positions = a + (share * length)[:, None, None] * along + radius[:, None, None] * circle
    number = np.arange(len(profile) * ROUND).reshape(len(profile), ROUND)
    low, high = number[:-1], number[1:]
    right, above = np.roll(low, -1, axis=1), np.roll(high, -1, axis=1)
    triangles = np.stack([np.stack([low, right, high], -1), np.stack([high, right, above], -1)], axis=2)
    return Solid(positions.reshape(-1, 3), triangles.reshape(-1, 3), colour)


def rod(a: np.ndarray, b: np.ndarray, radius: float, colour: Colour) -> Solid:
    """A stick with closed ends."""
    return turned(a, b, [(0, 1e-4), (0, radius), (1, radius), (1, 1e-4)], colour)


def ball(centre: np.ndarray, radii: Lengths, colour: Colour) -> Solid:
    """An ellipsoid."""
    rise = np.linspace(-np.pi / 2, np.pi / 2, 9)
    unit_ball = turned(-UP, UP, [((1 + np.sin(r)) / 2, max(float(np.cos(r)), 1e-3)) for r in rise], colour)
    return unit_ball._replace(positions=unit_ball.positions * np.asarray(radii) + centre)


class PartsList:
    """Gathers what is drawn in one picture."""

    def __init__(self) -> None:
        self._vertices: dict[str, list[np.ndarray]] = {name: [] for name in FIELDS}
        self._triangles: list[np.ndarray] = []
        self._hands: list[np.ndarray] = []
        self._count = 0

    def add_body(
        self, posed: PosedBody, rotation: np.ndarray, position: np.ndarray, owners: tuple[int, int, int]
    ) -> np.ndarray:
        """Adds somebody; their vertices in the world. `owners`: of the body, the left and the right hand."""
        mesh, turn = posed.mesh, rotation.astype(np.float32)
        world = posed.positions @ turn.T + position.astype(np.float32)
        arrays = {
            "position": world,
            "normal": posed.normals @ turn.T,
            "uv": mesh.uv,
            "layer": mesh.layer,
            "tint": mesh.tint,
            "skin": mesh.skin,
            "owner": np.array(owners, np.float32)[mesh.hand],
        }
        self._hands.append(mesh.triangles[(mesh.hand[mesh.triangles] > 0).all(axis=1)] + self._count)
        self._add(arrays, mesh.triangles)
        return world

    def add_solid(self, solid: Solid, owner: int) -> None:
        count = len(solid.positions)
        # A tint that replaces a white texture is .94 as bright as it says.
        tint = np.array([*(np.asarray(solid.colour, float) / 0.94), 1.0])
        self._add(
            {
                "position": solid.positions,
                "normal": vertex_normals(solid.positions, solid.triangles),
                "uv": np.full((count, 2), 0.5),
                "layer": np.zeros(count),
                "tint": np.tile(tint, (count, 1)),
                "skin": np.zeros(count),
                "owner": np.full(count, owner),
            },
            solid.triangles,
        )

    def _add(self, arrays: dict[str, np.ndarray], triangles: np.ndarray) -> None:
        for name, values in arrays.items():
            self._vertices[name].append(values.astype(np.float32))
        self._triangles.append(triangles + self._count)
        self._count += len(arrays["position"])

    def __bool__(self) -> bool:
        return self._count > 0

    def drawn(self) -> DrawnParts:
        hands = np.concatenate(self._hands) if self._hands else np.empty((0, 3), np.int64)
        vertices = {name: np.concatenate(values) for name, values in self._vertices.items()}
        return DrawnParts(vertices, np.concatenate(self._triangles), hands)


def hand_axes(along: np.ndarray, palm: np.ndarray) -> np.ndarray:
    """The frame (3, 3, columns) of a hand: across it, along it, out of the palm."""
    return np.stack([unit(cross(palm, along)), along, palm], axis=1)
