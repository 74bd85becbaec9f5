"""The levels of MediaPipe's palm detector, in torch: what a network begins from, and what its fine levels imitate."""

from pathlib import Path

import torch
from torch import Tensor, nn

from handflow.errors import SetupError

from .network import Block, Enlarged, Slopes, level
from .teaching.palm_detector import read_layers

BUILT_AS = "MediaPipe's palm detector (palm_detection_full of mediapipe 0.10.21)"
LEVELS, ON_THE_WAY_BACK = 5, 4  # /2 to /32; blocks from there to /8


class PalmLevels(nn.Module):
    """/2 to /32 and back to /8, as the network has them but for PReLU at /2 and /4 too."""

    def __init__(self, widths: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.widths, self.blocks = widths, blocks
        two, _, eight, sixteen, coarsest = widths
        self.stem = nn.Sequential(nn.Conv2d(3, two, 6, stride=2, padding=2), Slopes(two))
        levels = zip(widths, (0, *widths[:-1]), strict=True)
        self.stages = nn.ModuleList(level(Block, width, blocks, before) for width, before in levels)
        self.enlarged = nn.ModuleList([Enlarged(coarsest, sixteen), Enlarged(sixteen, eight)])
        self.joined = nn.ModuleList(level(Block, width, ON_THE_WAY_BACK // 2) for width in (sixteen, eight))

    def see_finely(self, image: Tensor) -> Tensor:
        """(B, 3, h, w) BGR 0..255 -> what /4 sees, (B, 64, h/4, w/4)."""
        out: Tensor = self.stages[1](self.stages[0](self.stem(image * (1 / 64))))
        return out

    def units(self) -> list[Block | Enlarged]:
        """Blocks and what enlarges between them, in the order in which a picture passes them."""
        on_the_way_back = [module for pair in zip(self.enlarged, self.joined, strict=True) for module in pair]
        modules = [unit for part in (*self.stages, *on_the_way_back) for unit in part.modules()]
        return [unit for unit in modules if isinstance(unit, Block | Enlarged)]


def read_palm_levels(path: Path) -> PalmLevels:
    """The levels with the weights of the detector's file. Raises SetupError.

    It takes RGB 0..1, pads by 1 before and by 2 behind where it halves, and has a bias between a block's convolutions.
    """
    layers = [[torch.tensor(values) for values in layer] for layer in read_layers(path)]
    # Two for the stem, three for a block, two for what enlarges; all levels but the first begin with one that halves.
    blocks, rest = divmod(len(layers) - 2 - 2 * 2 - 3 * (LEVELS - 1 + ON_THE_WAY_BACK), 3 * LEVELS)
    if rest or blocks < 1:
        raise SetupError(f"{path}: expected {BUILT_AS}, got a network of {len(layers)} layers")
    ends = [2 + 3 * (number * (blocks + 1) + blocks) - 2 for number in range(LEVELS)]  # each level's last convolution
    palm = PalmLevels(tuple(len(layers[end][0]) for end in ends), blocks).requires_grad_(False)
    units = palm.units()
    left = iter(layers)
    (kernel, bias), (slope,) = next(left), next(left)
    fill(palm.stem[0], "weight", even(kernel.flip(1)) * (64 / 255), path)
    fill(palm.stem[0], "bias", bias, path)
    fill(palm.stem[1], "slope", slope, path)
    for unit in units:
        shift = torch.zeros(1)
        if isinstance(unit, Block):
            depth, shift = next(left)
            fill(unit.depth, "weight", even(depth) if unit.stride == 2 else depth, path)
        (point, bias), (slope,) = next(left), next(left)
        fill(unit.point, "weight", point, path)
        fill(unit.point, "bias", bias + (point[:, :, 0, 0] * shift).sum(1), path)
        fill(unit.slopes, "slope", slope, path)
    return palm.eval()


def even(kernel: Tensor) -> Tensor:
    """A kernel of 5x5 on a picture padded by 1 before and 2 behind, as one of 6x6 on one padded by 2 on every side."""
    return nn.functional.pad(kernel, (1, 0, 1, 0))


def fill(module: nn.Module, name: str, values: Tensor, path: Path) -> None:
    """Copies a layer's values in place. SetupError where they have another shape."""
    parameter = module.get_parameter(name)
    if parameter.shape != values.shape:
        raise SetupError(
            f"{path}: expected {BUILT_AS}, a layer of {tuple(parameter.shape)}, got one of {tuple(values.shape)}"
        )
    parameter.data.copy_(values)
