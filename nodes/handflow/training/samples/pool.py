"""The labelled pictures, drawn by how near their hands are."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from handflow.training.labels.pictures import LabelledPicture
from handflow.training.targets import OPEN

FULL_PX = 300  # a picture of so many pixels squared is drawn as often as any larger one
NEAR = 0.15  # of the width: larger hands are near


class Pool:
    """The labelled pictures by how near their hands are; a source with many pictures does not drown the others."""

    def __init__(
        self, every: list[LabelledPicture], rendered: float = 0.3, shares: Mapping[str, float] | None = None
    ) -> None:
        """`rendered`: share of samples that show rendered people. `shares`: of a recipe's data sets, by name."""
        self.rendered = WeightedPictures([(p, 1.0) for p in every if p.rendered], shares)
        self.rendered_share = rendered if len(self.rendered) else 0.0
        pictures = [p for p in every if not p.rendered] or every
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
        sized = list(zip(pictures, weight, size, strict=True))
        self.near = WeightedPictures([(p, w) for p, w, s in sized if s > NEAR], shares)
        self.far = WeightedPictures([(p, w) for p, w, s in sized if 0 < s <= NEAR], shares)
        self.empty = WeightedPictures([(p, w) for p, w, s in sized if s == 0], shares)
        # Of strangers each picture counts alike.
        strangers = [(p, 1.0) for p, s in zip(pictures, size, strict=True) if 0 < s <= 0.25 and groups[p.source] > 9]
        self.people = WeightedPictures(strangers, shares)


class WeightedPictures:
    """Pictures to draw from, each with its weight."""

    def __init__(
        self, pictures: list[tuple[LabelledPicture, float]], shares: Mapping[str, float] | None = None
    ) -> None:
        self.pictures = [p for p, _ in pictures]
        weights = np.array([w for _, w in pictures])
        if shares is not None:
            datasets = np.array([p.dataset for p in self.pictures])
            for name in set(datasets.tolist()):
                weights[datasets == name] *= shares.get(name, 0.0) / weights[datasets == name].sum()
            keep = weights > 0
            self.pictures, weights = [p for p, k in zip(self.pictures, keep, strict=True) if k], weights[keep]
        self.edges = np.cumsum(weights)

    def __len__(self) -> int:
        return len(self.pictures)

    def draw(self, rng: np.random.Generator) -> LabelledPicture:
        """A random one, by weight."""
        return self.pictures[int(np.searchsorted(self.edges, rng.random() * self.edges[-1], side="right"))]
