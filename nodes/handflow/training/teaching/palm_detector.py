"""MediaPipe's palm detector, run fully convolutionally: palms in a picture of any size.

The file comes from the wheel `mediapipe==0.10.21` (Apache-2.0), as tf2onnx converts it:

    unzip mediapipe-0.10.21-*.whl 'mediapipe/modules/palm_detection/palm_detection_full.tflite'
    python -m tf2onnx.convert --opset 13 --tflite palm_detection_full.tflite --output palm.onnx

tf2onnx keeps the input at 192x192 and flattens the maps; `convolutional` cuts the file before that. What it finds in a
larger picture is what a window of 192 pixels that slides over it finds, but for the edges: palms of 12 to 110 pixels.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from handflow.errors import SetupError
from handflow.vision.model import open_session

MAPS = ("cls8", "reg8", "cls16", "reg16")  # scores and shapes at strides 8 and 16
TENSORS = {
    "cls8": "classifier_palm_8",
    "reg8": "regressor_palm_8",
    "cls16": "classifier_palm_16",
    "reg16": "regressor_palm_16",
}  # in the file of tf2onnx
MULTIPLE = 32
SMALLEST_INPUT = 192
WEAKEST = 0.3  # palms of less are not looked at
OVERLAP = 0.3  # of two palms that are one


class Palm(NamedTuple):
    """One palm, in pixels of the picture."""

    score: float
    box: np.ndarray  # (4,) x, y, width, height, from the wrist to the knuckles
    points: np.ndarray  # (7, 2) wrist, knuckles of index to little finger, two of the thumb

    @property
    def hand(self) -> np.ndarray:
        """A guess (4,) of the square about the whole hand, as of one half closed.

        Its middle is off by .11 of a hand (median, 158 pictures of strangers in streets).
        """
        middle = self.box[:2] + self.box[2:] / 2
        side = 1.45 * self.box[2:].max()
        return np.append(middle + 0.6 * (self.region[0] - middle) - side / 2, [side, side])

    @property
    def region(self) -> tuple[np.ndarray, float, float]:
        """The square in which MediaPipe looks for the hand's landmarks: centre, side, angle."""
        wrist, knuckle = self.points[0], self.points[2]
        angle = float(np.pi / 2 - np.arctan2(wrist[1] - knuckle[1], knuckle[0] - wrist[0]))
        side, up = self.box[2:].max(), np.array([np.sin(angle), -np.cos(angle)])
        return self.box[:2] + self.box[2:] / 2 + up * side / 2, 2.6 * side, angle


class PalmDetector:
    """The network in a file, whole as tf2onnx writes it or cut already. Raises SetupError."""

    def __init__(self, file: Path) -> None:
        self.session = open_session(convolutional(file), file)

    def detect(self, image: np.ndarray, zoom: float = 1.0, weakest: float = WEAKEST) -> list[Palm]:
        """The palms of a picture (height, width, 3) BGR that score `weakest` or more, surest first.

        The network is shown the picture `zoom` times as large.
        """
        height, width = image.shape[:2]
        size = max(1, round(width * zoom)), max(1, round(height * zoom))
        seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
        wide, high = (max(SMALLEST_INPUT, -(-side // MULTIPLE) * MULTIPLE) for side in size)
        x, y = (wide - size[0]) // 2, (high - size[1]) // 2
        framed = np.zeros((1, 3, high, wide), np.float32)
        framed[0, :, y : y + size[1], x : x + size[0]] = seen[..., ::-1].transpose(2, 0, 1) / 255
        maps = self.session.run(list(MAPS), {"image": framed})
        levels = [decoded(maps[0], maps[1], 8), decoded(maps[2], maps[3], 16)]
        score, shape = (np.concatenate(values) for values in zip(*levels, strict=True))  # (n,), (n, 9, 2)
        shape, score = shape[score >= weakest], score[score >= weakest]
        shape[:, PLACES] -= [x, y]
        shape = shape * [width / size[0], height / size[1]]
        kept: list[Palm] = []
        for n in np.argsort(-score, kind="stable"):
            box = np.append(shape[n, 0] - shape[n, 1] / 2, shape[n, 1])
            if not any(overlap(box, palm.box) > OVERLAP for palm in kept):
                kept.append(Palm(float(score[n]), box, shape[n, 2:]))
        return kept


PLACES = [0, *range(2, 9)]  # of centre, size and seven points, those that are places


def decoded(scores: np.ndarray, shapes: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """One level's maps -> scores (n,), and centre, size and seven points (n, 9, 2) in pixels of the input.

    All anchors of a cell lie in its middle and have size 1: they differ by their weights only.
    """
    _, anchors, rows, columns = scores.shape
    shape = shapes[0].reshape(anchors, 9, 2, rows, columns).copy()
    middles = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)) * stride  # (2, rows, columns)
    shape[:, PLACES] += middles
    probability = 1 / (1 + np.exp(-scores[0].reshape(-1).clip(-50, 50)))
    return probability, shape.transpose(0, 3, 4, 1, 2).reshape(-1, 9, 2)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    both = (np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])).clip(0).prod()
    return float(both / (a[2:].prod() + b[2:].prod() - both + 1e-9))


