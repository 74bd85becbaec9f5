"""A palm detector's ONNX file as tf2onnx writes MediaPipe's, with other widths and random weights."""

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper


class PalmFile:
    """Writes nodes one after another; `widths` at /2 to /32, and one block beside each that halves."""

    def __init__(self, widths: tuple[int, ...], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.stored: list[TensorProto] = []
        image = self.node("Transpose", ["input_1"], perm=[0, 3, 1, 2])
        x = self.slopes(self.conv(image, 3, widths[0], 5, stride=2), widths[0])
        levels = []
        for number, width in enumerate(widths):
            if number:
                x = self.block(x, widths[number - 1], width, stride=2)
            x = self.block(x, width, width)
            levels.append(x)
        for level, low, high, name in ((3, widths[4], widths[3], "16"), (2, widths[3], widths[2], "8")):
            larger = self.node("Resize", [x, "", self.keep(np.array([1, 1, 2, 2]))], mode="linear")
            x = self.node("Add", [levels[level], self.slopes(self.conv(larger, low, high, 1), high)])
            x = self.block(self.block(x, high, high), high, high)
            for kind, count in (("regressor", 18), ("classifier", 1)):
                self.conv(x, high, count, 1, name=f"model/{kind}_palm_{name}/Conv2D")
        self.eight = x

    def keep(self, values: np.ndarray) -> str:
        name = f"const_{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str = "", **attributes: object) -> str:
        out = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def conv(
        self, x: str, inputs: int, outputs: int, size: int, stride: int = 1, name: str = "", group: int = 1
    ) -> str:
        weight = self.rng.normal(0, 1 / size / (inputs / group) ** 0.5, (outputs, inputs // group, size, size))
        before = (size - stride) // 2
        pads = [before, before, size - stride - before, size - stride - before]
        inputs_ = [x, self.keep(weight), self.keep(self.rng.normal(0, 0.1, outputs))]
        return self.node("Conv", inputs_, name, strides=[stride] * 2, pads=pads, group=group, kernel_shape=[size] * 2)

    def slopes(self, x: str, width: int) -> str:
        return self.node("PRelu", [x, self.keep(self.rng.normal(0.2, 0.5, (1, width, 1, 1))[0])])

    def block(self, x: str, inputs: int, outputs: int, stride: int = 1) -> str:
        shortcut = x
        if stride == 2:
            shortcut = self.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
        if outputs > inputs:
            pads = f"pads_{len(self.stored)}"
            values = np.array([0, 0, 0, 0, 0, outputs - inputs, 0, 0])
            self.stored.append(numpy_helper.from_array(values, pads))
            shortcut = self.node("Pad", [shortcut, pads])
        point = self.conv(self.conv(x, inputs, inputs, 5, stride, group=inputs), inputs, outputs, 1)
        return self.slopes(self.node("Add", [shortcut, point]), outputs)

    def write(self, path: Path) -> Path:
        """Writes the file, with what it has at /8 as its output `eight`."""
        self.node("Identity", [self.eight], "eight")
        graph = helper.make_graph(
            self.nodes,
            "palm",
            [helper.make_tensor_value_info("input_1", TensorProto.FLOAT, [1, "h", "w", 3])],
            [helper.make_tensor_value_info("eight", TensorProto.FLOAT, None)],
            self.stored,
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path
