"""A person's body that can be posed: a skeleton, and meshes for near and far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .mesh import Colour, SkinnedMesh, merged
from .skeleton import INDEX, Rotations, Skeleton

# Up to how far from the camera a mesh with cells of this size is drawn.
NEAR_M, MIDDLE_M = 3.5, 8.0
CELL_MIDDLE_M, CELL_FAR_M = 0.011, 0.03
SHIRT = (
    *("spine05", "spine04", "spine03", "spine02", "spine01"),
    *("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02"),
)
TROUSERS = ("root", "pelvis", "upperleg01", "upperleg02", "lowerleg01", "lowerleg02")


@dataclass(frozen=True, eq=False)
class PosedBody:
    """A body at one moment, in its own frame; the lowest vertex stands on y = 0."""

    mesh: SkinnedMesh
    positions: np.ndarray  # (n, 3) of the mesh's vertices
    normals: np.ndarray
    joints: np.ndarray  # (bones, 3)


@dataclass(frozen=True, eq=False)
class BodyModel:
    """One person, with clothes on."""

    skeleton: Skeleton
    meshes: tuple[SkinnedMesh, SkinnedMesh, SkinnedMesh]  # near, middle, far
    child: bool = False

    @classmethod
    def of(cls, skeleton: Skeleton, parts: Sequence[SkinnedMesh], child: bool = False) -> "BodyModel":
        mesh = merged(parts)
        return cls(skeleton, (mesh, mesh.coarser(CELL_MIDDLE_M), mesh.coarser(CELL_FAR_M)), child)

    def recoloured(self, tint: Colour) -> "BodyModel":
        """All of one colour, as a statue or a dummy is."""
        near, middle, far = (mesh.tinted(np.ones(len(mesh.position), bool), tint) for mesh in self.meshes)
        return replace(self, meshes=(near, middle, far))

    def gloved(self, colour: Colour) -> "BodyModel":
        """With gloves on."""
        near, middle, far = (mesh.tinted(mesh.hand > 0, [*colour, 0.9]) for mesh in self.meshes)
        return replace(self, meshes=(near, middle, far))

    def without_hands(self) -> "BodyModel":
        """With hands that nobody sees: in pockets, behind the back."""
        near, middle, far = (
            replace(mesh, triangles=mesh.triangles[~(mesh.hand[mesh.triangles] > 0).any(axis=1)])
            for mesh in self.meshes
        )
        return replace(self, meshes=(near, middle, far))

    def posed(self, rotations: Rotations, distance_m: float) -> PosedBody:
        """The mesh for `distance_m`, bent by `rotations`. Linear blend skinning."""
        mesh = self.meshes[0 if distance_m < NEAR_M else 1 if distance_m < MIDDLE_M else 2]
        turned, positions = self.skeleton.posed(rotations, np.zeros(3))
        offset = positions - np.einsum("bij,bj->bi", turned, self.skeleton.heads)
        moves = np.concatenate([turned, offset[..., None]], axis=2).astype(np.float32)  # (bones, 3, 4)
        blend = np.einsum("nk,nkij->nij", mesh.weight, moves[mesh.bone])
        vertices = np.einsum("nij,nj->ni", blend[..., :3], mesh.position) + blend[..., 3]
        normals = np.einsum("nij,nj->ni", blend[..., :3], mesh.normal)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        shift = np.array([0, -vertices[:, 1].min(), 0], np.float32)
        return PosedBody(mesh, vertices + shift, normals, positions + shift)


def painted_clothes(mesh: SkinnedMesh, rng: np.random.Generator) -> SkinnedMesh:
    """Clothes as colours on the body itself: a shirt with long or short sleeves, trousers or shorts, shoes."""
    owner = np.take_along_axis(mesh.bone, mesh.weight.argmax(axis=1)[:, None], 1)[:, 0]
    for bones in (SHIRT[: len(SHIRT) - rng.choice([0, 2, 3])], TROUSERS[: rng.choice([4, 6, 6])], ("foot",)):
        covered = np.isin(owner, [index for bone, index in INDEX.items() if bone.split(".")[0] in bones])
        mesh = mesh.tinted(covered, cloth_tint(rng, plain=False))
        mesh = replace(mesh, skin=np.where(covered, 0, mesh.skin).astype(np.float32))
    return mesh


def cloth_tint(rng: np.random.Generator, plain: bool = True) -> list[float]:
    """A cloth's colour; `plain`: often its texture's own."""
    if plain and rng.random() < 0.35:
        return [1, 1, 1, 0]
    colour = rng.uniform(0.08, 1.2) * (np.ones(3) if rng.random() < 0.5 else rng.uniform(0.25, 1, 3))
    return [*colour.tolist(), float(rng.uniform(0.7, 1))]
