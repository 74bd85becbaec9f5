"""MakeHuman's files as arrays: meshes (.obj), shapes (.target), and how clothes are bound to a body (.mhclo)."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np


class ObjMesh(NamedTuple):
    """An .obj file; faces are cut into triangles."""

    vertices: np.ndarray  # (v, 3)
    points: np.ndarray  # (t, 2) of the texture
    triangles: np.ndarray  # (m, 3) of vertices
    corners: np.ndarray  # (m, 3) of texture points
    groups: np.ndarray  # (m,) names


class Binding(NamedTuple):
    """How a fitted mesh's vertices hang on the body's: three corners, their weights and an offset each."""

    corners: np.ndarray  # (v, 3) of the body's vertices
    weights: np.ndarray  # (v, 3)
    offsets: np.ndarray  # (v, 3)
    hidden: np.ndarray  # the body's vertices that it covers
    scales: tuple[tuple[int, int, float] | None, ...]  # for x, y, z: two vertices, and how far apart they were


def _words(file: Path) -> Iterator[list[str]]:
    for line in file.read_text("utf-8", errors="ignore").splitlines():
        word = line.split()
        if word and not word[0].startswith("#"):
            yield word


def read_obj(file: Path) -> ObjMesh:
    """The mesh in a Wavefront file: vertices (v, 3), points on the texture, triangles by group."""
    vertices, points, triangles, corners, groups = [], [], [], [], []
    group = ""
    for word in _words(file):
        if word[0] == "v":
            vertices.append([float(value) for value in word[1:4]])
        elif word[0] == "vt":
            points.append([float(value) for value in word[1:3]])
        elif word[0] == "g":
            group = word[1] if len(word) > 1 else ""
        elif word[0] == "f":
            pairs = [[*corner.split("/"), ""][:2] for corner in word[1:]]
            ring = [(int(vertex) - 1, int(point or 1) - 1) for vertex, point in pairs]
            for k in range(1, len(ring) - 1):
                fan = (ring[0], ring[k], ring[k + 1])
                triangles.append([vertex for vertex, _ in fan])
                corners.append([point for _, point in fan])
                groups.append(group)
    return ObjMesh(
        np.array(vertices, np.float32),
        np.array(points or [[0.5, 0.5]], np.float32),
        np.array(triangles, np.int64),
        np.array(corners, np.int64),
        np.array(groups),
    )


@lru_cache(maxsize=512)
def read_target(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Which vertices (n,) a shape moves, and how far (n, 3)."""
    rows = np.array([[float(value) for value in word[:4]] for word in _words(file)]).reshape(-1, 4)
    return rows[:, 0].astype(np.int64), rows[:, 1:].astype(np.float32)


def read_binding(file: Path) -> tuple[Binding, str]:
    """The binding in an .mhclo file, and the name of its mesh."""
    rows: list[list[float]] = []
    hidden: list[int] = []
    scales: dict[str, tuple[int, int, float]] = {}
    mesh, section = "", ""
    for word in _words(file):
        if word[0] == "obj_file":
            mesh = word[1]
        elif word[0] in ("x_scale", "y_scale", "z_scale"):
            scales[word[0][0]] = int(word[1]), int(word[2]), float(word[3])
        elif word[0] in ("verts", "delete_verts"):
            section = word[0]
        elif section == "verts" and word[0].isdigit() and len(word) in (1, 6, 9):
            one = [float(word[0])] * 3 + [1, 0, 0, 0, 0, 0]
            rows.append(one if len(word) == 1 else [float(value) for value in [*word, "0", "0", "0"][:9]])
        elif section == "delete_verts" and word[0].isdigit():
            hidden += _ranges(word)
    table = np.array(rows, np.float32).reshape(-1, 9)
    axes = tuple(scales.get(axis) for axis in "xyz")
    binding = Binding(table[:, :3].astype(np.int64), table[:, 3:6], table[:, 6:], np.array(hidden, np.int64), axes)
    return binding, mesh


def _ranges(words: list[str]) -> list[int]:
    """`3 5 - 7` -> 3, 5, 6, 7."""
    numbers: list[int] = []
    for before, word in zip(["", *words], words, strict=False):
        if word.isdigit():
            numbers += range(numbers[-1] + 1, int(word) + 1) if before == "-" and numbers else [int(word)]
    return numbers
