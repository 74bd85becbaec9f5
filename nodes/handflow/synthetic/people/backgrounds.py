"""Empty places for people to stand in: one's own pictures, panoramas, or drawn squares; each with camera and light."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

import cv2
import numpy as np

from . import lights
from .bodies.geometry import UP, rotation
from .camera import PinholeCamera
from .lights import Lighting
from .sensor import SensorLook, drawn_exposure_s, is_grey, measured_noise, measured_softness
from .squares import Place, draw_place

Standpoint = Literal["square", "street", "ceiling"]
# How long a hand is where people stand, of the picture's width.
HAND_SHARES: dict[Standpoint, tuple[float, float]] = {
    "square": (0.01, 0.085),
    "street": (0.035, 0.16),
    "ceiling": (0.025, 0.12),
}
STANDPOINTS: dict[Standpoint, float] = {"square": 0.45, "street": 0.4, "ceiling": 0.15}
CONDITIONS = {"day": 0.38, "overcast": 0.2, "night": 0.14, "rain": 0.1, "infrared": 0.09, "stage": 0.09}
LONGEST_PX = 1280  # of a finished picture
FINER = 1.5  # drawn places are drawn so much larger than they are finished
DARK = 0.03  # mean light of a picture that was taken at night
BLACK = 0.012  # light of the ground below which people would be seen no more
GROUND_ALBEDO = 0.28
MEASURED = 8  # pictures by which a camera's noise and softness are measured
STEEP_RAD = 0.8  # a camera that looks down by more than this hangs on a ceiling or a mast
LEVEL_RAD = 0.03  # how far from level people hold a camera


@dataclass(frozen=True, eq=False)
class EmptyView:
    """What a camera sees before anybody comes."""

    picture: np.ndarray  # (h, w, 3) float32, 0..1 RGB as in a file
    camera: PinholeCamera  # as people are drawn: finer than the picture, where that is a drawn one
    light: Lighting
    look: SensorLook
    standpoint: Standpoint
    group: str  # the place's name
    gain: float = 1.0
    own: bool = False  # a picture with its camera's softness and noise in it
    region: np.ndarray | None = field(default=None)  # (n, 3) corners on the ground of the part that matters
    bounds: np.ndarray | None = field(default=None)  # (n, 3) corners within which people are
    condition: str = "day"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the finished picture."""
        height, width = self.picture.shape[:2]
        return width, height


class Backgrounds(Protocol):
    """Gives empty views; `number` says which of a clip's frames."""

    def view(self, rng: np.random.Generator) -> EmptyView: ...

    def moved(self, view: EmptyView, number: int) -> np.ndarray: ...


def tone(linear: np.ndarray) -> np.ndarray:
    """Linear light as in a file, 0..1: the curve that the shaders have too."""
    light = np.maximum(linear, 0)
    return np.sqrt(light / (1 + 0.18 * light)).clip(0, 1)


def choose(rng: np.random.Generator, shares: dict) -> str:
    """One of the names in `shares`, by their shares of whatever sum."""
    chances = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=chances / chances.sum()))


def drawn_camera(rng: np.random.Generator, standpoint: str, size: tuple[int, int]) -> PinholeCamera:
    """A camera as people mount it."""
    upright = size[1] > size[0]
    angle = rng.uniform(0.35, 0.75) if upright else rng.uniform(0.6, 1.35)
    focal = 0.5 / np.tan(angle / 2)
    if standpoint == "ceiling":
        pitch, height = -rng.uniform(0.9, np.pi / 2 - 0.01), rng.uniform(2.8, 5.5)
    else:
        horizon = rng.uniform(0.28, 0.55)
        pitch = -np.arctan((0.5 - horizon) * size[1] / size[0] / focal)
        height = rng.uniform(0.9, 1.9) if standpoint == "street" else rng.uniform(1.3, 4.0)
    return PinholeCamera.level(size, float(focal), float(pitch), float(height), float(rng.normal(0, LEVEL_RAD)))


def finished_size(rng: np.random.Generator, standpoint: str) -> tuple[int, int]:
    """Of a drawn picture; streets are often upright."""
    long = int(rng.choice([640, 640, 800, 960]))
    if standpoint == "street" and rng.random() < 0.5:
        return int(long * rng.uniform(0.56, 0.8)) // 8 * 8, long
    return long, int(long * rng.choice([9 / 16, 3 / 4])) // 8 * 8


