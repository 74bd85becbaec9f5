"""The network: plain 3x3 residual blocks at /4 /8 /16 /32 and a light pyramid back to /4. A picture in, five maps out.

Plain convolutions and not depthwise ones: in int8 they reach 230-300 GOP/s on one core against 100-140.
"""

from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from handflow.errors import SetupError

STRIDE = 4  # pixels of the input per cell of the maps
MULTIPLE = 32  # what height and width of the input are multiples of: the coarsest level's stride
HEADS = {"any": 1, "open": 1, "radius": 1, "offset": 2}  # name: channels, in this order


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class Network(nn.Module):
    """(B, 3, h, w) BGR 0..255 -> any hand, open palm (B, 1, h/4, w/4 logits), log radius (cells), offset x, y (cells).

    h and w are multiples of MULTIPLE, so that no level has to be cut to fit the next. The scaling of the input lies in
    here, so that preparing a picture costs a resize only. A network with a prior also takes a map (B, 1, h/4, w/4) of
    where hands are expected, as CenterTrack does (arXiv 2004.01177); none or zeros: nothing is known.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128, 128),
        blocks: tuple[int, ...] = (1, 1, 1, 2),  # two at /32: a hand may fill the picture, and there they cost little
        neck: int = 32,
        stem: int = 16,
        prior: bool = False,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"widths": tuple(widths), "blocks": tuple(blocks), "neck": neck, "stem": stem}
        self.settings |= {"prior": True} if prior else {}
        self.stem = nn.Sequential(conv(3, stem, stride=2), conv(stem, widths[0], stride=2))
        # Where hands are expected, added to what the stem sees; from nothing at first, so that it can be learned later.
        self.prior = nn.Conv2d(1, widths[0], 3, padding=1, bias=False) if prior else None
        if self.prior is not None:
            nn.init.zeros_(self.prior.weight)
        stages = []
        for number, width in enumerate(widths):
            down = [] if number == 0 else [conv(widths[number - 1], width, stride=2)]
            stages.append(nn.Sequential(*down, *(Residual(width) for _ in range(blocks[number]))))
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(conv(width, neck, size=1) for width in widths)
        self.smooth = conv(neck, neck)
        self.head = conv(neck, neck)
        self.out = nn.Conv2d(neck, sum(HEADS.values()), 1)  # all heads in one: four small ones take three times as long
        nn.init.constant_(self.out.get_parameter("bias")[:2], -4)  # most cells hold no hand: start by saying so

    def forward(self, image: Tensor, prior: Tensor | None = None) -> dict[str, Tensor]:
        x = self.stem(image * (1 / 64))  # (B, 32, h/4, w/4); black stays 0, as the padding is
        if self.prior is not None and prior is not None:
            x = x + self.prior(prior)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)  # /4 /8 /16 /32
        top = self.lateral[-1](levels[-1])
        for lateral, level in zip(list(self.lateral)[-2::-1], levels[-2::-1], strict=True):
            top = functional.interpolate(top, scale_factor=2.0) + lateral(level)
        maps = self.out(self.head(self.smooth(top)))  # (B, 5, h/4, w/4)
        ends = list(accumulate(HEADS.values()))
        # Slices and not split(): OpenCV 4 reads the file too.
        return {name: maps[:, end - size : end] for (name, size), end in zip(HEADS.items(), ends, strict=True)}


def read_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """What `handflow train` wrote: `network` (Network's settings), `model`, `mean` and more. Raises SetupError."""
    if not path.is_file():
        raise SetupError(f"there is no checkpoint {path}; `handflow train` writes one")
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        Network(**saved["network"]).load_state_dict(saved["mean"])
    except Exception as error:  # torch, pickle and zip each raise their own
        reason = str(error).splitlines()[0][:120]
        raise SetupError(f"{path} is not a whole checkpoint of `handflow train` ({reason})") from None
    return saved


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
