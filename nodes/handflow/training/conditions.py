"""What cameras in installations do to a picture, as plain functions of their strengths.

Training draws the strengths at random (samples/camera_effects.py); `evaluate --as-seen-by` uses the fixed ones of
CONDITIONS. Images are (height, width, 3) uint8 BGR, boxes (n, 4) x, y, width, height in pixels.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from handflow.capture.images import decode_image
from handflow.runtime.transport import jpeg

GREY = (0.114, 0.587, 0.299)  # BT.601, blue first
INFRA_RED = (0.1, 0.25, 0.65)  # skin is bright whatever its colour, most cloth too
RAMP = np.tile(np.arange(256, dtype=np.float32)[:, None], (1, 3))  # (256, 3): each value of each channel, as it is


class SeenPicture(NamedTuple):
    """A picture after a condition, and its boxes there."""

    image: np.ndarray
    boxes: np.ndarray


def lookup(image: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    """Each value of each channel replaced by what stands for it in `ramp` (256, 3)."""
    return cv2.LUT(image, np.broadcast_to(ramp, (256, 3)).clip(0, 255).astype(np.uint8).reshape(1, 256, 3))


# Light


def lit(image: np.ndarray, gain: float | tuple[float, ...] | np.ndarray) -> np.ndarray:
    """So many times the light, of each colour or of blue, green and red; what is too bright is cut off."""
    return lookup(image, RAMP * np.asarray(gain, np.float32))


def dark(image: np.ndarray, gain: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    """A part of the light, and the sensor's own noise (standard deviation of 0..255), which does not get less."""
    return with_noise(lit(image, gain), noise, rng)


def with_noise(image: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise on each pixel and channel."""
    return (image + rng.normal(0, noise, image.shape).astype(np.float32)).clip(0, 255).astype(np.uint8)


def two_lamps(image: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Coloured light from either side: the gains (3,) at the left and at the right edge."""
    across = np.linspace(0, 1, image.shape[1], dtype=np.float32)[None, :, None]
    gain = (left * (1 - across) + right * across).astype(np.float32)  # (1, width, 3)
    return (image * gain).clip(0, 255).astype(np.uint8)


def lamp_at(image: np.ndarray, x: float, y: float, fall: float, gain: float = 1.3) -> np.ndarray:
    """Light from the camera, brightest at x, y (-1..1 of the picture), falling off with the square of the distance."""
    height, width = image.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32) - x
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - y
    light = (gain * np.exp(-(across**2 + down**2) * fall)).astype(np.float32)
    return (image * light[..., None]).clip(0, 255).astype(np.uint8)


def haze(image: np.ndarray, share: float, veil: float | np.ndarray) -> np.ndarray:
    """Fog or a dirty lens: `share` of the light comes from a veil of this brightness."""
    return lookup(image, RAMP * (1 - share) + np.float32(veil) * np.float32(share))


# Sensors


def colourless(
    image: np.ndarray, weights: tuple[float, ...] | np.ndarray = GREY, gamma: float = 1.0, gain: float = 1.0
) -> np.ndarray:
    """One brightness for the three channels: `weights` of blue, green and red, then a gamma and a gain."""
    grey = np.asarray(cv2.transform(image, np.asarray(weights, np.float32)[None]))
    return lookup(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), (RAMP / 255) ** gamma * 255 * gain)


