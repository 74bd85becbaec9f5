"""The weights a training begins from: of a checkpoint, of an exported model file, or of MediaPipe's palm detector."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handflow.errors import SetupError
from handflow.training.teaching.palm_detector import is_palm_detector, read_layers

from .checkpoint import read_checkpoint
from .network import Block, Network


def begin_from(network: Network, path: Path, images: Tensor) -> int:
    """Gives the network the weights of a file where they fit; how many tensors did. Raises SetupError.

    An exported file has its batch normalisation folded into the convolutions; `images` (B, 3, h, w) say what mean and
    spread to unfold it with. MediaPipe's palm detector brings all but the end of the pyramid and the heads.
    """
    if path.suffix != ".onnx":
        return _fill(network, read_checkpoint(path)["mean"])
    if is_palm_detector(path):
        return _fill(network, palm_weights(network, path))
    weights, biases = read_exported(path)
    # `handflow export` leaves out rows of zeros.
    even = {name for name, own in network.state_dict().items() if own.shape[2:] == (6, 6)}
    weights = {name: _even(w) if name in even and w.shape[2:] == (5, 5) else w for name, w in weights.items()}
    return _fill(network, weights) + unfold_norms(network, biases, images)


def palm_weights(network: Network, path: Path) -> dict[str, Tensor]:
    """The weights of MediaPipe's palm detector by the names they have in a network. Raises SetupError.

    It takes RGB 0..1, pads by 1 before and by 2 behind where it halves, and has a bias between a block's convolutions.
    """
    names = {module: name for name, module in network.named_modules()}
    units = network.units()
    layers = [[torch.tensor(values) for values in layer] for layer in read_layers(path)]
    if len(layers) != 2 + sum(3 if isinstance(unit, Block) else 2 for unit in units):
        raise SetupError(
            f"{path}: expected the palm detector that the network is built as, {len(units)} blocks "
            f"(palm_detection_full of mediapipe 0.10.21), got {len(layers)} layers"
        )
    weights: dict[str, Tensor] = {}
    left = iter(layers)
    (stem, bias), (slope,) = next(left), next(left)
    weights |= {"stem.0.weight": _even(stem.flip(1)) * (64 / 255), "stem.0.bias": bias, "stem.1.slope": slope}
    for unit in units:
        name, shift = names[unit], torch.zeros(1)
        if isinstance(unit, Block):
            depth, shift = next(left)
            weights[f"{name}.depth.weight"] = _even(depth) if unit.stride == 2 else depth
        (point, bias), (slope,) = next(left), next(left)
        weights[f"{name}.point.weight"] = point
        weights[f"{name}.point.bias"] = bias + (point[:, :, 0, 0] * shift).sum(1)
        weights[f"{name}.slopes.slope"] = slope
    return weights


def _even(kernel: Tensor) -> Tensor:
    """A kernel of 5x5 on a picture padded by 1 before and 2 behind, as one of 6x6 on one padded by 2 on every side."""
    return nn.functional.pad(kernel, (1, 0, 1, 0))


def read_exported(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights of an exported fp32 file by their names in a network, and the biases by module. Raises SetupError."""
    import onnx

    try:
        model = onnx.load(path)
        # Of two scales each weight stands twice, under other names.
        if any(fact.key == "scales" for fact in model.metadata_props):
            raise ValueError("two scales")
        graph = model.graph
        stored = {i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer}
        layers = {_module(n.name): [stored[name] for name in n.input[1:]] for n in graph.node if n.op_type == "Conv"}
    except Exception as error:  # protobuf and onnx each raise their own
        reason = type(error).__name__
        raise SetupError(
            f"{path}: expected an fp32 model file that looks at one scale, of `handflow export` ({reason})"
        ) from None
    # Slopes lie in the file as SlopesApart, and in files of before as -slope.
    slopes = {name.removesuffix(".above"): 1 - layer[0].flatten() for name, layer in layers.items() if ".above" in name}
    slopes |= {name.removesuffix(".below"): -layer[0].flatten() for name, layer in layers.items() if ".below" in name}
    biases = {name: layer[1] for name, layer in layers.items() if len(layer) > 1}
    weights = {f"{name}.weight": layer[0] for name, layer in layers.items()}
    weights |= {f"{name}.bias": bias for name, bias in biases.items()}
    return weights | {f"{name}.slope": slope for name, slope in slopes.items()}, biases


def unfold_norms(network: Network, biases: dict[str, Tensor], images: Tensor) -> int:
    """Sets each batch normalisation so that it gives what the folded convolution before it gave; how many tensors fit.

    Each takes its mean and spread from what the levels before it give for `images`.
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
    weights = dict(weights)
    # Where a block widens, the palm detector and files of before have one convolution for what Block has two for.
    for name in [name for name in own if ".added." in name]:
        point = name.replace(".added.", ".point.")
        if name not in weights and len(weights.get(point, ())) == len(own[point]) + len(own[name]):
            weights[point], weights[name] = weights[point].split([len(own[point]), len(own[name])])
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    return sum(value.is_floating_point() for value in fitting.values())
