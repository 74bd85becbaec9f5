"""Frame -> Heatmap: the network's maps of where hands are. One thread, 720p, `near`: 3.3 ms in int8, 6.9 in fp32.

A profile says how many pixels the network is shown; their shape is the picture's own, so that a picture on end or a
square one is seen as finely as a wide one. What is left to the multiples the network needs gets black bars.
"""

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Literal

import cv2
import numpy as np

from handflow.errors import SetupError
from handflow.messages import Frame, Hands, Heatmap
from handflow.runtime.node import Node, Range
from handflow.vision.model import (
    INT8_STRAYS,
    PROFILES,
    Model,
    check_pictures,
    expected,
    input_size,
    model_path,
    open_model,
    strays,
)

if TYPE_CHECKING:
    pass


class HeatmapNode(Node):
    """Shows where in the picture hands are, and which of them are open palms."""

    model: Annotated[str, "a model of ours by name, or the path of an ONNX file"] = "hands"
    profile: Annotated[
        Literal["near", "mid", "far", "auto"],
        "how finely to look: near is fast; far sees hands of 2-5 % of the width; auto is the finest that keeps `fps`",
    ] = "near"
    precision: Annotated[
        Literal["auto", "fp32", "int8"],
        "auto: the faster one, if int8 is right on this processor; fp32 in exact runs, `detect` and `evaluate`",
    ] = "auto"
    threads: Annotated[int, Range(1, 64), "of the network; the other stages need processor cores too"] = 1
    fps: Annotated[float, Range(1, 240), "what profile auto must keep, with half the time left to other stages"] = 30.0
    prior_gain: Annotated[float, Range(0, 4), "how much the map is raised where hands are expected"] = 0.0  # unmeasured

    def start(self) -> None:
        cv2.setNumThreads(1)
        chosen = self.choose()
        profile: str = self.profile
        if profile == "auto" and self.exact:
            raise SetupError("profile auto depends on how busy the machine is: an exact run needs near, mid or far")
        if profile == "auto":
            kept = [name for name in PROFILES[1:] if chosen.seconds(name) < 0.5 / self.fps]
            profile = kept[-1] if kept else "near"
        path, self.budget = chosen.path, chosen.sizes[profile]
        del chosen  # 10-20 MB, before it is opened again
        self.size = self.budget  # a wide picture's, as most cameras give it
        # A folder may hold pictures of a few shapes in turn: what was opened for one is kept, 10-20 MB each.
        self.opened = lru_cache(maxsize=4)(partial(open_model, path, self.threads))
        self.network = self.opened(self.size)
        self.seen = (0, 0)  # the last picture's size
        self.network.seconds_of(self.size)  # the first pictures take longer: they are none of the graph's
        self.note = f"{profile} {self.network.facts.get('precision', '')}".strip()

    def choose(self) -> "Model":
        """The model that `precision` asks for. Raises SetupError."""
        if self.precision != "auto":
            return open_model(model_path(self.model, self.precision), self.threads)
        plain = open_model(model_path(self.model), self.threads)
        quantised = plain.path.with_name(f"{plain.path.stem}-int8.onnx")
        if self.exact or not quantised.is_file():  # what is faster depends on the machine and on the moment
            return plain
        faster = open_model(quantised, self.threads)
        # Some processors add up products of int8 in 16 bits and cut off what does not fit.
        if (strayed := strays(plain.run, faster.run, check_pictures())) > INT8_STRAYS:
            self.log.warning(
                "%s strays from %s by %.2f on this processor (%.2f is allowed): fp32 is used. `handflow export` makes "
                "an int8 file with weights of 7 bits, which every processor computes alike",
                faster.path, plain.path, strayed, INT8_STRAYS,
            )  # fmt: skip
            return plain
        return min((plain, faster), key=lambda model: model.seconds("near"))

    def changed(self, name: str) -> bool:
        return name != "prior_gain"

    def process(self, frame: Frame, prior: Hands | None) -> Heatmap:
        if frame.image.shape[:2] != self.seen:
            self.seen = frame.image.shape[:2]
            size = input_size(self.seen[1], self.seen[0], self.budget, self.network.multiple)
            if size != self.size:
                self.size = size
                self.network = self.opened(size)
        guess = None if prior is None else partial(expected, prior, (frame.captured_ns - prior.captured_ns) / 1e9)
        heatmap = self.network.look(frame.image, self.size, guess)
        if self.prior_gain and guess is not None:
            where = guess(heatmap.scale, heatmap.shift, heatmap.values.shape)
            heatmap.values = np.minimum(heatmap.values * (1 + self.prior_gain * where), 1).astype(np.float32)
        return heatmap
