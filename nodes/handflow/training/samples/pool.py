"""The labelled pictures, drawn by how near their hands are."""

from collections import Counter

import numpy as np

from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import OPEN

FULL_PX = 300  # a picture of so many pixels squared is drawn as often as any larger one


class Pool:
    """The labelled pictures by how near their hands are; a source with many pictures does not drown the others."""

    def __init__(self, pictures: list[LabelledPicture]) -> None:
        size = [np.median(p.boxes[p.hands, 2:].max(axis=1)) / p.width if p.hands.any() else 0 for p in pictures]
        count = Counter(p.source for p in pictures)
        groups = {source: len({p.group for p in pictures if p.source == source}) for source in count}
        # A second picture of the same person teaches less than a second person, and a thumbnail less than a scene.
        weight = [
            groups[p.source] ** 0.33
            / count[p.source] ** 0.5
            * (2 if OPEN in p.kinds else 1)
            * min(1, (p.width * p.height) ** 0.5 / FULL_PX)
            for p in pictures
        ]
        self.near = WeightedPictures([(p, w) for p, w, s in zip(pictures, weight, size, strict=True) if s > 0.15])
        self.far = WeightedPictures([(p, w) for p, w, s in zip(pictures, weight, size, strict=True) if 0 < s <= 0.15])
        self.empty = WeightedPictures([(p, w) for p, w, s in zip(pictures, weight, size, strict=True) if s == 0])


class WeightedPictures:
    """Pictures to draw from, each with its weight."""

    def __init__(self, pictures: list[tuple[LabelledPicture, float]]) -> None:
        self.pictures = [p for p, _ in pictures]
        self.edges = np.cumsum([w for _, w in pictures])

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, rng: np.random.Generator) -> LabelledPicture:
        """A random one, by weight."""
        return self.pictures[int(np.searchsorted(self.edges, rng.random() * self.edges[-1], side="right"))]
