"""The network in an ONNX file: opened, shown a picture, and held against another."""

import json
import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from handflow.capture.images import read_image
from handflow.errors import SetupError
from handflow.messages import Hands, Heatmap, State
from handflow.runtime.files import packaged

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


PROFILES = ("near", "mid", "far")  # from fast to fine; how large each is stands in the model file


# Draws a map (rows, columns) of where hands are expected, given a map's scale, shift and shape.
Guess = Callable[[np.ndarray, np.ndarray, tuple[int, int]], np.ndarray]


class Model:
    """An opened network."""

    def __init__(self, session: "InferenceSession", path: Path, facts: dict[str, str]) -> None:
        self.session = session
        self.path = path
        self.facts = facts  # the file's metadata
        self.stride = int(facts["stride"])
        self.multiple = int(facts["multiple"])  # what height and width of an input are multiples of
        self.sizes: dict[str, tuple[int, int]] = {k: (w, h) for k, (w, h) in json.loads(facts["profiles"]).items()}
        self.takes_prior = len(session.get_inputs()) > 1
        self.tensor: np.ndarray | None = None  # filled again at every picture

    def look(self, image: np.ndarray, size: tuple[int, int] | str, guess: Guess | None = None) -> Heatmap:
        """The maps of a picture (height, width, 3), shown to the network at `size` (width, height) or a profile's.

        `guess` draws a map of where hands are expected, for a network that takes one.
        """
        height, width = image.shape[:2]
        if isinstance(size, str):
            size = input_size(width, height, self.sizes[size], self.multiple)
        self.tensor, scale, shift = prepare(image, *size, self.tensor)
        scale = scale * self.stride
        shape = size[1] // self.stride, size[0] // self.stride
        where = guess(scale, shift, shape) if guess is not None and self.takes_prior else None
        values, opens, radius, offset = self.run(self.tensor, where)
        return Heatmap(
            values=values,
            open=opens,
            radius=radius,
            offset=offset,
            scale=scale,
            shift=shift,
            width=width,
            height=height,
        )

    def run(self, tensor: np.ndarray, prior: np.ndarray | None = None) -> list[np.ndarray]:
        """(1, 3, h, w) uint8 -> any hand, open palm, radius (rows, columns), offset (rows, columns, 2), in cells.

        `prior` (rows, columns): where hands are expected, for a network that takes it.
        """
        given = {"image": tensor}
        if self.takes_prior:
            shape = (1, 1, tensor.shape[2] // self.stride, tensor.shape[3] // self.stride)
            given["prior"] = np.zeros(shape, np.float32) if prior is None else prior.astype(np.float32).reshape(shape)
        values, opens, radius, offset = self.session.run(OUTPUTS, given)
        return [values[0, 0], opens[0, 0], radius[0, 0], offset[0]]

    def seconds(self, profile: str) -> float:
        """How long one picture takes: the best of three, after one that warms up."""
        return self.seconds_of(self.sizes[profile])

    def seconds_of(self, size: tuple[int, int]) -> float:
        width, height = size
        tensor = np.zeros((1, 3, height, width), np.uint8)
        times = []
        for _ in range(4):
            began = time.perf_counter()
            self.run(tensor)
            times.append(time.perf_counter() - began)
        return min(times[1:])


OUTPUTS = ["any", "open", "radius", "offset"]


INPUTS = [[("image", "tensor(uint8)")], [("image", "tensor(uint8)"), ("prior", "tensor(float)")]]


NEEDED = {"stride", "multiple", "profiles"}  # metadata that an ONNX file must have to be a model of ours


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
    """The packaged models."""
    return packaged("models")


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
    if not NEEDED.issubset(facts) or outputs != OUTPUTS or inputs not in INPUTS:
        raise SetupError(
            f"model: {path} is an ONNX file but not a model of handflow's: it gives {', '.join(outputs)}; "
            f"{', '.join(OUTPUTS)} and metadata {', '.join(sorted(NEEDED))} were expected; `handflow export` makes one"
        )
    return Model(session, path, facts)


INT8_STRAYS = 0.03  # how far int8 maps may stray from fp32 where there is a hand: .01 does, with sums cut off .06


def check_pictures() -> np.ndarray:
    """Stored inputs (n, 3, 192, 320) uint8 to hold int8 against fp32: drawn hands, near and far, in bright light."""
    sheet = read_image(Path(__file__).with_name("int8-check.png"))
    return np.ascontiguousarray(sheet.reshape(-1, 192, 320, 3).transpose(0, 3, 1, 2))


def strays(
    expected: Callable[[np.ndarray], Sequence[np.ndarray]],
    found: Callable[[np.ndarray], Sequence[np.ndarray]],
    pictures: np.ndarray,
) -> float:
    """The mean difference of two networks' maps of any hand and of open palms where either shows a hand.

    Each takes a picture (1, 3, h, w) uint8 and gives its maps (rows, columns); `pictures` (n, 3, h, w).
    """
    differences: list[np.ndarray] = []
    for picture in pictures:
        for one, other in zip(expected(picture[None])[:2], found(picture[None])[:2], strict=True):
            differences.append(abs(one - other)[(one > 0.2) | (other > 0.2)])
    lit = np.concatenate(differences)
    return float(lit.mean()) if len(lit) else 0.0


@cache
def input_size(width: int, height: int, budget: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The input (width, height) for a picture of `width` x `height` pixels: of about as many pixels as `budget`, in
    multiples of `multiple`, showing the picture as large as it can be without losing its shape.
    """
    if abs(math.log(width * budget[1] / (height * budget[0]))) < 0.1:
        return budget
    most = 1.1 * budget[0] * budget[1]
    longest = int(most // multiple)
    sizes = [
        (across, down)
        for across in range(multiple, longest + 1, multiple)
        for down in range(multiple, longest + 1, multiple)
        if across * down <= most
    ]
    return max(sizes, key=lambda size: (min(size[0] / width, size[1] / height), -size[0] * size[1]))


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


def expected(
    prior: Hands, elapsed_s: float, scale: np.ndarray, shift: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """A map of `shape` (rows, columns), 0..1: Gaussians where the prior's hands should be by now."""
    alive = prior.state != State.LEAVING
    xy = prior.xy[alive] + prior.velocity[alive] * np.float32(elapsed_s)
    return blobs((xy - shift) / scale - 0.5, prior.radius[alive] / scale[0], *shape)


def blobs(centre: np.ndarray, radius: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Gaussians on a map (rows, columns): `centre` (n, 2) x, y and `radius` (n,) in cells; 0, 0 is a cell's middle."""
    sigma = np.maximum(radius / 2, 1)[:, None]  # a quarter of a hand, but not under a cell
    x = np.exp(-((np.arange(columns) - centre[:, :1]) ** 2) / (2 * sigma**2))  # (n, columns)
    y = np.exp(-((np.arange(rows) - centre[:, 1:]) ** 2) / (2 * sigma**2))  # (n, rows)
    return (y[:, :, None] * x[:, None, :]).max(axis=0, initial=0)
