"""Frame -> Heatmap: the network's maps of where hands are. One thread, 720p, `near`: 3.3 ms in int8, 6.9 in fp32.

While nothing moves and the tracker is in no doubt, only `idle_fps` pictures a second are shown to the network; for the
others the last maps are sent again, which say from when they are. What moves is looked at in the same frame.

A profile says how many pixels the network is shown; their shape is the frame's own, so that one on end or a square one
is searched as finely as a wide one. What is left to the multiples the network needs gets black bars. `gaze` shows it
the frame at near now and then, and windows at the frame's own resolution where hands are or may be (vision/gaze).
"""

from copy import copy
from functools import lru_cache, partial
from typing import Annotated, Literal

import cv2
import numpy as np

from handflow import Flow, Frame, Hands, Heatmap, Node, Range, SetupError
from handflow.vision.gaze.gaze import Effort, Gaze, gaze_for
from handflow.vision.model import Model, model_path, open_model
from handflow.vision.model_choice import choose_model, choose_profile
from handflow.vision.model_input import input_size
from handflow.vision.prior import expected_map
from handflow.vision.providers import PROVIDERS, choose_provider
from handflow.vision.stillness import MOST_STREAMS, Stillness, cells_of

# A hand that stops is looked at for so long before the scene counts as settled.
SETTLE_S = 1.0


class CameraScene:
    """What one camera shows: whether it has settled, and the last look at it."""

    def __init__(self) -> None:
        self.stillness = Stillness()
        self.last: Heatmap | None = None
        # Stream clock.
        self.looked_ns = self.moved_ns = 0

    def may_rest(self, frame: Frame, prior: Hands | None, idle_fps: float) -> bool:
        """Whether this frame need not be looked at: nothing has moved for a while and the tracker is in no doubt."""
        moved = self.stillness.moved(cells_of(frame.image), frame.captured_ns)
        if moved or (prior is not None and prior.doubtful):
            self.moved_ns = frame.captured_ns
        since_s = (frame.captured_ns - self.looked_ns) / 1e9
        # A clock that went back is a new beginning.
        rests = 0 <= since_s < 1 / idle_fps and frame.captured_ns - self.moved_ns >= SETTLE_S * 1e9
        if not rests:
            self.stillness.looked()
        return rests


