"""A model made by hand."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

PROFILES = {"near": [320, 180], "mid": [428, 240], "far": [512, 288]}
FACTS = {"stride": "4", "multiple": "4", "profiles": json.dumps(PROFILES)}


def brightness_model(path: Path, facts: dict[str, str], dim: float = 1.0) -> Path:
    """An ONNX file with a model's inputs and outputs: any = dim * mean of blue, open = of red, radius = 2."""
    nodes = [
        helper.make_node("Cast", ["image"], ["bytes"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["bytes", "unit"], ["light"]),
        helper.make_node("AveragePool", ["light"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Gather", ["cells", "blue"], ["any"], axis=1),
        helper.make_node("Gather", ["cells", "red"], ["open"], axis=1),
        helper.make_node("Mul", ["any", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "two"], ["radius"]),
        helper.make_node("Transpose", ["nothing"], ["column"], perm=[0, 2, 3, 1]),
        helper.make_node("Concat", ["column", "column"], ["offset"], axis=3),
    ]
    constants = {"unit": np.float32(dim / 255), "zero": np.float32(0), "two": np.float32(2)}
    constants |= {"blue": np.array([0]), "red": np.array([2])}
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, "r", "c"]) for n in ("any", "open", "radius")]
        + [helper.make_tensor_value_info("offset", TensorProto.FLOAT, [1, "r", "c", 2])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, facts)
    onnx.save(model, path)
    return path
