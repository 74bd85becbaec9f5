"""An fp32 model file -> its int8 form."""

import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import GraphProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .network import STRIDE

QUANTISED = r"/(smooth|head)/point/"  # names of nodes


def describe(path: Path, facts: dict[str, str]) -> None:
    """Writes metadata into an ONNX file."""
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, path)


class CalibrationReader(CalibrationDataReader):
    """Gives pictures (n, 3, h, w) to onnxruntime one by one, with an empty prior where the network takes one."""

    def __init__(self, pictures: np.ndarray, takes_prior: bool) -> None:
        self.pictures: Iterator[np.ndarray] = iter(pictures)
        self.takes_prior = takes_prior

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self.pictures, None)
        if picture is None:
            return None
        blank = np.zeros((1, 1, picture.shape[1] // STRIDE, picture.shape[2] // STRIDE), np.float32)
        return {"image": picture[None], **({"prior": blank} if self.takes_prior else {})}


def quantise(
    path: Path, out: Path, pictures: np.ndarray, facts: dict[str, str], weight_bits: Literal[7, 8] = 7
) -> None:
    """int8 weights and activations, per channel, of the last convolutions across channels; all else stays fp32.

    In int8 throughout, AP of three validation sets fell from .85 to .73: one scale for all channels of a level is too
    coarse for slopes that are as different as the palm detector's. And convolutions of single channels take four times
    as long in int8; where a level's maps are int8, so are the maxima of 2x2 of it, which take ten times as long.
    Weights have 7 bits: processors without VNNI add two products of a byte and a weight in 16 bits and cut off what
    does not fit, and 2 * 255 * 64 does. With 8 bits a far palm scored .38 there instead of .53.
    """
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # it advises a preparation that has just been done
    try:
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            graph = onnx.load(prepared).graph
            exact = [n.name for n in graph.node if not re.search(QUANTISED, n.name)]
            quantize_static(
                str(prepared),
                str(out),
                CalibrationReader(pictures, takes_prior=len(graph.input) > 1),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=weight_bits == 7,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                op_types_to_quantize=["Conv", "Relu", "Add", "Resize"],
                nodes_to_exclude=exact,
            )
    finally:
        log.setLevel(level)
    model = onnx.load(out)
    store_in_half(model.graph)
    onnx.save(model, out)
    describe(out, facts)


def store_in_half(graph: GraphProto) -> None:
    """Stores the weights of convolutions in 16 bits; the runtime casts them back once, when it opens the file."""
    used = {name for node in graph.node if node.op_type == "Conv" for name in node.input[1:2]}
    for tensor in graph.initializer:
        if tensor.name in used and tensor.data_type == TensorProto.FLOAT:
            name = tensor.name
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}/half"))
            cast = helper.make_node("Cast", [f"{name}/half"], [name], name=f"{name}/cast", to=TensorProto.FLOAT)
            graph.node.insert(0, cast)