def interlaced(image: np.ndarray, shift: float) -> np.ndarray:
    """Every second line was taken a moment earlier: `shift` of the width beside its place, as of a camera that pans."""
    combed = image.copy()
    combed[1::2] = np.roll(image, round(shift * image.shape[1]), axis=1)[1::2]
    return combed


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG of a quality of 0 to 100 leaves of the picture."""
    return np.asarray(decode_image(jpeg.encode(image, quality)))


def rain(image: np.ndarray, drops: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Drops on the lens, each up to `radius` of the width: small, blurred pictures upside down."""
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    from_x, from_y, wet = x.copy(), y.copy(), np.zeros((height, width), np.float32)
    for _ in range(drops):
        size = max(2.0, radius * width * float(rng.uniform(0.3, 1)))
        column, row = rng.random(2) * [width, height]
        down = slice(max(0, int(row - size)), int(row + size) + 2)
        across = slice(max(0, int(column - size)), int(column + size) + 2)
        dx, dy = x[down, across] - column, y[down, across] - row
        inside = dx**2 + dy**2 < size**2
        from_x[down, across][inside] = (column - 3 * dx)[inside]
        from_y[down, across][inside] = (row - 3 * dy)[inside]
        wet[down, across][inside] = 1
    bent = cv2.remap(image, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    soft = max(1.0, 0.3 * radius * width)
    share = cv2.GaussianBlur(wet, (0, 0), 0.3 * soft)[..., None]
    return (image * (1 - share) + cv2.GaussianBlur(bent, (0, 0), soft) * share).astype(np.uint8)


# How the camera hangs, and its lens: the boxes move


def mirrored(image: np.ndarray, boxes: np.ndarray) -> SeenPicture:
    """Left and right changed, as in a mirror."""
    moved = boxes.copy()
    moved[:, 0] = image.shape[1] - boxes[:, 0] - boxes[:, 2]
    return SeenPicture(np.ascontiguousarray(image[:, ::-1]), moved)


def upside_down(image: np.ndarray, boxes: np.ndarray) -> SeenPicture:
    """Turned by 180 degrees, as of a camera that hangs from the ceiling."""
    moved = boxes.copy()
    moved[:, :2] = [image.shape[1], image.shape[0]] - boxes[:, :2] - boxes[:, 2:]
    return SeenPicture(np.ascontiguousarray(image[::-1, ::-1]), moved)


def on_its_side(image: np.ndarray, boxes: np.ndarray) -> SeenPicture:
    """Turned by 90 degrees, clockwise; width and height change places."""
    moved = boxes[:, [1, 0, 3, 2]]
    moved[:, 0] = image.shape[0] - boxes[:, 1] - boxes[:, 3]
    return SeenPicture(np.ascontiguousarray(np.rot90(image, -1)), moved)


def tilted(image: np.ndarray, boxes: np.ndarray, angle: float) -> SeenPicture:
    """Turned by `angle` degrees, clockwise, and made smaller so that all of it stays in the picture."""
    height, width = image.shape[:2]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    zoom = min(width / (width * abs(c) + height * abs(s)), height / (width * abs(s) + height * abs(c)))
    turn, middle = zoom * np.array([[c, -s], [s, c]]), np.array([width, height]) / 2
    shift = middle - turn @ middle
    matrix = np.column_stack([turn, turn @ [0.5, 0.5] + shift - 0.5])  # OpenCV counts from pixels' middles
    seen = np.asarray(cv2.warpAffine(image, matrix, (width, height)))
    return SeenPicture(seen, _around(outlines(boxes) @ turn.T + shift))


def fish_eye(image: np.ndarray, boxes: np.ndarray, bend: float) -> SeenPicture:
    """A lens that shows the middle 1 + `bend` times as large as it is at the corners, which stay in their places.

    At r, of half the diagonal, it shows what lay at r * (1 + bend * r^2) / (1 + bend).
    """
    height, width = image.shape[:2]
    middle, half = np.array([width, height]) / 2, np.hypot(width, height) / 2
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1) - middle
    scale = (1 + bend * (grid**2).sum(axis=-1) / half**2) / (1 + bend)  # (height, width)
    source = (grid * scale[..., None] + middle - 0.5).astype(np.float32)
    seen = np.asarray(
        cv2.remap(image, source[..., 0], source[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )
    points = outlines(boxes) - middle
    wanted = np.hypot(points[..., 0], points[..., 1]) / half
    r = wanted.copy()
    for _ in range(12):  # Newton's method: where what lay at `wanted` is shown
        r -= (r * (1 + bend * r**2) - wanted * (1 + bend)) / (1 + 3 * bend * r**2)
    return SeenPicture(seen, _around(points * (r / np.maximum(wanted, 1e-9))[..., None] + middle))


def outlines(boxes: np.ndarray) -> np.ndarray:
    """Sixteen points (n, 16, 2) on the ellipse in each box: hands leave a box's corners empty."""
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    return boxes[:, None, :2] + boxes[:, None, 2:] / 2 * (1 + circle)


def _around(points: np.ndarray) -> np.ndarray:
    low, high = points.min(axis=1), points.max(axis=1)
    return np.column_stack([low, high - low]).astype(np.float32).reshape(-1, 4)


# By name


def _fixed() -> np.random.Generator:
    return np.random.default_rng(0)


APPEARANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "grey": colourless,
    "infra-red": lambda image: colourless(image, INFRA_RED, gamma=0.8),
    "dark": lambda image: dark(image, 1 / 8, 1.0, _fixed()),  # an eighth of the light
    "over-exposed": lambda image: lit(image, 2.2),
    "red": lambda image: lit(image, (0.15, 0.2, 1)),
    "green": lambda image: lit(image, (0.2, 1, 0.25)),
    "blue": lambda image: lit(image, (1, 0.35, 0.2)),
    "magenta": lambda image: lit(image, (0.9, 0.2, 1)),
    "haze": lambda image: haze(image, 0.5, 190),
    "rain": lambda image: rain(image, 60, 0.035, _fixed()),
    "interlaced": lambda image: interlaced(image, 0.01),
    "compressed": lambda image: compressed(image, 10),
}
VIEWS: dict[str, Callable[[np.ndarray, np.ndarray], SeenPicture]] = {
    "turned-90": on_its_side,
    "turned-180": upside_down,
    "tilted": lambda image, boxes: tilted(image, boxes, 15),
    "mirrored": mirrored,
    "fish-eye": lambda image, boxes: fish_eye(image, boxes, 0.6),
}
CONDITIONS = (*APPEARANCES, *VIEWS)
