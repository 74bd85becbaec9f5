"""Model files joined into one, whose maps are the mean of theirs (deep ensembles, arXiv 1612.01474).

Networks that were trained differently are wrong in different places, so the mean of their maps is better than each of
them, at the sum of their times. Weights are stored in 16 bits, half the bytes, and computed with in 32.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, TensorProto, compose, helper, numpy_helper

from handflow.errors import SetupError
from handflow.runtime.names import fitting
from handflow.vision.model import OUTPUTS, Model, open_model
from handflow.vision.model_choice import check_images

from .export import UNMEASURED, Maps, Measured, compare, finish, replaced

MAX_DEVIATION = 0.002  # what weights of 16 bits may cost a joined file
ALIKE = ("stride", "multiple", "profiles", "precision")  # facts in which joined files must agree
OF_ONE = ("strays", "scores", "calibration", "average", "weights", "data", "pictures", "steps", "settings", "network")


def export_joined(
    files: Sequence[Path],
    out: Path,
    name: str,
    measured_on: Measured = UNMEASURED,
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> list[Path]:
    """Writes into `out` fp32 model files joined into one, and their int8 forms likewise.

    `sizes`: width and height that profiles are to have, where not those of the files. Raises SetupError.
    """
    quantised = [file.with_name(fitting(file.stem, "-int8.onnx")) for file in files]
    for file, int8 in zip(files, quantised, strict=True):
        if not int8.is_file():
            raise SetupError(f"{file}: expected its int8 form {int8.name} beside it; `handflow export` makes one")

    def make(folder: Path) -> dict[str, Path]:
        made = {"fp32": folder / "fp32.onnx", "int8": folder / "int8.onnx"}
        for precision, members in (("fp32", files), ("int8", quantised)):
            facts = join(members, made[precision])
            facts["profiles"] = json.dumps({**json.loads(facts["profiles"]), **(sizes or {})})
            strayed = compare(mean_run(members), open_model(made[precision]), check_images(), MAX_DEVIATION)
            finish(made[precision], facts, precision, strayed, measured_on)
        return {f"{name}.onnx": made["fp32"], f"{name}-int8.onnx": made["int8"]}

    return replaced(out, make)


def mean_run(files: Sequence[Path]) -> Callable[[np.ndarray], Maps]:
    """The mean of the maps of model files, as `Model.run`."""
    models = [open_model(file) for file in files]
    return lambda tensor: [np.mean(maps, axis=0) for maps in zip(*(m.run(tensor) for m in models), strict=True)]


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
