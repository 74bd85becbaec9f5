"""The network in an ONNX file: found, opened, and run on a frame."""

import json
import os
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from handflow.errors import SetupError, first_line
from handflow.messages import Heatmap
from handflow.runtime.files import packaged
from handflow.runtime.names import meant

from .model_input import input_size, prepare
from .prior import PriorMap

PROFILES = ("near", "mid", "far")  # from fast to fine; how large each is stands in the model file
OUTPUTS = ["any", "open", "radius", "offset"]
CPU = "CPUExecutionProvider"  # onnxruntime's name
INPUTS = [[("image", "tensor(uint8)")], [("image", "tensor(uint8)"), ("prior", "tensor(float)")]]
METADATA = {"stride", "multiple", "profiles"}  # metadata that an ONNX file must have to be a model of ours


class NetworkSession(Protocol):
    """What is used of onnxruntime.InferenceSession."""

    def run(self, output_names: list[str], input_feed: dict[str, np.ndarray]) -> Any: ...
    def get_inputs(self) -> list[Any]: ...
    def get_providers(self) -> list[str]: ...


class Model:
    """An opened network. Its sizes come from the file's metadata."""

    def __init__(self, session: NetworkSession, path: Path, metadata: dict[str, str]) -> None:
        self.session = session
        self.path = path
        self.metadata = metadata  # the file's metadata
        self.stride = int(metadata["stride"])
        self.multiple = int(metadata["multiple"])  # what height and width of an input are multiples of
        self.sizes: dict[str, tuple[int, int]] = {k: (w, h) for k, (w, h) in json.loads(metadata["profiles"]).items()}
        # How much a look speaks for a hand (evidence.py); none in files that were exported without clips.
        self.calibration = np.array(json.loads(metadata.get("calibration", "[]")), np.float32)
        self.takes_prior = len(session.get_inputs()) > 1
        # Of files exported by older versions each picture is run by itself.
        self.takes_batch = isinstance(session.get_inputs()[0].shape[0], str)
        self.tensor: np.ndarray | None = None  # filled again at every picture

    def infer(self, image: np.ndarray, size: tuple[int, int] | str, prior_map: PriorMap | None = None) -> Heatmap:
        """The maps of a picture (height, width, 3), shown to the network at `size` (width, height) or a profile's.

        `prior_map` draws a map of where hands are expected, for a network that takes one.
        """
        height, width = image.shape[:2]
        if isinstance(size, str):
            size = self.input_size(width, height, size)
        self.tensor, scale, shift = prepare(image, *size, self.tensor)
        scale = scale * self.stride
        shape = size[1] // self.stride, size[0] // self.stride
        where = prior_map(scale, shift, shape) if prior_map is not None and self.takes_prior else None
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
            calibration=self.calibration,
        )

    def input_size(self, width: int, height: int, profile: str) -> tuple[int, int]:
        """Width and height at which a profile shows it a picture of `width` x `height` pixels."""
        return input_size(width, height, self.sizes[profile], self.multiple)

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

    def run_batch(self, tensors: np.ndarray) -> list[np.ndarray]:
        """(n, 3, h, w) uint8, n > 0 -> any hand, open palm, radius (n, rows, columns), offset (n, rows, columns, 2)."""
        if not self.takes_batch or self.takes_prior:
            found = [self.run(tensor[None]) for tensor in tensors]
            return [np.stack(maps) for maps in zip(*found, strict=True)]
        values, opens, radius, offset = self.session.run(OUTPUTS, {"image": tensors})
        return [values[:, 0], opens[:, 0], radius[:, 0], offset]

    def seconds(self, profile: str) -> float:
        """How long one picture takes: the best of three, after one that warms up."""
        return self.seconds_of(self.sizes[profile])

    def seconds_of(self, size: tuple[int, int]) -> float:
        """The same at an input of `size` (width, height)."""
        width, height = size
        tensor = np.zeros((1, 3, height, width), np.uint8)
        times = []
        for _ in range(4):
            began = time.perf_counter()
            self.run(tensor)
            times.append(time.perf_counter() - began)
        return min(times[1:])


def model_path(name: str, precision: str = "fp32") -> Path:
    """Where the model called `name` lies: a path as given, else a packaged model. Raises SetupError.

    The int8 form of `hands.onnx` lies beside it as `hands-int8.onnx`.
    """
    packaged = not (name.endswith(".onnx") or "/" in name or "\\" in name)
    plain = models_folder() / f"{name}.onnx" if packaged else Path(os.path.expanduser(meant(name)))
    path = plain if precision == "fp32" else plain.with_name(f"{plain.stem}-{precision}.onnx")
    if os.path.isfile(path):
        return path
    there = sorted(p.stem for p in plain.parent.glob("*.onnx") if not p.stem.endswith("-int8"))
    raise SetupError(
        f"model: there is no {path.name} in {path.parent} (models there: {', '.join(there) or 'none'}); "
        f"name one of these, or give the path of an ONNX file made by `handflow export`"
    )


def models_folder() -> Path:
    """The packaged models."""
    return packaged("models")


def open_model(path: Path, threads: int = 1, size: tuple[int, int] | None = None, provider: str = CPU) -> Model:
    """The network in an ONNX file. Raises SetupError when there is none of ours in it.

    `size`: the only one (width, height) that it will be shown pictures at, which makes it up to a sixth quicker:
    only of known shapes onnxruntime adds up in place.
    `provider`: onnxruntime's name of what it is to run on; what that cannot do, the processor does.
    """
    # By its bytes: a name that is no UTF-8 is more than onnxruntime takes.
    session = open_session(path.read_bytes(), path, threads, size, provider)
    metadata = session.get_modelmeta().custom_metadata_map
    outputs = [output.name for output in session.get_outputs()]
    inputs = [(i.name, i.type) for i in session.get_inputs()]
    if not METADATA.issubset(metadata) or outputs != OUTPUTS or inputs not in INPUTS:
        raise SetupError(
            f"model: {path} is an ONNX file but not a model of handflow's: expected outputs {', '.join(OUTPUTS)} and "
            f"metadata {', '.join(sorted(METADATA))}, got outputs {', '.join(outputs)}; `handflow export` makes one"
        )
    return Model(session, path, metadata)


def available_providers() -> list[str]:
    """onnxruntime's names of what it can run a network on here."""
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def open_session(
    content: bytes, path: Path, threads: int = 1, size: tuple[int, int] | None = None, provider: str = CPU
) -> Any:
    """The onnxruntime.InferenceSession of the `content` of an ONNX file, whosever network it is. Raises SetupError."""
    # Here, for it takes 0.1 s that `handflow check` need not spend.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Errors; of another provider nothing, for whoever chooses it tells what goes wrong.
    options.log_severity_level = 3 if provider == CPU else 4
    # Threads that spin between frames burn 34-38 ms of processor time per frame at 30 fps instead of 7.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, pixels in zip(("width", "height"), size or (), strict=False):
        options.add_free_dimension_override_by_name(name, pixels)
    try:
        return onnxruntime.InferenceSession(content, options, providers=list(dict.fromkeys([provider, CPU])))
    except Exception as error:
        # onnxruntime's errors have no base of their own.
        reason = first_line(error).split(" : ")[-1][:120]
        raise SetupError(f"model: {path} is not an ONNX file that onnxruntime can open ({reason})") from None
