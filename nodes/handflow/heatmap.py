"""Frame -> Heatmap: the network's maps of where hands are. One thread, 720p, `near`: 3.3 ms in int8, 6.9 in fp32.

The model file takes pictures of any size; a profile names one of the sizes it was made for. Pictures of another shape
get black bars, which measured better than giving those pixels to the picture: hands that touch the frame are found.
"""

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import cv2
import numpy as np

from .messages import Frame, Hands, Heatmap, State
from .runtime.node import Node, Range, SetupError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PROFILES = ("near", "mid", "far")  # from fast to fine; how large each is stands in the model file


class HeatmapNode(Node):
    """Shows where in the picture hands are, and which of them are open palms."""

    model: Annotated[str, "a model of ours by name, or the path of an ONNX file"] = "hands"
    profile: Annotated[
        Literal["near", "mid", "far", "auto"],
        "how finely to look: near is fast; far sees hands of 2-5 % of the width; auto is the finest that keeps `fps`",
    ] = "near"
    precision: Annotated[Literal["auto", "fp32", "int8"], "auto times both at the start and takes the faster"] = "auto"
    threads: Annotated[int, Range(1, 64), "of the network; the other stages need processor cores too"] = 1
    fps: Annotated[float, Range(1, 240), "what profile auto must keep, with half the time left to other stages"] = 30.0
    prior_gain: Annotated[float, Range(0, 4), "how much the map is raised where hands are expected"] = 0.0  # unmeasured

    def start(self) -> None:
        cv2.setNumThreads(1)
        paths = [model_path(self.model, "fp32" if self.precision == "auto" else self.precision)]
        faster = paths[0].with_name(f"{paths[0].stem}-int8.onnx")
        if self.precision == "auto" and faster.is_file() and not self.exact:
            paths.append(faster)  # not so on every processor: hence the timing, on which nothing exact may depend
        models = [open_model(path, self.threads) for path in paths]
        fastest = min(models, key=lambda m: m.seconds("near")) if len(models) > 1 else models[0]
        profile: str = self.profile
        if profile == "auto" and self.exact:
            raise SetupError("profile auto depends on how busy the machine is: an exact run needs near, mid or far")
        if profile == "auto":
            kept = [name for name in PROFILES[1:] if fastest.seconds(name) < 0.5 / self.fps]
            profile = kept[-1] if kept else "near"
        path, self.size = fastest.path, fastest.sizes[profile]
        del models, fastest  # 10-20 MB, before the chosen one takes them again
        self.network = open_model(path, self.threads, self.size)
        self.note = f"{profile} {self.network.facts.get('precision', '')}".strip()

    def changed(self, name: str) -> bool:
        return name != "prior_gain"

    def process(self, frame: Frame, prior: Hands | None) -> Heatmap:
        heatmap = self.network.look(frame.image, self.size)
        if self.prior_gain and prior is not None and len(prior.id):
            elapsed_s = (frame.captured_ns - prior.captured_ns) / 1e9
            heatmap.values = raise_expected(heatmap, prior, elapsed_s, self.prior_gain)
        return heatmap


class Model:
    """An opened network."""

    def __init__(self, session: "InferenceSession", path: Path, facts: dict[str, str]) -> None:
        self.session = session
        self.path = path
        self.facts = facts  # the file's metadata
        self.stride = int(facts["stride"])
        self.sizes: dict[str, tuple[int, int]] = {k: (w, h) for k, (w, h) in json.loads(facts["profiles"]).items()}
        self.tensor: np.ndarray | None = None  # filled again at every picture

    def look(self, image: np.ndarray, size: tuple[int, int]) -> Heatmap:
        """The maps of a picture (height, width, 3), shown to the network at `size` (width, height)."""
        height, width = image.shape[:2]
        self.tensor, scale, shift = prepare(image, *size, self.tensor)
        values, opens, radius, offset = self.run(self.tensor)
        return Heatmap(
            values=values,
            open=opens,
            radius=radius,
            offset=offset,
            scale=scale * self.stride,
            shift=shift,
            width=width,
            height=height,
        )

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        """(1, 3, h, w) uint8 -> any hand, open palm, radius (rows, columns), offset (rows, columns, 2), in cells."""
        return [output[0] for output in self.session.run(OUTPUTS, {"image": tensor})]

    def seconds(self, profile: str) -> float:
        """How long one picture takes: the best of three, after one that warms up."""
        width, height = self.sizes[profile]
        tensor = np.zeros((1, 3, height, width), np.uint8)
        times = []
        for _ in range(4):
            began = time.perf_counter()
            self.run(tensor)
            times.append(time.perf_counter() - began)
        return min(times[1:])


OUTPUTS = ["any", "open", "radius", "offset"]
NEEDED = {"stride", "profiles"}  # metadata that an ONNX file must have to be a model of ours


