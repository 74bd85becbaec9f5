"""Batches: samples and targets of one step, stacked."""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from handflow.errors import SetupError
from handflow.training.network import MULTIPLE, STRIDE
from handflow.training.settings import Settings
from handflow.training.targets import IGNORE, draw_parts, draw_targets
from handflow.training.teaching.matching import taught_maps
from handflow.vision.prior import blobs

from .compose import TrainingSample, sample, visible
from .pool import Pool

# image (B, 3, h, w), the maps of targets.Targets (B, c, h/4, w/4), coarse (k, 4); where the settings ask for them also
# prior (B, 1, h/4, w/4), parts (B, 5, h/8, w/8) with parts_mask (B, 1, h/8, w/8), and what teachers see, taught with
# taught_weight (B, 2, h/4, w/4).
Batch = dict[str, Tensor]
HOW_OFTEN = (0.35, 0.22, 0.15, 0.28)  # a batch has the first, second … of its sizes


class Batches(IterableDataset):
    """Batches without end, each made from its own number: the same whoever makes it."""

    def __init__(self, pool: Pool, settings: Settings, first: int) -> None:
        self.pool, self.settings, self.first = pool, settings, first

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        worker = torch.utils.data.get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.first + number
        while True:
            yield make_batch(self.pool, self.settings, step)
            step += workers


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """ "320x192,288x224" as widths and heights. Raises SetupError."""
    sizes = [tuple(int(n) for n in size.split("x") if n.isdigit()) for size in text.split(",")]
    good = all(len(size) == 2 and min(size) > 0 and not any(n % MULTIPLE for n in size) for size in sizes)
    if not good or len(sizes) > len(HOW_OFTEN):
        expected = f"one to {len(HOW_OFTEN)} sizes as 320x192,288x224 in multiples of {MULTIPLE} pixels"
        raise SetupError(f"sizes: expected {expected}, got {text!r}")
    return [(width, height) for width, height in sizes]


