"""Model files joined into one, whose maps are the mean of theirs (deep ensembles, arXiv 1612.01474).

Networks that were trained differently are wrong in different places, so the mean of their maps is better than each of
them, at the sum of their times. Weights are stored in 16 bits, half the bytes, and computed with in 32.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, TensorProto, compose, helper, numpy_helper

from handflow.errors import SetupError
from handflow.vision.model import OUTPUTS, Model, open_model

ALIKE = ("stride", "multiple", "profiles", "precision")  # facts in which joined files must agree
OF_ONE = ("strays", "scores", "calibration", "average", "weights", "data", "pictures", "steps", "settings", "network")


def join(files: Sequence[Path], out: Path) -> dict[str, str]:
    """Writes the model file that gives the mean of the maps of `files`; the facts that are true of it.

    Raises SetupError for files of other strides, sizes or precisions, and for those that take a prior.
    """
    models = [open_model(file) for file in files]
    check(models)
    graphs = [onnx.load(file) for file in files]
    opset = max(version.version for graph in graphs for version in graph.opset_import if not version.domain)
    whole = onnx.ModelProto()
    whole.CopyFrom(graphs[0])
    whole.graph.CopyFrom(
        GraphProto(name="joined", input=graphs[0].graph.input, output=graphs[0].graph.output, node=[], initializer=[])
    )
    for number, graph in enumerate(graphs):
        if opset != next(version.version for version in graph.opset_import if not version.domain):
            raise SetupError(f"{files[number]}: expected a file of operator set {opset}, as others are; export it anew")
        part = compose.add_prefix(graph, f"{number}/", rename_inputs=False).graph
        whole.graph.node.extend(part.node)
        whole.graph.initializer.extend(part.initializer)
    for name in OUTPUTS:
        members = [f"{number}/{name}" for number in range(len(files))]
        whole.graph.node.append(helper.make_node("Mean", members, [name], name=f"mean/{name}"))
    store_in_half(whole.graph)
    onnx.checker.check_model(whole)
    onnx.save(whole, out)
    return facts_of(models)


def check(models: Sequence[Model]) -> None:
    """Raises SetupError unless the files can be joined."""
    for model in models:
        if model.takes_prior:
            raise SetupError(f"{model.path}: expected a network without a prior to join, got one that takes one")
        for fact in ALIKE:
            if model.metadata.get(fact) != models[0].metadata.get(fact):
                raise SetupError(
                    f"{model.path}: expected {fact} {models[0].metadata.get(fact)} as {models[0].path} has, got "
                    f"{model.metadata.get(fact)}"
                )


def facts_of(models: Sequence[Model]) -> dict[str, str]:
    """The facts of the first file that are true of all; and what each of them is."""
    shared = {name: value for name, value in models[0].metadata.items() if name not in OF_ONE}
    members = [{name: m.metadata[name] for name in ("weights", "data", "steps") if name in m.metadata} for m in models]
    return shared | {"members": json.dumps(members)}


def store_in_half(graph: GraphProto) -> None:
    """Stores the weights of convolutions in 16 bits; the runtime casts them back once, when it opens the file."""
    used = {name for node in graph.node if node.op_type == "Conv" for name in node.input[1:2]}
    casts = []
    for tensor in graph.initializer:
        if tensor.name in used and tensor.data_type == TensorProto.FLOAT:
            name = tensor.name
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}/half"))
            casts.append(helper.make_node("Cast", [f"{name}/half"], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
