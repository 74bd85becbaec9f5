"""`handflow export CHECKPOINT`: a trained network -> `hands.onnx` (fp32) and `hands-int8.onnx` for the heatmap stage.

Height and width stay free in the files: that costs 3 % of time, and one file serves every profile and camera shape.
"""

import argparse
import json
import logging
import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from .. import __version__
from ..heatmap import OUTPUTS, PROFILES, Model, open_model
from ..runtime.node import SetupError
from .data import read_labels
from .evaluate import evaluate
from .network import MULTIPLE, STRIDE, Network, read_checkpoint

SIZES = {"near": (320, 192), "mid": (448, 256), "far": (512, 288)}  # of a 16:9 picture; others get the same area


class Deployed(nn.Module):
    """The network as a stage wants it: bytes in; probabilities, cells and no batch to think of out."""

    def __init__(self, network: Network, loss: str = "focal") -> None:
        super().__init__()
        self.network = network
        self.loss = loss  # what it was trained with says what its maps mean

    def shown(self, out: Tensor) -> Tensor:
        """A map as 0..1."""
        if self.loss in ("mse", "mse255"):
            return torch.relu(out * (1 / 255 if self.loss == "mse255" else 1))
        return torch.sigmoid(out)

    def forward(self, image: Tensor, prior: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps = self.network(image.float(), prior)
        return (
            self.shown(maps["any"]),  # (1, 1, rows, columns)
            self.shown(maps["open"]),
            torch.exp(maps["radius"]),
            maps["offset"].permute(0, 2, 3, 1),  # (1, rows, columns, 2)
        )


def write(network: Deployed, path: Path, facts: dict[str, str]) -> None:
    """The fp32 file."""
    width, height = SIZES["near"]
    takes_prior = network.network.prior is not None
    inputs = [torch.zeros(1, 3, height, width, dtype=torch.uint8), torch.zeros(1, 1, height // STRIDE, width // STRIDE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own successor, which needs one more package
        torch.onnx.export(
            network.eval(),
            tuple(inputs[: 1 + takes_prior]),
            str(path),
            input_names=["image", "prior"][: 1 + takes_prior],
            output_names=OUTPUTS,
            dynamic_axes={
                "image": {2: "height", 3: "width"},
                **({"prior": {2: "rows", 3: "columns"}} if takes_prior else {}),
                **{name: {2: "rows", 3: "columns"} for name in OUTPUTS[:3]},
                OUTPUTS[3]: {1: "rows", 2: "columns"},
            },
            opset_version=17,
            dynamo=False,
        )
    describe(path, facts)


def describe(path: Path, facts: dict[str, str]) -> None:
    """Writes metadata into an ONNX file."""
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, path)


def quantise(path: Path, out: Path, pictures: np.ndarray, facts: dict[str, str]) -> None:
    """int8 weights and activations, per channel; the heads stay fp32: with them in int8, AP fell from .82 to .71."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    takes_prior = False

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.pictures: Iterator[np.ndarray] = iter(pictures)

        def get_next(self) -> dict[str, np.ndarray] | None:
            picture = next(self.pictures, None)
            if picture is None:
                return None
            blank = np.zeros((1, 1, picture.shape[1] // STRIDE, picture.shape[2] // STRIDE), np.float32)
            return {"image": picture[None], **({"prior": blank} if takes_prior else {})}

    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # it advises a preparation that has just been done
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            graph = onnx.load(prepared).graph
            takes_prior = len(graph.input) > 1
            heads = [n.name for n in graph.node if "/out/" in n.name or "/prior/" in n.name]
            quantize_static(
                str(prepared),
                str(out),
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                op_types_to_quantize=["Conv", "Relu", "Add", "Resize"],
                nodes_to_exclude=heads,
            )
    finally:
        log.setLevel(level)
    feed_bytes(out)
    describe(out, facts)


def feed_bytes(path: Path) -> None:
    """Lets the first convolution of an int8 file read the picture's bytes as they are: 0.2 ms less at near.

    The network scales bytes by 1/64. Quantised at scale 1/64 and zero point 0 that is the very bytes again: the three
    steps between can go, and nothing is lost to a calibration that saw no white.
    """
    model = onnx.load(path)
    graph = model.graph
    cast = next(node for node in graph.node if "image" in node.input)
    scaled = next(node for node in graph.node if cast.output[0] in node.input)
    quantised = next(node for node in graph.node if scaled.output[0] in node.input)
    assert [node.op_type for node in (cast, scaled, quantised)] == ["Cast", "Mul", "QuantizeLinear"]
    for name, value in zip(quantised.input[1:], (np.float32(1 / 64), np.uint8(0)), strict=True):
        old = next(values for values in graph.initializer if values.name == name)
        old.CopyFrom(onnx.numpy_helper.from_array(np.array(value), name))
    for node in graph.node:
        node.input[:] = ["image" if name == quantised.output[0] else name for name in node.input]
    for node in (cast, scaled, quantised):
        graph.node.remove(node)
    onnx.save(model, path)


def compare(network: Deployed, model: Model, pictures: np.ndarray, most: float) -> float:
    """How far a file's maps stray from torch's, on average where there is a hand. Raises SetupError beyond `most`."""
    strayed = []
    for picture in pictures:
        with torch.no_grad():
            expected = network(torch.from_numpy(picture[None]))
        found = model.run(np.ascontiguousarray(picture[None]))
        for mine, theirs in zip(found[:2], expected[:2], strict=True):
            lit = (theirs[0, 0].numpy() > 0.2) | (mine > 0.2)
            strayed += abs(mine - theirs[0, 0].numpy())[lit].tolist()
    mean = float(np.mean(strayed)) if strayed else 0.0
    if mean > most:
        raise SetupError(
            f"{model.path} strays from torch by {mean:.4f} on average where there is a hand; {most} is allowed"
        )
    return mean


def told(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without the folders of the machine that trained."""
    shown = {name: value for name, value in settings.items() if name != "out"}
    return shown | ({"init": Path(shown["init"]).name} if shown.get("init") else {})


def commit() -> str:
    """The commit of this code, or its version where it lies in no repository."""
    folder = Path(__file__).parent
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True
        )
    except OSError:
        return __version__
    return asked.stdout.strip() if asked.returncode == 0 else __version__


def export(checkpoint: Path, out: Path, name: str = "hands", labels: list[str] | None = None) -> list[Path]:
    """Writes both files into `out`, checked against torch; `labels` are scored, and the scores go into the files."""
    saved = read_checkpoint(checkpoint)
    trained = Network(**saved["network"])
    trained.load_state_dict(saved["mean"])
    network = Deployed(trained.eval(), saved["settings"].get("loss", "focal"))
    pictures = saved["calibration"].numpy()  # (80, 3, h, w) uint8
    facts = {
        "stride": str(STRIDE),
        "multiple": str(MULTIPLE),
        "profiles": json.dumps({profile: SIZES[profile] for profile in PROFILES}),
        "data": saved["data"],
        "pictures": str(saved["pictures"]),
        "steps": str(saved["step"]),
        "settings": json.dumps(told(saved["settings"])),
        "network": json.dumps(saved["network"]),
        "commit": commit(),
        "version": __version__,
    }
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:  # nothing is replaced before both files are good
        made = {"fp32": Path(folder) / f"{name}.onnx", "int8": Path(folder) / f"{name}-int8.onnx"}
        write(network, made["fp32"], facts)
        quantise(made["fp32"], made["int8"], pictures, facts)
        for precision, most in (("fp32", 1e-4), ("int8", 0.08)):
            strayed = compare(network, open_model(made[precision]), pictures[:16], most)
            mine = {**facts, "precision": precision, "strays": f"{strayed:.6f}"}
            if labels:
                mine["scores"] = json.dumps(scores(open_model(made[precision]), labels))
            describe(made[precision], mine)
        for path in made.values():
            os.replace(path, out / path.name)
    return [out / path.name for path in made.values()]


def scores(model: Model, labels: list[str]) -> dict:
    """AP by profile, mode and source."""
    pictures = read_labels(labels)
    found = {profile: evaluate(model, profile, pictures) for profile in PROFILES}
    return {
        profile: {
            mode: {
                source: round(row["ap"], 4) for source, row in result[mode]["sources"].items() if row["ap"] is not None
            }
            for mode in ("all", "native")
        }
        for profile, result in found.items()
    }


def run(args: argparse.Namespace) -> int:
    for path in export(Path(args.checkpoint), Path(args.out), args.name, args.labels):
        facts = open_model(path).facts
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, strays from torch by {facts['strays']}")
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint.pt of `handflow train`")
    parser.add_argument("-o", "--out", default="models", help="folder for the files (default models)")
    parser.add_argument("--name", default="hands", help="name of the model (default hands)")
    parser.add_argument(
        "--labels", nargs="*", metavar="LABELS", help="score the files on these and keep the scores in them"
    )
