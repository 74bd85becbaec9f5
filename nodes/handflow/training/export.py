"""`handflow export SOURCE`: a trained network -> `hands.onnx` (fp32) and `hands-int8.onnx` for the heatmap stage.

SOURCE is a checkpoint; or an fp32 model file, of which only the int8 form is made anew (`--calibration DATA`), or which
then looks at two scales (`--two-scales`, two_scales.py); or any model file, to which what its scores say of hands is
added (`--evidence CLIPS`, vision/evidence.py).
Height and width stay free in the files, so that one serves every profile and camera shape. Stages open it for the size
that they show it (`open_model`): sessions of a free size take up to a sixth longer.
"""

import json
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from handflow import __version__
from handflow.capture.media import readable
from handflow.errors import OutputError, SetupError
from handflow.runtime.files import cannot_write, sync
from handflow.runtime.names import fitting
from handflow.training.evaluation.calibration import measured
from handflow.training.evaluation.evaluate import evaluate
from handflow.training.labels.data import read_labels
from handflow.training.samples.compose import calibration_pictures
from handflow.training.samples.pool import Pool
from handflow.vision.model import OUTPUTS, PROFILES, Model, open_model
from handflow.vision.model_choice import MAX_INT8_DEVIATION, deviation

from .averaging import averaged
from .checkpoint import read_checkpoint, weights_hash
from .network import MULTIPLE, PARTS, STRIDE, Network, for_export, larger
from .quantisation import describe, quantise

SIZES = {"near": (224, 128), "mid": (288, 160), "far": (352, 192)}  # of a 16:9 picture; others get the same area


# What is added to the logit of any hand where a part of a person surely is. Parts are learned of whole people, in a
# head of their own that sees the places another way: where both agree there is a hand. Chosen on validation pictures.
VOTES = {"wrist": 1.5, "head": -1.0}


class Deployed(nn.Module):
    """The network as a stage wants it: bytes in; probabilities, cells and no batch to think of out.

    Where it has learned parts of people, `votes` say what these add to the logit of any hand; maps of the mse losses
    are no logits, and none vote there.
    """

    def __init__(self, network: Network, loss: str = "focal", votes: Mapping[str, float] = VOTES) -> None:
        super().__init__()
        self.network = network
        self.loss = loss  # what it was trained with says what its maps mean
        self.votes = None
        if network.parts is not None and any(votes.values()) and not loss.startswith("mse"):
            self.votes = nn.Conv2d(len(PARTS), 1, 1, bias=False)
            weights = torch.tensor([votes.get(part, 0.0) for part in PARTS])
            self.votes.weight = nn.Parameter(weights.reshape(1, -1, 1, 1), requires_grad=False)

    def shown(self, out: Tensor) -> Tensor:
        """A map as 0..1."""
        if self.loss in ("mse", "mse255"):
            return torch.relu(out * (1 / 255 if self.loss == "mse255" else 1))
        return torch.sigmoid(out)

    def forward(self, image: Tensor, prior: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps = self.network(image.float(), prior)
        any_hand = maps["any"]
        if self.votes is not None:
            any_hand = any_hand + larger(self.votes(torch.sigmoid(maps["parts"])))
        return (
            self.shown(any_hand),  # (1, 1, rows, columns)
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
                "image": {0: "batch", 2: "height", 3: "width"},
                **({"prior": {0: "batch", 2: "rows", 3: "columns"}} if takes_prior else {}),
                **{name: {0: "batch", 2: "rows", 3: "columns"} for name in OUTPUTS[:3]},
                OUTPUTS[3]: {0: "batch", 1: "rows", 2: "columns"},
            },
            opset_version=17,
            dynamo=False,
        )
    tidy(path)
    describe(path, facts)


def tidy(path: Path) -> None:
    """Lets every node of an ONNX file read its weights from where they are stored, and no row of zeros too many.

    torch puts an Identity before weights that are stored once for several nodes: OpenCV and others take none from one.
    And what began from a kernel of 5x5 and stayed as it was is one again (`initial_weights.palm_weights`).
    """
    model = onnx.load(path)
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    same = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Identity" and n.input[0] in stored}
    kept = [node for node in graph.node if not set(node.output) & same.keys()]
    for node in kept:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type == "Conv":
            leave_zeros_out(node, stored[node.input[1]])
    del graph.node[:]
    graph.node.extend(kept)
    onnx.save(model, path)