def make_batch(pool: Pool, settings: Settings, step: int) -> Batch:
    """Samples and targets of one step, stacked."""
    rng = np.random.default_rng((settings.seed, step % 2**32))
    large = rng.random() < settings.large
    count = max(1, settings.batch * 2 // 5) if large else settings.batch
    sizes = parse_sizes(settings.large_sizes if large else settings.sizes)
    often = np.array(HOW_OFTEN[: len(sizes)])
    width, height = sizes[rng.choice(len(sizes), p=often / often.sum())]
    teaching = bool(settings.teachers) and rng.random() < settings.teaching
    seen = teachers_size(width, height, settings.teachers_zoom) if teaching else (width, height)
    shown = [sample(rng, pool, *seen) for _ in range(count)]
    samples = [resized(s, width, height) for s in shown]
    columns, rows = width // STRIDE, height // STRIDE
    shape, other = settings.target, settings.other_weight
    drawn = [draw_targets(s.boxes / STRIDE, s.kinds, columns, rows, shape, other, settings.even) for s in samples]
    if not settings.mask:
        drawn = [t._replace(mask=np.ones_like(t.mask)) for t in drawn]
    coarse = [np.insert(t.coarse, 0, number, axis=1) for number, t in enumerate(drawn)]  # (k, 4): sample, x, y, side
    images = np.stack([s.image.transpose(2, 0, 1) for s in samples])  # (B, 3, h, w)
    maps = {name: np.stack([getattr(t, name) for t in drawn]) for name in drawn[0]._fields[:-1]}  # (B, c, h/4, w/4)
    whole = {"image": images, "coarse": np.concatenate(coarse), **maps}
    if settings.parts:
        whole["parts"], whole["parts_mask"] = part_maps(samples, columns // 2, rows // 2)
    if settings.prior:
        whole["prior"] = np.stack([made_up_prior(rng, s, columns, rows) for s in samples])
    if teaching:
        large_images = np.stack([s.scene.transpose(2, 0, 1) for s in shown])
        if rng.random() < settings.mixing:
            share = rng.uniform(0, 0.5, (count, 1, 1, 1)).astype(np.float32)
            whole.update(mixed(share, whole))
            large_images = laid_over(share, large_images)
        maps_seen = taught_maps(large_images, settings.teachers)
        whole["taught"], whole["taught_weight"] = (fitted(each, columns, rows) for each in maps_seen)
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in whole.items()}


def teachers_size(width: int, height: int, zoom: float) -> tuple[int, int]:
    """Width and height that teachers see: about `zoom` times as large, in what every teacher takes, its form kept."""
    if zoom == 1:
        return width, height

    def nearest(side: int) -> list[int]:
        low = max(1, int(side * zoom / MULTIPLE))
        return [low * MULTIPLE, (low + 1) * MULTIPLE]

    def wrong(size: tuple[int, int]) -> float:
        across, down = size[0] / width, size[1] / height
        return float(abs(np.log(across / zoom)) + abs(np.log(down / zoom)) + 2 * abs(np.log(across / down)))

    return min(((w, h) for w in nearest(width) for h in nearest(height)), key=wrong)


def resized(sample: TrainingSample, width: int, height: int) -> TrainingSample:
    """The sample in `width` x `height` pixels."""
    rows, columns = sample.image.shape[:2]
    if (columns, rows) == (width, height):
        return sample
    image, scene = (
        cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in (sample.image, sample.scene)
    )
    times = np.array([width / columns, height / rows] * 2, np.float32)
    boxes, kinds = visible(sample.boxes * times, sample.kinds, width, height)
    parts = np.column_stack([sample.parts[:, :4] * times, sample.parts[:, 4]]).astype(np.float32)
    return TrainingSample(image, scene, boxes, kinds, parts, sample.people)


def fitted(maps: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Maps (B, c, h, w) with `rows` and `columns`."""
    if maps.shape[2:] == (rows, columns):
        return maps
    size = (columns, rows)
    return np.stack([[cv2.resize(m, size, interpolation=cv2.INTER_LINEAR) for m in each] for each in maps])


def mixed(share: np.ndarray, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Samples laid over each other (mixup, arXiv 1710.09412); labels no longer count, what teachers see does."""
    changed = {name: np.zeros_like(batch[name]) for name in sorted(batch.keys() & {"mask", "weight", "parts_mask"})}
    return changed | {"image": laid_over(share, batch["image"]), "coarse": batch["coarse"][:0]}


def laid_over(share: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Each of the images (B, 3, h, w) with `share` (B, 1, 1, 1) of the one before it over it."""
    return (images * (1 - share) + np.roll(images, 1, axis=0) * share).astype(np.uint8)


def part_maps(samples: list[TrainingSample], columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets (B, 5, rows, columns) of the heads for people's parts, and where they count (B, 1, rows, columns)."""
    drawn = [
        draw_parts(s.parts[:, :4] / (2 * STRIDE), s.parts[:, 4].astype(int), s.people, columns, rows) for s in samples
    ]
    return np.stack([heat for heat, _ in drawn]), np.stack([mask for _, mask in drawn])


def made_up_prior(rng: np.random.Generator, sample: TrainingSample, columns: int, rows: int) -> np.ndarray:
    """A map (1, rows, columns) of where a tracker might expect the sample's hands: off, missing, invented, or blank."""
    hands = sample.boxes[sample.kinds != IGNORE] / STRIDE
    if rng.random() < 0.4:
        return np.zeros((1, rows, columns), np.float32)
    hands = hands[rng.random(len(hands)) > 0.15]
    side = hands[:, 2:].max(axis=1, initial=0)
    centre = hands[:, :2] + hands[:, 2:] / 2 + rng.normal(0, 0.2, (len(hands), 2)) * side[:, None]
    false = rng.poisson(0.4)
    centre = np.concatenate([centre, rng.random((false, 2)) * [columns, rows]])
    side = np.concatenate([side, np.exp(rng.uniform(np.log(2), np.log(columns / 3), false))])
    return blobs(centre - 0.5, side / 2, rows, columns)[None].astype(np.float32)
