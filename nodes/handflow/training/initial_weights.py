"""The weights a training begins from: of a checkpoint, or of an exported model file."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handflow.errors import SetupError

from .checkpoint import read_checkpoint
from .network import Network


def begin_from(network: Network, path: Path, images: Tensor) -> int:
    """Gives the network the weights of a checkpoint or of an exported fp32 file where they fit; how many tensors did.

    An exported file has its batch normalisation folded into the convolutions; `images` (B, 3, h, w) say what mean and
    spread to unfold it with. Raises SetupError.
    """
    if path.suffix != ".onnx":
        return _fill(network, read_checkpoint(path)["mean"])
    folded = read_convolutions(path)
    weights = {f"{name}.weight": values[0] for name, values in folded.items()}
    count = _fill(network, weights | {"out.bias": folded["out"][-1]})
    return count + unfold_norms(network, {name: values[-1] for name, values in folded.items()}, images)


def read_convolutions(path: Path) -> dict[str, list[Tensor]]:
    """Weight and bias of each convolution of an exported fp32 file, by the module it stems from. Raises SetupError."""
    import onnx

    try:
        model = onnx.load(path)
        # Of two scales each weight stands twice, under other names.
        if any(fact.key == "scales" for fact in model.metadata_props):
            raise ValueError("two scales")
        graph = model.graph
        stored = {i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer}
        # What is equal, such as the zeros of two new blocks, is stored once.
        stored |= {
            n.output[0]: stored[n.input[0]] for n in graph.node if n.op_type == "Identity" and n.input[0] in stored
        }
        return {_module(n.name): [stored[name] for name in n.input[1:]] for n in graph.node if n.op_type == "Conv"}
    except Exception as error:  # protobuf and onnx each raise their own
        reason = type(error).__name__
        raise SetupError(
            f"{path}: expected an fp32 model file that looks at one scale, of `handflow export` ({reason})"
        ) from None


def unfold_norms(network: Network, biases: dict[str, Tensor], images: Tensor) -> int:
    """Sets each batch normalisation so that it gives what the folded convolution before it gave; how many tensors fit.

    From the first level on, each takes its mean and spread from what the levels before it give for `images`.
    """
    hooks: list[Any] = []
    for name, norm in network.named_modules():
        if isinstance(norm, nn.BatchNorm2d):
            bias = biases.get(f"{name.rpartition('.')[0]}.0", torch.empty(0))
            if bias.shape == norm.bias.shape:
                hooks.append(norm.register_forward_pre_hook(partial(_unfold, bias)))
    network.eval()
    with torch.no_grad():
        network(images)
    network.train()
    for hook in hooks:
        hook.remove()
    return 4 * len(hooks)


def _unfold(bias: Tensor, norm: nn.BatchNorm2d, given: tuple[Tensor]) -> None:
    mean, var = given[0].mean((0, 2, 3)), given[0].var((0, 2, 3), correction=0)
    norm.running_mean, norm.running_var = mean, var
    norm.weight.data.copy_((var + norm.eps).sqrt())
    norm.bias.data.copy_(mean + bias)


def _module(node: str) -> str:
    """The module that an exported node stems from: "/network/stem/stem.0/stem.0.0/Conv" is stem.0.0."""
    path: list[str] = []
    for part in node.split("/")[2:-1]:
        if path and part.startswith(f"{path[-1]}."):
            path.pop()
        path.append(part)
    return ".".join(path)


def _fill(network: Network, weights: dict[str, Tensor]) -> int:
    """Copies the tensors whose name and shape fit; how many there were."""
    own = network.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    return sum(value.is_floating_point() for value in fitting.values())