def is_palm_detector(file: Path) -> bool:
    """Whether an ONNX file holds MediaPipe's palm detector rather than a model of ours."""
    import onnx

    try:
        nodes = onnx.load(file).graph.node
    except Exception:  # protobuf raises its own; who opens the file next says what is wrong with it
        return False
    return any(node.op_type == "PRelu" for node in nodes)


def read_layers(file: Path) -> list[list[np.ndarray]]:
    """Weight and bias of each convolution, and slopes of each PReLU, in their order, but for the last ones that give
    the four maps. Raises SetupError.
    """
    import onnx

    graph = onnx.load_from_string(convolutional(file)).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return [
        [stored[name].flatten() if node.op_type == "PRelu" else stored[name] for name in node.input[1:]]
        for node in graph.node
        if node.op_type in ("Conv", "PRelu") and node.output[0] not in MAPS
    ]


def convolutional(file: Path) -> bytes:
    """The file with the four maps as outputs, for pictures of any size in multiples of 32. Raises SetupError."""
    import onnx
    from onnx import TensorProto, helper

    try:
        model = onnx.load(file)
    except Exception as error:  # protobuf raises its own
        raise SetupError(f"{file}: expected an ONNX file ({type(error).__name__})") from None
    graph = model.graph
    if set(MAPS) <= {output.name for output in graph.output}:
        return model.SerializeToString()
    made_by = {output: node for node in graph.node for output in node.output}
    convolutions = [node.output[0] for node in graph.node if node.op_type == "Conv"]
    ends = {name: next((out for out in convolutions if tag in out), "") for name, tag in TENSORS.items()}
    start = next((n for n in graph.node if n.op_type == "Transpose" and n.input[0] == graph.input[0].name), None)
    if start is None or not all(ends.values()):
        raise SetupError(f"{file}: expected MediaPipe's palm detector as tf2onnx writes it, got another network")
    renamed = {start.output[0]: "image", **{out: name for name, out in ends.items()}}
    kept: set[str] = set()
    open_ends = list(ends.values())
    while open_ends:
        out = open_ends.pop()
        if out in made_by and out not in kept and out != start.output[0]:
            kept.add(out)
            open_ends += made_by[out].input
    nodes = [node for node in graph.node if node.output[0] in kept]
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    used = {name for node in nodes for name in node.input}
    anchors = {"cls8": 2, "reg8": 36, "cls16": 6, "reg16": 108}
    cut = helper.make_graph(
        nodes,
        "palm",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", anchors[name], None, None]) for name in MAPS],
        [tensor for tensor in graph.initializer if tensor.name in used],
    )
    return helper.make_model(cut, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
