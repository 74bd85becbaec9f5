"""A model file that looks at two scales: its maps are those of the picture and of the picture half as large, as one.

What is a hand looks like one at both; what is none, a shoe, a bag, a face, seldom does: with the same weights AP of
strangers in streets rose from .74 to .79. It takes a quarter more time than one look at the larger scale. Both looks
share their weights, which are stored in 16 bits and computed with in 32.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from handflow.errors import SetupError
from handflow.runtime.names import fitting
from handflow.vision.model import OUTPUTS, open_model
from handflow.vision.model_choice import check_images

from .export import UNMEASURED, Maps, Measured, compare, finish, replaced
from .network import MULTIPLE
from .quantisation import store_in_half

MAX_DEVIATION = 0.002  # what weights of 16 bits may cost
# Powers of what the scales see. Of the smaller one, more finds fewer small hands, less more false ones. Together they
# are below 1, for two scales are seldom sure of one place, and the tracker reads the scores as those of one.
FINE, HALF = 0.6, 0.25
FLOOR = 1e-6  # of a map before its power
UNTRUE = ("strays", "scores", "calibration")  # facts of a file that do not hold of the one made of it


def export_two_scales(
    file: Path,
    out: Path,
    name: str,
    sizes: Mapping[str, tuple[int, int]],
    measured_on: Measured = UNMEASURED,
) -> list[Path]:
    """Writes into `out` an fp32 model file and its int8 form so that they look at two scales.

    `sizes`: width and height that profiles are to have, the larger scale's, in multiples of the network's; others are
    doubled. Raises SetupError.
    """
    quantised = file.with_name(fitting(file.stem, "-int8.onnx"))
    if not quantised.is_file():
        raise SetupError(f"{file}: expected its int8 form {quantised.name} beside it; `handflow export` makes one")

    def make(folder: Path) -> dict[str, Path]:
        made = {"fp32": folder / "fp32.onnx", "int8": folder / "int8.onnx"}
        for precision, source in (("fp32", file), ("int8", quantised)):
            facts = write_two_scales(source, made[precision], sizes)
            strayed = compare(apart(source), open_model(made[precision]), check_images(), MAX_DEVIATION)
            finish(made[precision], facts, precision, strayed, measured_on)
        return {f"{name}.onnx": made["fp32"], f"{name}-int8.onnx": made["int8"]}

    return replaced(out, make)


def write_two_scales(file: Path, out: Path, sizes: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Writes the model file that looks at two scales as `file` does at one; the facts that are true of it."""
    model = open_model(file)
    if model.takes_prior or "scales" in model.metadata:
        raise SetupError(f"{file}: expected a network that looks at one scale and takes no prior")
    source = onnx.load(file)
    whole = onnx.ModelProto()
    whole.CopyFrom(source)
    ends = {"input": source.graph.input, "output": source.graph.output, "initializer": source.graph.initializer}
    whole.graph.CopyFrom(GraphProto(name="two scales", node=halving(), **ends))
    shared = {tensor.name: tensor.name for tensor in source.graph.initializer} | {"": ""}
    for scale, image in (("fine", "image"), ("half", "half/image")):
        whole.graph.node.extend(look(source.graph, scale, shared | {"image": image}))
    whole.graph.node.extend(joining())
    whole.graph.initializer.extend(constants())
    store_in_half(whole.graph)
    onnx.checker.check_model(whole)
    onnx.save(whole, out)
    doubled = {profile: (2 * width, 2 * height) for profile, (width, height) in model.sizes.items()}
    facts = {fact: value for fact, value in model.metadata.items() if fact not in UNTRUE}
    return facts | {"profiles": json.dumps({**doubled, **sizes}), "scales": "[1, 0.5]"}


def halving() -> list[NodeProto]:
    """The picture half as large: means of 2x2 pixels, as bytes again, with black to the right and below up to what the
    network takes.
    """
    node = helper.make_node
    return [
        node("Cast", ["image"], ["half/float"], name="half/Cast", to=TensorProto.FLOAT),
        node("AveragePool", ["half/float"], ["half/mean"], name="half/Pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Round", ["half/mean"], ["half/round"], name="half/Round"),
        node("Shape", ["half/round"], ["half/shape"], name="half/Shape", start=2),
        node("Neg", ["half/shape"], ["half/less"], name="half/Neg"),
        # Of a number below nothing too, the rest is what is missing up to the next multiple.
        node("Mod", ["half/less", "half/multiple"], ["half/missing"], name="half/Mod"),
        node("Concat", ["half/before", "half/missing"], ["half/pads"], name="half/Concat", axis=0),
        node("Pad", ["half/round", "half/pads"], ["half/padded"], name="half/Pad"),
        node("Cast", ["half/padded"], ["half/image"], name="half/Bytes", to=TensorProto.UINT8),
    ]


