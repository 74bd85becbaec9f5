"""Models made by hand."""

import json
from pathlib import Path
from typing import Any

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


PALM_SIDE = 16.0  # pixels of the palm detector's input: what it takes every palm for


def palm_detector(path: Path) -> Path:
    """An ONNX file with the maps of MediaPipe's palm detector: a palm of 16 pixels, upright, wherever red is bright."""
    shape = np.zeros(18, np.float32)  # offset, size and seven points of an anchor, about its cell's middle
    shape[2:4], shape[5], shape[7:18:2] = PALM_SIDE, PALM_SIDE / 2, -PALM_SIDE / 2
    constants = {
        "red": np.array([0]),
        "steep": np.float32(40),
        "least": np.array([[[[-20.0]], [[-60.0]]]], np.float32),
        "shapes8": np.tile(shape, 2).reshape(1, 36, 1, 1),
        "never": np.full((1, 6, 1, 1), -60, np.float32),
        "shapes16": np.zeros((1, 108, 1, 1), np.float32),
        "zero": np.float32(0),
    }
    nodes = [
        helper.make_node("Gather", ["image", "red"], ["light"], axis=1),
        helper.make_node("AveragePool", ["light"], ["mean8"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("AveragePool", ["light"], ["mean16"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Mul", ["mean8", "steep"], ["strong8"]),
        helper.make_node("Add", ["strong8", "least"], ["cls8"]),
        helper.make_node("Mul", ["mean8", "zero"], ["none8"]),
        helper.make_node("Mul", ["mean16", "zero"], ["none16"]),
        helper.make_node("Add", ["none8", "shapes8"], ["reg8"]),
        helper.make_node("Add", ["none16", "never"], ["cls16"]),
        helper.make_node("Add", ["none16", "shapes16"], ["reg16"]),
    ]
    outputs = {"cls8": 2, "reg8": 36, "cls16": 6, "reg16": 108}
    return _saved(
        path, nodes, constants, {"image": ["n", 3, "h", "w"]}, {n: ["n", c, "r", "k"] for n, c in outputs.items()}
    )


def raw_palm_detector(path: Path) -> Path:
    """A file as tf2onnx writes it: pictures of 192x192 in NHWC, and maps that are turned and flattened in the end."""
    nodes = [helper.make_node("Transpose", ["input_1"], ["nchw"], perm=[0, 3, 1, 2])]
    constants: dict[str, np.ndarray] = {"flat": np.array([1, -1])}
    for level, anchors in ((8, 2), (16, 6)):
        for name, channels in (("classifier", anchors), ("regressor", 18 * anchors)):
            out = f"model/{name}_palm_{level}/Conv2D"
            constants[f"{out}:w"] = np.full((channels, 3, level, level), 1 / (3 * level**2), np.float32)
            nodes.append(
                helper.make_node(
                    "Conv", ["nchw", f"{out}:w"], [out], strides=[level, level], kernel_shape=[level, level]
                )
            )
            nodes.append(helper.make_node("Reshape", [out, "flat"], [f"{out}:flat"]))
    outputs = {node.output[0]: [1, "n"] for node in nodes if node.op_type == "Reshape"}
    return _saved(path, nodes, constants, {"input_1": [1, 192, 192, 3]}, outputs)


def hand_landmarks(path: Path, presence: float = 0.9) -> Path:
    """A file with the outputs of MediaPipe's hand landmarks: the same hand in every square, so sure."""
    points = np.zeros((21, 3), np.float32)
    points[:, 0], points[:, 1] = np.linspace(80, 144, 21), 112
    points[0], points[9] = (112, 160, 0), (112, 64, 0)  # the wrist below the middle finger
    constants = {"points": points.reshape(1, 63), "sure": np.array([[presence]], np.float32), "zero": np.float32(0)}
    nodes = [
        helper.make_node("ReduceMean", ["input_1"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["none"]),
        helper.make_node("Add", ["none", "points"], ["landmarks"]),
        helper.make_node("Add", ["none", "sure"], ["presence"]),
    ]
    return _saved(path, nodes, constants, {"input_1": [1, 224, 224, 3]}, {"landmarks": [1, 63], "presence": [1, 1]})


def _saved(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    inputs: dict[str, list[Any]],
    outputs: dict[str, list[Any]],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
