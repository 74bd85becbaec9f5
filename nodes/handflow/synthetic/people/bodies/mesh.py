"""A mesh that bones move: what a body, its clothes and its hair become."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from .geometry import vertex_normals
from .skeleton import BONES, LEFT_HAND, RIGHT_HAND

Colour = Sequence[float] | np.ndarray
INFLUENCES = 4  # bones that move a vertex


@dataclass(frozen=True, eq=False)
class SkinnedMesh:
    """Vertices at rest with what draws and moves them; arrays of (n, ...), triangles (m, 3)."""

    position: np.ndarray  # (n, 3) metres
    normal: np.ndarray  # (n, 3)
    uv: np.ndarray  # (n, 2) in its texture
    layer: np.ndarray  # (n,) which texture of the stack
    tint: np.ndarray  # (n, 4) colour, and how far it replaces the texture's own
    skin: np.ndarray  # (n,) 1: bare skin
    hand: np.ndarray  # (n,) 0: no hand, 1 left, 2 right
    bone: np.ndarray  # (n, 4)
    weight: np.ndarray  # (n, 4), sums to 1
    triangles: np.ndarray

    def tinted(self, rows: np.ndarray, tint: Colour) -> "SkinnedMesh":
        """The same with other colours at `rows` (n,) bool."""
        return replace(self, tint=np.where(rows[:, None], np.asarray(tint, np.float32), self.tint))

    def coarser(self, cell_m: float) -> "SkinnedMesh":
        """Fewer triangles: the vertices of a cell become one; hands keep cells a third as wide.

        Far people need it: software OpenGL is slow with triangles of a pixel.
        """
        cell = np.where(self.hand > 0, cell_m / 3, cell_m)[:, None]
        key = np.round(self.position / cell).astype(np.int64)
        key = ((key[:, 0] * 4099 + key[:, 1]) * 4099 + key[:, 2]) * 256 + self.layer.astype(np.int64)
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        triangles = first[inverse.ravel()][self.triangles]
        a, b, c = triangles.T
        used, flat = np.unique(triangles[(a != b) & (b != c) & (a != c)], return_inverse=True)
        kept = {field.name: getattr(self, field.name)[used] for field in fields(self) if field.name != "triangles"}
        return SkinnedMesh(**kept, triangles=flat.reshape(-1, 3).astype(np.int32))


def part(
    positions: np.ndarray,
    triangles: np.ndarray,
    weights: np.ndarray,
    tint: Sequence[float],
    *,
    corners: tuple[np.ndarray, np.ndarray] | None = None,
    layer: int = 0,
    skin: bool | np.ndarray = False,
) -> SkinnedMesh:
    """A mesh of vertices (v, 3) moved by `weights` (v, bones).

    `corners`: where texture points are shared by several vertices, the points (t, 2) and those of the triangles (m, 3).
    """
    normals = vertex_normals(positions, triangles)
    if corners is None:
        rows, uv = np.arange(len(positions)), np.full((len(positions), 2), 0.5, np.float32)
    else:
        points, of_corner = corners
        pair = triangles.ravel().astype(np.int64) * (len(points) + 1) + of_corner.ravel()
        _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
        rows, uv = triangles.ravel()[first], points[of_corner.ravel()[first]]
        triangles = inverse.reshape(-1, 3)
    weights = weights[rows]
    bone = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    weight = np.take_along_axis(weights, bone, 1)
    weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-6)
    bare = np.broadcast_to(np.asarray(skin, np.float32), len(positions))[rows]
    hand = np.zeros(len(rows), np.int32)
    for side, bones in ((1, LEFT_HAND), (2, RIGHT_HAND)):
        hand[((weight * np.isin(bone, bones)).sum(axis=1) > 0.5) & (bare > 0)] = side
    return SkinnedMesh(
        position=positions[rows].astype(np.float32),
        normal=normals[rows].astype(np.float32),
        uv=uv.astype(np.float32),
        layer=np.full(len(rows), layer, np.float32),
        tint=np.tile(np.asarray(tint, np.float32), (len(rows), 1)),
        skin=bare.astype(np.float32),
        hand=hand,
        bone=bone,
        weight=weight.astype(np.float32),
        triangles=triangles.astype(np.int32),
    )


def merged(parts: Sequence[SkinnedMesh]) -> SkinnedMesh:
    """All parts as one mesh."""
    starts = np.cumsum([0, *(len(each.position) for each in parts[:-1])])
    arrays = {
        field.name: np.concatenate([getattr(each, field.name) for each in parts])
        for field in fields(SkinnedMesh)
        if field.name != "triangles"
    }
    triangles = np.concatenate([each.triangles + start for each, start in zip(parts, starts, strict=True)])
    return SkinnedMesh(**arrays, triangles=triangles.astype(np.int32))


def only(bone: str, count: int) -> np.ndarray:
    """Weights (count, bones) of vertices that one bone moves."""
    weights = np.zeros((count, len(BONES)), np.float32)
    weights[:, BONES.index(bone)] = 1
    return weights
