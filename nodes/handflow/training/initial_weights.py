"""The weights a training begins from: of a checkpoint, or of an exported model file."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handflow.errors import SetupError

from .checkpoint import read_checkpoint
from .network import Network


def begin_from(network: Network, path: Path, images: Tensor) -> int:
    """Gives the network the weights of a checkpoint or of an exported fp32 file where they fit; how many tensors did.

    An exported file has its batch normalisation folded into the convolutions; `images` (B, 3, h, w) tell what mean and
    spread to unfold it with. Raises SetupError.
    """
    if path.suffix != ".onnx":
        return _fill(network, read_checkpoint(path)["mean"])
    import onnx

    try:
        graph = onnx.load(path).graph
        stored = {i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer}
        folded = {_module(n.name): [stored[name] for name in n.input[1:]] for n in graph.node if n.op_type == "Conv"}
    except Exception as error:  # protobuf and onnx each raise their own
        raise SetupError(f"{path} is not an fp32 model file of `handflow export` ({type(error).__name__})") from None
    weights = {f"{name}.weight": values[0] for name, values in folded.items()}
    count = _fill(network, weights | {"out.bias": folded["out"][-1]})
    norms = {name: module for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}

    def unfold(norm: nn.BatchNorm2d, bias: Tensor) -> None:
        def look(_: nn.Module, given: tuple[Tensor]) -> None:
            mean, var = given[0].mean((0, 2, 3)), given[0].var((0, 2, 3), correction=0)
            norm.running_mean, norm.running_var = mean, var
            norm.weight.data.copy_((var + norm.eps).sqrt())  # what comes out is what the folded convolution gave
            norm.bias.data.copy_(mean + bias)

        hooks.append(norm.register_forward_pre_hook(look))

    hooks: list[Any] = []
    for name, norm in norms.items():
        convolution = f"{name.rpartition('.')[0]}.0"
        bias = folded.get(convolution, [torch.empty(0)])[-1]
        if bias.shape == norm.bias.shape:
            unfold(norm, bias)
            count += 4
    network.eval()
    with torch.no_grad():
        network(images)  # from the first level on, each sees what the ones before it give
    network.train()
    for hook in hooks:
        hook.remove()
    return count


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