class HeatmapNode(Node):
    """Shows where in the frame hands are, and which of them are open palms."""

    model: Annotated[str, "a model of ours by name, or the path of an ONNX file"] = "hands"
    profile: Annotated[
        Literal["near", "mid", "far", "auto", "gaze"],
        "how finely to look: near is fast; far sees hands of 2-5 % of the width; auto is the finest that keeps `fps`; "
        "gaze sees those of 1-5 % in cameras of 960 pixels and more, by windows",
    ] = "near"
    precision: Annotated[
        Literal["auto", "fp32", "int8"],
        "auto: the faster one, if int8 is right on this processor; fp32 in exact runs, `detect` and `evaluate`",
    ] = "auto"
    provider: Annotated[
        Literal["auto", "cpu", "cuda", "coreml", "directml", "openvino"],
        "what runs it; auto: the quickest that is installed. One that is missing or slower than cpu is told, not taken",
    ] = "cpu"
    threads: Annotated[int, Range(1, 64), "of the network; the other stages need processor cores too"] = 1
    fps: Annotated[float, Range(1, 240), "what profile auto must keep, with half the time left to other stages"] = 30.0
    idle_fps: Annotated[
        float, Range(0.5, 240), "pictures a second that are looked at while nothing moves; `fps` or more: all of them"
    ] = 5.0
    effort: Annotated[
        float, Range(0.1, 10), "of gaze: work a frame, in looks at the whole at near; 2.2 is as much as far"
    ] = 1.0
    budget_ms: Annotated[
        float,
        Range(0, 1000),
        "of gaze: ms of the processor a frame at most, measured as it runs; 0: `effort` alone; not in exact runs",
    ] = 0.0
    every: Annotated[
        int,
        Range(1, 120),
        "of gaze: the whole frame each so many frames; sooner when much moves, 3 times as rarely at most",
    ] = 5
    window_px: Annotated[
        int,
        Range(64, 512),
        "of gaze: a window's side as the network sees it, in its multiple (32); larger ones see more around a hand",
    ] = 96
    # It helps on the demo and not on labelled clips: models/README.md, "The prior".
    prior_gain: Annotated[float, Range(0, 4), "how much the map is raised where hands are expected"] = 0.0

    def start(self) -> None:
        cv2.setNumThreads(1)
        if self.profile == "auto" and self.exact:
            raise SetupError(
                "profile: expected near, mid, far or gaze in an exact run, got auto, which depends on the clock"
            )
        chosen = choose_model(self.model, self.precision, self.threads, self.exact, self.log)
        profile: str = choose_profile(chosen, self.fps) if self.profile == "auto" else self.profile
        whole = "near" if profile == "gaze" else profile
        path, self.budget, provider = chosen.path, chosen.sizes[whole], "cpu"
        if self.provider != "cpu" and not self.exact:
            plain = model_path(self.model, "int8" if self.precision == "int8" else "fp32")
            path, provider = choose_provider(self.provider, plain, chosen, self.budget, self.threads, self.log)
        # 10-20 MB, before it is opened again.
        del chosen
        # A folder may hold pictures of a few shapes in turn: what was opened for one is kept, 10-20 MB each.
        self.opened = lru_cache(maxsize=4)(lambda size: open_model(path, self.threads, size, PROVIDERS[provider].name))
        # A wide frame's, as most cameras give it.
        self.size = self.budget
        self.network = self.opened(self.size)
        self.frame_size = (0, 0)  # height and width of the last frame
        # The first runs take longer: they are none of the graph's.
        self.whole_s = self.network.seconds_of(self.size)
        # Of several cameras each has its own, and their trackers' hands are none of the others'. One that starts anew
        # has another number.
        self.scene_of = lru_cache(maxsize=MOST_STREAMS)(lambda stream: CameraScene())
        self.gaze_of = lru_cache(maxsize=MOST_STREAMS)(self._new_gaze)
        self.windows: Model | None = None
        if profile == "gaze":
            multiple = self.network.multiple
            self.side_px = max(self.window_px // multiple, 1) * multiple
            self.windows = self.opened((self.side_px, self.side_px))
            self.windows.seconds_of((self.side_px, self.side_px))
        where = "" if provider == "cpu" else provider
        self.note = " ".join(filter(None, [profile, self.network.metadata.get("precision", ""), where]))

    def changed(self, name: str) -> bool:
        return name not in ("prior_gain", "idle_fps", "effort", "budget_ms", "every")

    def process(self, frame: Frame, prior: Hands | None, flow: Flow | None = None) -> Heatmap:
        scene = self.scene_of(frame.stream)
        known = prior if prior is not None and prior.stream == frame.stream else None
        if self.idle_fps < self.fps and scene.may_rest(frame, known, self.idle_fps) and scene.last is not None:
            again = copy(scene.last)
            again.seen_ns = scene.looked_ns
            return again
        scene.last, scene.looked_ns = self.look(frame, prior, flow), frame.captured_ns
        return scene.last

    def look(self, frame: Frame, prior: Hands | None, flow: Flow | None = None) -> Heatmap:
        """What the network says of a frame."""
        if frame.image.shape[:2] != self.frame_size:
            self.frame_size = height, width = frame.image.shape[:2]
            size = input_size(width, height, self.budget, self.network.multiple)
            if size != self.size:
                self.size = size
                self.network = self.opened(size)
        prior_map = None
        if prior is not None:
            prior_map = partial(expected_map, prior, (frame.captured_ns - prior.captured_ns) / 1e9)
        whole = partial(self.network.infer, frame.image, self.size, prior_map)
        if self.windows is None:
            heatmap = whole()
        else:
            known = prior if prior is not None and prior.stream == frame.stream else None
            moving = flow if flow is not None and flow.stream == frame.stream else None
            effort = Effort(self.effort, self.budget_ms, self.every)
            heatmap = self.gaze_of(frame.stream, self.frame_size).look(frame, known, moving, effort, whole)
        if self.prior_gain and prior_map is not None:
            raised = prior_map(heatmap.scale, heatmap.shift, heatmap.values.shape)
            heatmap.values = np.minimum(heatmap.values * (1 + self.prior_gain * raised), 1).astype(np.float32)
        return heatmap

    def _new_gaze(self, stream: int, frame_size: tuple[int, int]) -> Gaze:
        """That of a stream whose frames have this height and width."""
        assert self.windows is not None
        height, width = frame_size
        return gaze_for(self.windows, self.side_px, (width, height), self.size, self.whole_s, self.exact)
