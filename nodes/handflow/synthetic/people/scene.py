"""Rendered pictures and clips of strangers, with what is true of them; the same key gives the same picture."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .assets import Cast
from .backgrounds import Backgrounds, EmptyView
from .composite import composed
from .parts import PartsList
from .renderer import PeopleRenderer
from .strangers import THING_OWNER, Stranger, Wish, gather, scenery
from .truth import TrueLabels, labels_of

FPS = 30
HAZE = (0.0, 0.0, 0.003, 0.01)  # of the light, each metre


class RenderedPicture(NamedTuple):
    """A picture, or a clip's frame, and what is true of it."""

    image: np.ndarray  # (h, w, 3) uint8, BGR
    labels: TrueLabels
    group: str
    condition: str


class SceneRenderer:
    """Draws people of a cast in front of backgrounds."""

    def __init__(self, cast: Cast, backgrounds: Backgrounds) -> None:
        self.cast, self.backgrounds = cast, backgrounds
        self.renderer = PeopleRenderer(cast.stack.pictures)

    def picture(self, key: list[int], wish: Wish) -> RenderedPicture:
        """The picture of a key."""
        empty = wish.empty
        rng = np.random.default_rng(key)
        view = self.backgrounds.view(rng)
        strangers = gather(rng, key, self.cast, view, wish)
        things = int(rng.integers(1, 6)) if empty else int(rng.random() < 0.25)
        return self._frame(key, rng, view, strangers, things, view.picture, float(rng.uniform(0, 60)), None)

    def clip(self, key: list[int], seconds: float, wish: Wish, fps: float = FPS) -> Iterator[RenderedPicture]:
        """The frames of a clip in which they walk and wave; hands have ids."""
        empty = wish.empty
        rng = np.random.default_rng(key)
        view = self.backgrounds.view(rng)
        strangers = gather(rng, key, self.cast, view, wish)
        things = int(rng.integers(1, 6)) if empty else int(rng.integers(0, 3))
        for number in range(round(seconds * fps)):
            frame_rng = np.random.default_rng([*key, number, 1])
            background = self.backgrounds.moved(view, round(number * FPS / fps))
            yield self._frame(key, frame_rng, view, strangers, things, background, number / fps, number)

    def _frame(
        self,
        key: list[int],
        rng: np.random.Generator,
        view: EmptyView,
        strangers: list[Stranger],
        things: int,
        background: np.ndarray,
        t: float,
        number: int | None,
    ) -> RenderedPicture:
        parts = PartsList()
        # Of a clip each frame has the same things and the same haze.
        still = np.random.default_rng([*key, 5])
        seconds = t if number is not None else 0.0
        people = [stranger.add_to(parts, t, view.camera.eye) for stranger in strangers]
        for solid in scenery(still, view, strangers, things, seconds):
            parts.add_solid(solid, THING_OWNER)
        if not parts:
            return RenderedPicture(
                composed(still, rng, view, background, None, []), TrueLabels(), view.group, view.condition
            )
        haze = background[: len(background) // 2].mean(axis=(0, 1)) ** 2
        thick = float(still.choice(HAZE)) if not view.own else 0.0
        drawn = self.renderer.draw(view.camera, parts.drawn(), view.light, view.gain, haze, thick)
        scale = view.size[0] / view.camera.size[0]
        labels = labels_of(drawn, view.camera, people, scale, ids=number is not None)
        return RenderedPicture(
            composed(still, rng, view, background, drawn, people), labels, view.group, view.condition
        )