def lighting(rng: np.random.Generator, condition: str) -> tuple[Lighting, float]:
    """The light, and how bright the picture is to be in the end."""
    if condition == "night":
        return lights.lamplight(rng), rng.uniform(0.07, 0.2)
    if condition == "stage":
        return lights.stage_light(rng), rng.uniform(0.1, 0.3)
    if condition == "infrared":
        return lights.frontal_light(rng), rng.uniform(0.15, 0.4)
    return lights.daylight(rng, overcast=condition != "day"), rng.uniform(0.18, 0.45)


def look_of(rng: np.random.Generator, condition: str) -> SensorLook:
    """How a camera sees under `condition`: dark, infrared or through rain."""
    look = SensorLook.random(rng, dark=condition in ("night", "infrared", "stage"))
    rain = float(rng.uniform(0.3, 1)) if condition == "rain" else 0.0
    return replace(look, infrared=condition == "infrared", rain=rain)


class DrawnSquares:
    """Squares, streets, lawns and halls that nobody has photographed; in pictures of a `size`, or of usual ones."""

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = size

    def view(self, rng: np.random.Generator) -> EmptyView:
        standpoint, condition = choose(rng, STANDPOINTS), choose(rng, CONDITIONS)
        size = self.size or finished_size(rng, standpoint)
        camera = drawn_camera(rng, standpoint, (int(size[0] * FINER) // 4 * 4, int(size[1] * FINER) // 4 * 4))
        light, wanted = lighting(rng, condition)
        number = int(rng.integers(1 << 30))
        place_rng = np.random.default_rng(number)
        place = Place.random(place_rng, dark=condition in ("night", "stage", "infrared"), covered=condition != "day")
        linear = draw_place(place_rng, place, camera.resized(size), light)
        # As a camera exposes: for the picture without its brightest parts.
        gain = wanted / max(float(np.minimum(linear, np.quantile(linear, 0.9)).mean()), 1e-3)
        gain = min(gain, 1.6 / max(0.4 * float(light.brightness().mean()), 1e-3))
        return EmptyView(
            picture=tone(linear * gain).astype(np.float32),
            camera=camera,
            light=light,
            look=look_of(rng, condition),
            standpoint=standpoint,  # type: ignore[arg-type]
            group=f"square {number}",
            gain=gain,
            condition=condition,
            bounds=place.corners,
        )

    def moved(self, view: EmptyView, number: int) -> np.ndarray:
        return view.picture


class MixedViews:
    """Views of two kinds by turns, at random."""

    def __init__(self, first: Backgrounds, second: Backgrounds) -> None:
        self.kinds = first, second

    def view(self, rng: np.random.Generator) -> EmptyView:
        return self.kinds[int(rng.integers(2))].view(rng)

    def moved(self, view: EmptyView, number: int) -> np.ndarray:
        return view.picture


class Panorama(NamedTuple):
    """A picture of everything around, linear."""

    name: str
    light: np.ndarray  # (h, w, 3)


class PanoramaViews:
    """Parts of photographed panoramas, which know their own light; in pictures of a `size`, or of usual ones."""

    def __init__(self, panoramas: Sequence[Panorama], size: tuple[int, int] | None = None) -> None:
        self.panoramas, self.size = panoramas, size

    def view(self, rng: np.random.Generator) -> EmptyView:
        sky = self.panoramas[int(rng.integers(len(self.panoramas)))]
        standpoint = choose(rng, {"square": 0.6, "street": 0.4})
        size = self.size or finished_size(rng, standpoint)
        camera = drawn_camera(rng, standpoint, (int(size[0] * FINER) // 4 * 4, int(size[1] * FINER) // 4 * 4))
        turn = rng.uniform(0, 2 * np.pi)
        small = np.asarray(cv2.resize(sky.light, (128, 64), interpolation=cv2.INTER_AREA))
        light = lights.of_panorama(rng, small, turn)
        linear = seen_panorama(np.minimum(sky.light, 40 * np.median(sky.light)), camera.resized(size), turn)
        gain = rng.uniform(0.12, 0.35) / max(float(np.median(linear.mean(axis=-1))), 1e-4)
        gain = min(gain, 1.6 / max(0.4 * float(light.brightness().mean()), 1e-4))
        dark = "night" in sky.name
        return EmptyView(
            picture=tone(linear * gain).astype(np.float32),
            camera=camera,
            light=light,
            look=SensorLook.random(rng, dark),
            standpoint=standpoint,  # type: ignore[arg-type]
            group=f"panorama {sky.name}",
            gain=gain,
            condition="night" if dark else "day",
        )

    def moved(self, view: EmptyView, number: int) -> np.ndarray:
        return view.picture


def seen_panorama(light: np.ndarray, camera: PinholeCamera, turn_rad: float) -> np.ndarray:
    """The part of a panorama that `camera` sees, (h, w, 3) linear."""
    width, height = camera.size
    rays = camera.all_rays() @ rotation(UP, turn_rad).astype(np.float32)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    rows, columns = light.shape[:2]
    u = (np.arctan2(rays[:, 0], -rays[:, 2]) / (2 * np.pi) + 0.5) * columns - 0.5
    v = (0.5 - np.arcsin(rays[:, 1].clip(-1, 1)) / np.pi) * rows - 0.5
    across, down = (each.reshape(height, width).astype(np.float32) for each in (u, v))
    # Cubic rings at the rim of a bright sky: dark outlines.
    return np.asarray(cv2.remap(light, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


class OwnPicture(NamedTuple):
    """An empty picture, or a frame of a clip: all frames have the clip's name."""

    name: str
    read: Callable[[], np.ndarray]  # (h, w, 3) uint8, BGR


class OwnPictures:
    """Pictures of one's own place. Their noise, softness and colour are measured, and people get the same.

    `camera`: where it is known, or drawn for each picture. `region`: the part of the ground (n, 3) that matters.
    """

    def __init__(
        self, pictures: Sequence[OwnPicture], camera: PinholeCamera | None, region: np.ndarray | None = None
    ) -> None:
        self.pictures, self.camera, self.region = pictures, camera, region
        shown = [picture.read() for picture in pictures[:: max(1, len(pictures) // MEASURED)]]
        self.noise = float(np.median([measured_noise(image) for image in shown]))
        self.softness_px = float(np.median([measured_softness(image) for image in shown]))
        self.grey = all(is_grey(image) for image in shown)

    def view(self, rng: np.random.Generator) -> EmptyView:
        picture = self.pictures[int(rng.integers(len(self.pictures)))]
        image = picture.read()
        size = fitted(image)
        standpoint: Standpoint = "square" if rng.random() < 0.6 else "street"
        camera = drawn_camera(rng, standpoint, size) if self.camera is None else self.camera.resized(size)
        if self.camera is not None and camera.down_rad > STEEP_RAD:
            standpoint = "ceiling"
        empty = _as_float(image, size)
        softness_px = self.softness_px * size[0] / image.shape[1]
        light = self._light(rng, empty)
        # People are lit as the ground is, which is about as dark as asphalt and slabs are.
        ground = max(float(np.median(empty[size[1] * 2 // 5 :] ** 2)), BLACK)
        return EmptyView(
            picture=empty,
            camera=camera,
            light=light,
            look=SensorLook(softness_px, self.noise, infrared=self.grey, exposure_s=drawn_exposure_s(rng)),
            standpoint=standpoint,
            group=picture.name,
            own=True,
            gain=float(rng.uniform(0.9, 1.5)) * ground / (GROUND_ALBEDO * float(light.brightness().mean())),
            region=self.region,
        )

    def moved(self, view: EmptyView, number: int) -> np.ndarray:
        """The frame that comes `number` after a clip's first: to its end, and back."""
        same = [picture for picture in self.pictures if picture.name == view.group]
        place = number % max(2 * len(same) - 2, 1)
        return _as_float(same[place if place < len(same) else 2 * len(same) - 2 - place].read(), view.size)

    def _light(self, rng: np.random.Generator, picture: np.ndarray) -> Lighting:
        """Daylight, or at night lamps, in the picture's colours; an infra-red camera has a lamp of its own."""
        linear = picture**2
        if float(linear.mean()) < DARK:
            return lights.frontal_light(rng) if self.grey else lights.lamplight(rng)
        cast = linear.mean(axis=(0, 1)) / max(float(linear.mean()), 1e-4)
        return lights.daylight(rng, overcast=rng.random() < 0.4).scaled(cast**0.5)


def fitted(image: np.ndarray) -> tuple[int, int]:
    """The picture's size, at most as large as pictures are, in whole fours."""
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    return max(4, int(width * scale) // 4 * 4), max(4, int(height * scale) // 4 * 4)


def _as_float(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(resized[..., ::-1]).astype(np.float32) / 255