def look(graph: GraphProto, scale: str, kept: Mapping[str, str]) -> Iterator[NodeProto]:
    """The nodes of `graph` with the scale before every name, except of those tensors whose names `kept` gives."""
    # onnx.compose.add_prefix does this too, but before onnx 1.17 it renames weights that an Identity hands on.
    for original in graph.node:
        node = NodeProto()
        node.CopyFrom(original)
        node.name = f"{scale}/{node.name}"
        node.input[:] = [kept.get(name, f"{scale}/{name}") for name in node.input]
        node.output[:] = [f"{scale}/{name}" for name in node.output]
        yield node


def constants() -> list[TensorProto]:
    """What the nodes of `halving` and `joining` compute with."""
    values = {"twice": np.array([1, 1, 2, 2]), "two": 2, "floor": FLOOR, "half": HALF, "fine": FINE}
    numbers = {"half/multiple": [MULTIPLE], "half/before": [0] * 6, "join/corner": [0, 0], "join/axes": [2, 3]}
    return [
        *(numpy_helper.from_array(np.asarray(value, np.float32), f"join/{name}") for name, value in values.items()),
        *(numpy_helper.from_array(np.asarray(value, np.int64), name) for name, value in numbers.items()),
    ]


def joining() -> list[NodeProto]:
    """The maps of both scales as one, in the cells of the larger: of any hand a product of powers, so that both must
    see it; of open palms and radii the mean; offsets are the larger scale's.
    """
    any_hand, open_palm, radius, offset = OUTPUTS

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
        return helper.make_node(kind, inputs, [output], name=f"join/{kind}/{output}", **attributes)

    linear = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return [
        node("Shape", [f"fine/{any_hand}"], "join/shape", start=2),
        *(node("Resize", [f"half/{name}", "", "join/twice"], f"join/padded {name}", **linear) for name in OUTPUTS[:3]),
        *(
            node("Slice", [f"join/padded {name}", "join/corner", "join/shape", "join/axes"], f"join/{name}")
            for name in OUTPUTS[:3]
        ),
        node("Max", [f"fine/{any_hand}", "join/floor"], "join/fine any"),
        node("Max", [f"join/{any_hand}", "join/floor"], "join/half any"),
        node("Pow", ["join/fine any", "join/fine"], "join/fine part"),
        node("Pow", ["join/half any", "join/half"], "join/half part"),
        node("Mul", ["join/fine part", "join/half part"], any_hand),
        node("Mean", [f"fine/{open_palm}", f"join/{open_palm}"], open_palm),
        # A cell of the smaller scale is two of the larger one's.
        node("Mul", [f"join/{radius}", "join/two"], "join/wide"),
        node("Mean", [f"fine/{radius}", "join/wide"], radius),
        node("Identity", [f"fine/{offset}"], offset),
    ]


def apart(file: Path) -> Callable[[np.ndarray], Maps]:
    """The same, computed from two runs of the file, as `Model.run`: maps of any hand and open palms."""
    model = open_model(file)

    def run(tensor: np.ndarray) -> Maps:
        height, width = tensor.shape[2:]
        pooled = tensor.reshape(1, 3, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
        black = np.zeros((1, 3, *(-(-side // 2 // MULTIPLE) * MULTIPLE for side in (height, width))), np.uint8)
        black[:, :, : height // 2, : width // 2] = np.round(pooled)
        fine = model.run(tensor)
        rows, columns = fine[0].shape
        half = [enlarged(values)[:rows, :columns] for values in model.run(black)[:2]]
        any_hand = np.maximum(fine[0], FLOOR) ** FINE * np.maximum(half[0], FLOOR) ** HALF
        return [any_hand, (fine[1] + half[1]) / 2]

    return run


def enlarged(values: np.ndarray) -> np.ndarray:
    """A map (rows, columns) twice as large, as `Resize` makes it."""
    rows, columns = values.shape
    return np.asarray(cv2.resize(values, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR))
