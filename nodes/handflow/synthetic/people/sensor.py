"""What a camera makes of a scene: softness, noise, motion blur, rain, infra-red, compression; and how much of it."""

from dataclasses import dataclass

import cv2
import numpy as np

QUIET = 0.002  # noise below which a picture is taken for denoised, 0..1
# How much a sensor without filter sees of what is red, green and blue, in an infra-red lamp's light.
INFRARED = np.array([0.75, 0.3, 0.05], np.float32)
COLOURLESS = 3  # of 255: channels that differ by less are one
# Variance, pixels^2, of what the measuring blurs: a Gaussian of .5, the difference of pixels 2 apart, the pixel itself.
OWN_BLUR = 0.25 + 4 / 12 + 1 / 12


@dataclass(frozen=True)
class SensorLook:
    """A camera's softness and noise."""

    softness_px: float  # standard deviation of a Gaussian, pixels of the finished picture
    noise: float  # standard deviation at middle grey, 0..1
    quality: int = 0  # of JPEG; 0: not compressed
    infrared: bool = False
    rain: float = 0.0  # 0..1
    shake_px: float = 0.0
    exposure_s: float = 1 / 60

    @classmethod
    def random(cls, rng: np.random.Generator, dark: bool = False) -> "SensorLook":
        return cls(
            softness_px=float(rng.uniform(0.3, 1.0)),
            noise=float(rng.choice([0.015, 0.03, 0.05] if dark else [0.003, 0.008, 0.02])),
            quality=int(rng.integers(40, 90)) if rng.random() < 0.5 else 0,
            shake_px=float(rng.uniform(1.5, 5)) if rng.random() < 0.1 else 0.0,
            exposure_s=drawn_exposure_s(rng, dark),
        )


def drawn_exposure_s(rng: np.random.Generator, dark: bool = False) -> float:
    """How long a shutter is open; longer in the dark."""
    return float(np.exp(rng.uniform(*np.log((1 / 60, 1 / 20) if dark else (1 / 250, 1 / 30)))))


def measured_noise(image: np.ndarray) -> float:
    """The noise (0..1) of a channel of a picture (h, w, 3) uint8, after Immerkaer 1996, where the picture is smooth."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = []
    for channel in cv2.split(image.astype(np.float32)):
        around, level = cv2.blur(np.abs(cv2.filter2D(channel, -1, kernel)), (9, 9)), cv2.blur(channel, (9, 9))
        # What is black or white has been cut off.
        usable = (level > 8) & (level < 247)
        if usable.sum() >= 100:
            found.append(float(np.sqrt(np.pi / 2) / 6 * np.quantile(around[usable], 0.25) / 255))
    return float(np.mean(found)) if found else QUIET


def is_grey(image: np.ndarray) -> bool:
    """Whether a picture (h, w, 3) uint8 has no colours."""
    channels = image[::4, ::4].astype(np.int16)
    return bool(np.quantile(np.ptp(channels, axis=2), 0.95) <= COLOURLESS)


def measured_softness(image: np.ndarray) -> float:
    """The blur of a picture's sharpest edges, pixels: by blurring it again (Zhuo and Sim 2011, 3.1)."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), 0.5)
    again = cv2.GaussianBlur(grey, (0, 0), 1.5)
    slopes = [np.hypot(cv2.Sobel(each, cv2.CV_32F, 1, 0), cv2.Sobel(each, cv2.CV_32F, 0, 1)) for each in (grey, again)]
    sharp = slopes[0] >= max(float(np.quantile(slopes[0], 0.995)), 40)
    if not sharp.any():
        return 0.7
    # An edge of blur s has a slope as 1 / s: the ratio is sqrt(s^2 + 1.5^2) / s.
    ratio = float(np.median(slopes[0][sharp] / np.maximum(slopes[1][sharp], 1e-3)))
    blurred = 1.5 / np.sqrt(max(ratio**2 - 1, 0.05))
    return float(np.clip(np.sqrt(max(blurred**2 - OWN_BLUR, 0.04)), 0.2, 3.0))


def noisy(rng: np.random.Generator, image: np.ndarray, noise: float, share: np.ndarray | float = 1.0) -> np.ndarray:
    """A picture (h, w, 3) 0..1 with a sensor's noise, more where it is bright; `share` (h, w, 1) of it."""
    if noise <= 0:
        return image
    grain = cv2.GaussianBlur(rng.standard_normal(image.shape, np.float32), (0, 0), 0.6) * 2.1
    return image + grain * share * noise * (0.4 + np.sqrt(image.clip(0, 1)))


def motion_blur(image: np.ndarray, length_px: float, angle: float) -> np.ndarray:
    """As if it had moved by so much while the shutter was open."""
    half = int(np.ceil(length_px / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    way = np.array([np.cos(angle), np.sin(angle)]) * length_px / 2
    ends = [tuple(int(v) for v in np.round((half + sign * way) * 16)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_8, 4)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()))


def rained_on(rng: np.random.Generator, image: np.ndarray, amount: float) -> np.ndarray:
    """Streaks of falling rain, less contrast, and some drops on the lens."""
    height, width = image.shape[:2]
    streaks = np.zeros((height, width), np.float32)
    slant = rng.normal(0, 0.15)
    for _ in range(int(amount * width * height / 1500)):
        x, y, length = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.01, 0.05) * height
        end = int(x + slant * length), int(y + length)
        cv2.line(streaks, (int(x), int(y)), end, float(rng.uniform(0.05, 0.3)), 1, cv2.LINE_AA)
    fogged = image * (1 - 0.25 * amount) + 0.25 * amount * image.mean()
    out = fogged + cv2.GaussianBlur(streaks, (0, 0), 0.7)[..., None] * (0.25 + image.mean())
    blurred = cv2.GaussianBlur(out, (0, 0), width / 90)
    for _ in range(int(rng.integers(0, 6) * amount)):
        drop = np.zeros((height, width), np.float32)
        middle = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        cv2.circle(drop, middle, int(rng.uniform(0.008, 0.03) * width), 1.0, -1, cv2.LINE_AA)
        mask = cv2.GaussianBlur(drop, (0, 0), 2)[..., None]
        out = out * (1 - mask) + np.roll(blurred, width // 40, axis=0) * mask
    return np.asarray(out, np.float32)


def infrared(image: np.ndarray) -> np.ndarray:
    """Grey as a sensor without filter sees it: skin, leaves and most dyes are bright, edges of the picture dark."""
    height, width = image.shape[:2]
    grey = image @ INFRARED
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    lamp = np.exp(-0.9 * (x**2 + y**2))
    return np.repeat(((0.15 + 0.85 * grey) * (0.3 + 0.8 * lamp))[..., None], 3, axis=2)


def seen(rng: np.random.Generator, image: np.ndarray, look: SensorLook) -> np.ndarray:
    """The finished picture (h, w, 3) uint8 BGR of a scene (h, w, 3) 0..1 RGB, whose softness it has already."""
    if look.shake_px:
        image = motion_blur(image, look.shake_px, float(rng.uniform(0, np.pi)))
    if look.rain:
        image = rained_on(rng, image, look.rain)
    if look.infrared:
        image = infrared(image)
    image = noisy(rng, image, look.noise)
    if look.infrared:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    pixels = np.ascontiguousarray((image.clip(0, 1) * 255 + 0.5).astype(np.uint8)[..., ::-1])
    if look.quality:
        packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, look.quality])[1]
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return pixels