def model_path(name: str, precision: str = "fp32") -> Path:
    """Where the model called `name` lies: a path as given, else a packaged model. Raises SetupError.

    The int8 form of `hands.onnx` lies beside it as `hands-int8.onnx`.
    """
    packaged = not (name.endswith(".onnx") or "/" in name or "\\" in name)
    plain = models_folder() / f"{name}.onnx" if packaged else Path(name).expanduser()
    path = plain if precision == "fp32" else plain.with_name(f"{plain.stem}-{precision}.onnx")
    if path.is_file():
        return path
    there = sorted(p.stem for p in plain.parent.glob("*.onnx") if not p.stem.endswith("-int8"))
    raise SetupError(
        f"model: there is no {path.name} in {path.parent} (models there: {', '.join(there) or 'none'}); "
        f"name one of these, or give the path of an ONNX file made by `handflow export`"
    )


def models_folder() -> Path:
    """The packaged models: inside an installed wheel, else beside `nodes` in a checkout."""
    package = Path(__file__).parent
    return package / "models" if (package / "models").is_dir() else package.parent.parent / "models"


def open_model(path: Path, threads: int = 1, size: tuple[int, int] | None = None) -> Model:
    """The network in an ONNX file. Raises SetupError when there is none of ours in it.

    `size`: the only one (width, height) that it will be shown pictures at, which makes it 3 % quicker.
    """
    import onnxruntime  # here, for it takes 0.1 s that `handflow check` need not spend

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between frames burn 34-38 ms of processor time per frame at 30 fps instead of 7.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, pixels in zip(("width", "height"), size or (), strict=False):
        options.add_free_dimension_override_by_name(name, pixels)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base of their own
        reason = str(error).splitlines()[0].split(" : ")[-1][:120]
        raise SetupError(f"model: {path} is not an ONNX file that onnxruntime can open ({reason})") from None
    facts = session.get_modelmeta().custom_metadata_map
    outputs = [output.name for output in session.get_outputs()]
    inputs = [(i.name, i.type) for i in session.get_inputs()]
    if not NEEDED.issubset(facts) or outputs != OUTPUTS or inputs != [("image", "tensor(uint8)")]:
        raise SetupError(
            f"model: {path} is an ONNX file but not a model of handflow's: it gives {', '.join(outputs)}; "
            f"{', '.join(OUTPUTS)} and metadata {', '.join(sorted(NEEDED))} were expected; `handflow export` makes one"
        )
    return Model(session, path, facts)


class Prepared(NamedTuple):
    tensor: np.ndarray  # (1, 3, h, w) uint8, BGR
    scale: np.ndarray  # (2,) 0..1 of the picture's width and height per pixel of the tensor
    shift: np.ndarray  # (2,) where the tensor's corner lies in the picture


def prepare(image: np.ndarray, width: int, height: int, tensor: np.ndarray | None = None) -> Prepared:
    """A picture as the network takes it, `width` x `height`, with black bars where the shapes differ by over 1.5 %.

    `tensor` is filled if it has the right shape. Numbers stay bytes: their scaling is the network's first step.
    """
    if tensor is None or tensor.shape != (1, 3, height, width):
        tensor = np.empty((1, 3, height, width), np.uint8)
    rows, columns = image.shape[:2]
    inner_width, inner_height = width, height
    if abs(math.log(width * rows / (height * columns))) > 0.015:
        fit = min(width / columns, height / rows)
        inner_width, inner_height = max(1, round(columns * fit)), max(1, round(rows * fit))
        tensor.fill(0)
    # INTER_LINEAR skips pixels when it shrinks by more than 2. Up to 4 (720p at near) that costs no hand and no place,
    # while means of 2x2 first cost 0.4 ms on a picture that lies in no cache, and INTER_AREA 0.8.
    while image.shape[1] > 4 * inner_width and image.shape[0] > 4 * inner_height:
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_LINEAR)
    image = cv2.resize(image, (inner_width, inner_height), interpolation=cv2.INTER_LINEAR)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    tensor[0, :, top : top + inner_height, left : left + inner_width] = image.transpose(2, 0, 1)
    inner = np.array([inner_width, inner_height])
    return Prepared(tensor, 1 / inner, -np.array([left, top]) / inner)


def raise_expected(heatmap: Heatmap, prior: Hands, elapsed_s: float, gain: float) -> np.ndarray:
    """The map of any hand times 1 + gain x Gaussians where the prior's hands should be by now; at most 1."""
    alive = prior.state != State.LEAVING
    xy = prior.xy[alive] + prior.velocity[alive] * np.float32(elapsed_s)
    centre = (xy - heatmap.shift) / heatmap.scale - 0.5  # (n, 2), cells
    sigma = np.maximum(prior.radius[alive] / heatmap.scale[0] / 2, 1)  # (n,): a quarter of a hand, but not under a cell
    rows, columns = heatmap.values.shape
    x = np.exp(-((np.arange(columns) - centre[:, :1]) ** 2) / (2 * sigma[:, None] ** 2))  # (n, columns)
    y = np.exp(-((np.arange(rows) - centre[:, 1:]) ** 2) / (2 * sigma[:, None] ** 2))  # (n, rows)
    blobs = (y[:, :, None] * x[:, None, :]).max(axis=0, initial=0)  # (rows, columns)
    return np.minimum(heatmap.values * (1 + gain * blobs), 1).astype(np.float32)