def leave_zeros_out(node: onnx.NodeProto, weight: onnx.TensorProto) -> None:
    """Makes a kernel of even size smaller by its first row and column if these are zeros, in place."""
    kernel = onnx.numpy_helper.to_array(weight)
    shape = next(attribute.ints for attribute in node.attribute if attribute.name == "kernel_shape")
    if shape[0] % 2 or (kernel.shape[2] == shape[0] and (kernel[:, :, 0].any() or kernel[:, :, :, 0].any())):
        return
    if kernel.shape[2] == shape[0]:
        weight.CopyFrom(onnx.numpy_helper.from_array(kernel[:, :, 1:, 1:].copy(), weight.name))
    shape[:] = [size - 1 for size in shape]
    pads = next(attribute.ints for attribute in node.attribute if attribute.name == "pads")
    pads[:2] = [pads[0] - 1, pads[1] - 1]


Maps = Sequence[np.ndarray]  # any hand, open palm (rows, columns), and more


def torch_run(network: Deployed) -> Callable[[np.ndarray], Maps]:
    """The network as `Model.run`: (1, 3, h, w) uint8 -> its maps."""

    def run(tensor: np.ndarray) -> Maps:
        with torch.no_grad():
            return [found[0, 0].numpy() for found in network(torch.from_numpy(tensor))[:2]]

    return run


def compare(expected: Callable[[np.ndarray], Maps], model: Model, pictures: np.ndarray, most: float) -> float:
    """How far a file's maps stray from those expected, on average where there is a hand. SetupError beyond `most`."""
    mean = deviation(expected, model.run, pictures)
    if mean > most:
        raise SetupError(
            f"{model.path}: expected maps within {most} of what it was made of, got {mean:.4f} on average where there "
            "is a hand"
        )
    return mean


