"""Microsoft Rocketbox's avatars (MIT): photographed clothes, faces and hands, some 4,000 vertices each.

A folder holds AVATAR.npz (vertices v, faces, mat, uv, bones with head and parent, skin weights w of the bones names)
and the textures of LOOKS as WebP; README.md says where they are from.
"""

from pathlib import Path

import numpy as np

from .body import BodyModel
from .mesh import SkinnedMesh, part
from .skeleton import BONES, HALVES, INDEX, SIDES, Skeleton
from .textures import TextureStack

# Avatar -> its textures: of the body, of the head.
LOOKS = {
    "Female_Adult_01": ("t18", "t25"), "Female_Adult_03": ("t11", "t34"), "Female_Adult_05": ("t08", "t27"),
    "Female_Adult_09": ("t16", "t28"), "Female_Adult_12": ("t12", "t15"), "Male_Adult_01": ("t13", "t03"),
    "Male_Adult_04": ("t05", "t01"), "Male_Adult_06": ("t21", "t14"), "Male_Adult_09": ("t30", "t23"),
}  # fmt: skip
TRUNK = {
    "root": "Pelvis", "spine05": "Spine", "spine04": "Spine", "spine03": "Spine1", "spine02": "Spine1",
    "spine01": "Spine2", "neck01": "Neck", "neck02": "Neck", "neck03": "Neck", "head": "Head",
}  # fmt: skip
LIMBS = {
    "clavicle": "Clavicle", "shoulder01": "Clavicle", "upperarm01": "UpperArm", "lowerarm01": "Forearm",
    "wrist": "Hand", "metacarpal1": "Hand", "metacarpal2": "Hand", "metacarpal3": "Hand", "metacarpal4": "Hand",
    "upperleg01": "Thigh", "lowerleg01": "Calf", "foot": "Foot",
}  # fmt: skip
LIMBS |= {f"finger{f}-{k}": f"Finger{f - 1}" + ("" if k == 1 else str(k - 1)) for f in range(1, 6) for k in (1, 2, 3)}
PREFIX = "Bip01 "


def theirs(bone: str) -> str | None:
    """What one of our bones is called there; None: it has none."""
    stem, _, side = bone.partition(".")
    if stem == "pelvis":
        return "Pelvis"
    return TRUNK.get(stem) or (f"{side} {LIMBS[stem]}" if stem in LIMBS else None)


def upright(vectors: np.ndarray) -> np.ndarray:
    """Their z is up."""
    return np.stack([vectors[..., 0], vectors[..., 2], -vectors[..., 1]], -1)


class Rocketbox:
    """One avatar, of which people of several heights and shades are made."""

    def __init__(self, folder: Path, avatar: str, stack: TextureStack) -> None:
        self.data = dict(np.load(folder / f"{avatar}.npz", allow_pickle=False))
        self.layers = [stack.add(folder / f"{texture}.webp", opaque=True) for texture in LOOKS[avatar]]
        heads = zip(self.data["bones"], upright(self.data["head"]), strict=True)
        self.heads = {str(bone).removeprefix(PREFIX): head for bone, head in heads}
        parents = zip(self.data["bones"], self.data["parent"], strict=True)
        self.parents = {str(b).removeprefix(PREFIX): str(p).removeprefix(PREFIX) for b, p in parents}
        self.vertices = upright(self.data["v"])
        # Each corner has a texture point of its own there, most of them the same.
        self.points, self.point = np.unique(self.data["uv"].round(5), axis=0, return_inverse=True)

    def person(self, rng: np.random.Generator) -> BodyModel:
        """Somebody who wears its clothes."""
        scale = rng.uniform(0.93, 1.05)
        skeleton = self.skeleton(scale)
        vertices = self.vertices * scale
        weights = self.weights(vertices, skeleton)
        tint = [*(rng.uniform(0.7, 1.1) * rng.uniform(0.93, 1.05, 3)).tolist(), 0.0]
        return BodyModel.of(skeleton, self.parts(vertices, weights, tint))

    def skeleton(self, scale: float) -> Skeleton:
        heads = np.zeros((len(BONES), 3))
        for bone in BONES:
            if name := theirs(bone):
                heads[INDEX[bone]] = self.heads[name]
        tails = heads.copy()
        for side in SIDES:
            for limb, end in HALVES.items():
                first, last = heads[INDEX[f"{limb}01.{side}"]], heads[INDEX[f"{end}.{side}"]]
                heads[INDEX[f"{limb}02.{side}"]] = (first + last) / 2
            for finger in range(1, 6):
                first, second, third = (INDEX[f"finger{finger}-{k}.{side}"] for k in (1, 2, 3))
                tails[first], tails[second] = heads[second], heads[third]
                tails[third] = 2 * heads[third] - heads[second]
        return Skeleton(heads * scale, tails * scale)

    def weights(self, vertices: np.ndarray, skeleton: Skeleton) -> np.ndarray:
        """Their weights on our bones; a limb's second half takes over in its middle."""
        ours = {name: bone for bone in reversed(BONES) if (name := theirs(bone))} | {"Spine1": "spine03"}
        weights = np.zeros((len(vertices), len(BONES)), np.float32)
        for column, name in zip(self.data["w"].T, self.data["names"], strict=True):
            name = str(name).removeprefix(PREFIX)
            while name not in ours:
                name = self.parents.get(name, "Head") or "Head"
            bone = ours[name]
            stem, _, side = bone.partition(".")
            if (end := HALVES.get(stem.removesuffix("01"))) and stem.endswith("01"):
                a, b = skeleton.head_of(bone), skeleton.head_of(f"{end}.{side}")
                late = np.clip(((vertices - a) @ (b - a) / ((b - a) @ (b - a)) - 0.35) / 0.3, 0, 1)
                weights[:, INDEX[bone]] += column * (1 - late)
                weights[:, INDEX[f"{stem[:-1]}2.{side}"]] += column * late
            else:
                weights[:, INDEX[bone]] += column
        return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)

    def parts(self, vertices: np.ndarray, weights: np.ndarray, tint: list[float]) -> list[SkinnedMesh]:
        """Body and head. Lashes and strands, which are half transparent, are left out."""
        hands = [INDEX[bone] for bone in BONES if bone.startswith(("wrist", "metacarpal", "finger"))]
        bare = weights[:, hands].sum(axis=1) > 0.3
        parts = []
        for number, material in enumerate(str(name) for name in self.data["materials"]):
            if "opacity" in material:
                continue
            faces, body = self.data["faces"][self.data["mat"] == number], "body" in material
            corners = self.points, self.point.ravel()[faces[..., 1]]
            layer = self.layers[0 if body else 1]
            triangles = faces[..., 0].astype(np.int64)
            skin = bare if body else np.ones(len(vertices))
            parts.append(part(vertices, triangles, weights, tint, corners=corners, layer=layer, skin=skin))
        return parts


def rocketboxes(folder: Path, stack: TextureStack) -> dict[str, Rocketbox]:
    """The avatars in a folder, by name."""
    return {
        avatar: Rocketbox(folder, avatar, stack)
        for avatar, textures in LOOKS.items()
        if (folder / f"{avatar}.npz").exists() and all((folder / f"{name}.webp").exists() for name in textures)
    }