def published(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without the folders of the machine that trained."""
    shown = {name: value for name, value in settings.items() if name not in ("out", "pause")}
    shown |= {"init": Path(shown["init"]).name} if shown.get("init") else {}
    if shown.get("teachers"):
        shown["teachers"] = ",".join(Path(teacher).name for teacher in shown["teachers"].split(","))
    return shown


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


def deployed(
    checkpoint: Path,
    other: Path | None = None,
    share: float = 1.0,
    bias: float = 0.0,
    votes: Mapping[str, float] = VOTES,
) -> tuple[Deployed, dict[str, str], np.ndarray]:
    """The network of a checkpoint, what its files say of it, and its calibration pictures. Raises SetupError.

    `other`: the mean of both, with `share` of the checkpoint's weights. `bias` is added to the map of any hand before
    it is made 0..1, and where a network has learned parts of people so are their `votes`.
    """
    saved = read_checkpoint(checkpoint)
    if other is not None:
        saved = averaged(saved, other, share)
    trained = Network(**saved["network"])
    trained.load_state_dict(saved["mean"])
    with torch.no_grad():
        trained.out.get_parameter("bias")[0] += bias
    for_export(trained)
    network = Deployed(trained.eval(), saved["settings"].get("loss", "focal"), votes)
    facts = {
        "stride": str(STRIDE),
        "multiple": str(MULTIPLE),
        "profiles": json.dumps({profile: SIZES[profile] for profile in PROFILES}),
        "data": saved["data"],
        "pictures": str(saved["pictures"]),
        "steps": str(saved["step"]),
        "settings": json.dumps(published(saved["settings"])),
        "network": json.dumps(saved["network"]),
        "weights": weights_hash(saved["mean"]),
        "bias": str(bias),
        "votes": json.dumps(dict(votes) if network.votes is not None else {}),
        "commit": commit(),
        "version": __version__,
    }
    if other is not None:
        facts["average"] = json.dumps({"share": share, "other": other.name})
    return network, facts, saved["calibration"].numpy()  # (80, 3, h, w) uint8


class Measured(NamedTuple):
    """What files are to be measured on, and so know of themselves."""

    labels: list[str] | None = None  # they are scored on these
    clips: list[str] | None = None  # labelled clips: how much a look of theirs speaks for a hand
    strict: bool = False

    def of(self, path: Path) -> dict[str, str]:
        """The facts of a file. Raises SetupError."""
        facts: dict[str, str] = {}
        if self.labels:
            facts["scores"] = json.dumps(scores(open_model(path), self.labels, self.strict))
        if self.clips:
            facts["calibration"] = json.dumps(measured(path, self.clips, self.strict))
        return facts


UNMEASURED = Measured()


def export(
    checkpoint: Path,
    out: Path,
    name: str = "hands",
    measured_on: Measured = UNMEASURED,
    other: Path | None = None,
    share: float = 1.0,
    bias: float = 0.0,
    votes: Mapping[str, float] = VOTES,
) -> list[Path]:
    """Writes both files into `out`, checked against torch.

    `other`, `share`, `bias` and `votes`: see `deployed`. Raises SetupError.
    """
    network, facts, pictures = deployed(checkpoint, other, share, bias, votes)

    def make(folder: Path) -> dict[str, Path]:
        made = {"fp32": folder / "fp32.onnx", "int8": folder / "int8.onnx"}
        write(network, made["fp32"], facts)
        quantise(made["fp32"], made["int8"], pictures, facts)
        for precision, most in (("fp32", 1e-4), ("int8", MAX_INT8_DEVIATION)):
            strayed = compare(torch_run(network), open_model(made[precision]), pictures[:16], most)
            finish(made[precision], facts, precision, strayed, measured_on)
        return {f"{name}.onnx": made["fp32"], f"{name}-int8.onnx": made["int8"]}

    return replaced(out, make)


def requantise(model: Path, out: Path, calibration: list[str], measured_on: Measured = UNMEASURED) -> list[Path]:
    """Writes the int8 form of an fp32 model file into `out`; `calibration` names labels. Raises SetupError."""
    plain = open_model(model)
    if plain.metadata.get("precision", "fp32") != "fp32":
        raise SetupError(f"{model}: expected an fp32 file to quantise, got {plain.metadata['precision']}")
    pictures = calibration_pictures(Pool(read_labels(calibration, measured_on.strict)), seed=1)
    facts = {fact: value for fact, value in plain.metadata.items() if fact not in ("precision", "strays", "scores")}

    def make(folder: Path) -> dict[str, Path]:
        path = folder / "int8.onnx"
        quantise(model, path, pictures, facts)
        strayed = compare(plain.run, open_model(path), pictures[:16], MAX_INT8_DEVIATION)
        finish(path, facts, "int8", strayed, measured_on)
        return {fitting(model.stem, "-int8.onnx"): path}

    return replaced(out, make)


def remeasure(model: Path, out: Path, measured_on: Measured) -> list[Path]:
    """Writes a model file into `out` as it is, but with what is measured anew. Raises SetupError."""
    facts = open_model(model).metadata

    def make(folder: Path) -> dict[str, Path]:
        path = folder / "same.onnx"
        shutil.copyfile(model, path)
        describe(path, {**facts, **measured_on.of(path)})
        return {model.name: path}

    return replaced(out, make)


def finish(path: Path, facts: dict[str, str], precision: str, strayed: float, measured_on: Measured) -> None:
    """Writes into a file what it is, how far it strays and what is measured."""
    mine = {**facts, "precision": precision, "strays": f"{strayed:.6f}"}
    describe(path, {**mine, **measured_on.of(path)})


def replaced(out: Path, make: Callable[[Path], dict[str, Path]]) -> list[Path]:
    """Puts what `make` writes into a folder beside into `out`: nothing is replaced before all of it is good.

    `make` tells which of its files is to have which name: torch and onnx cannot write under any.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out) as folder, readable(folder) as name:
            made = make(Path(name))
            for called, path in made.items():
                sync(path)
                os.replace(path, out / called)
    except OSError as error:
        raise OutputError(cannot_write(out, error)) from error
    return [out / called for called in made]


def scores(model: Model, labels: list[str], strict: bool = False) -> dict:
    """AP by profile, mode and source."""
    pictures = read_labels(labels, strict)
    found = {profile: evaluate(model, profile, pictures, strict=strict) for profile in PROFILES}
    return {
        profile: {
            mode: {
                source: round(row["ap"], 4) for source, row in result[mode]["sources"].items() if row["ap"] is not None
            }
            for mode in ("all", "native")
        }
        for profile, result in found.items()
    }
