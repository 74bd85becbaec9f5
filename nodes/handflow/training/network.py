"""The network: separable 5x5 residual blocks at /2 to /32, and a pyramid back to /4. A picture in, five maps out.

Down to /8 on the way back it is built as MediaPipe's palm detector is (BlazePalm, arXiv 1907.05047 and 2006.10214), so
that it can begin from what that detector has learned of strangers' hands (initial_weights.py). That one is known to be
slow on onnxruntime: half of its time goes into PReLU, which `for_export` writes as convolutions.
"""

from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 4  # pixels of the input per cell of the maps
MULTIPLE = 32  # what height and width of the input are multiples of: the coarsest level's stride
HEADS = {"any": 1, "open": 1, "radius": 1, "offset": 2}  # name: channels, in this order
PARTS = ("person", "head", "elbow", "wrist", "foot")  # what a network may also learn to find, at twice STRIDE
LEVELS = 5  # /2 /4 /8 /16 /32


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    """Convolution, batch norm and ReLU: (B, inputs, h, w) to (B, outputs, h, w)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Slopes(nn.Module):
    """PReLU (arXiv 1502.01852): x where it is positive, and else x times the channel's slope."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((width,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return functional.prelu(x, self.slope)


class SlopesApart(nn.Module):
    """The same as convolutions that onnxruntime adds up in its own layout: x + (1 - slope) * relu(-x)."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        width = len(slope)
        self.negative = nn.Conv2d(width, width, 1, groups=width, bias=False)
        self.above = nn.Conv2d(width, width, 1, groups=width, bias=False)
        nn.init.constant_(self.negative.weight, -1)
        self.above.weight.data = (1 - slope.detach()).reshape(-1, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.above(functional.relu(self.negative(x))) + x
        return out


class Block(nn.Module):
    """A convolution for each channel and one across them, beside a shortcut; half as large if `stride` is 2.

    With more outputs than inputs, the shortcut leads to the first of them.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        # Of even size where it halves: then its middle is that of the four pixels which become one.
        self.depth = nn.Conv2d(inputs, inputs, 4 + stride, stride, padding=2, groups=inputs, bias=False)
        self.point = nn.Conv2d(inputs, inputs, 1)
        # Apart from the others: a shortcut padded with zeros would have to be added to these too.
        self.added = nn.Conv2d(inputs, outputs - inputs, 1) if outputs > inputs else None
        self.slopes = Slopes(outputs)
        # A new block is nearly its shortcut, so that many of them can be trained without batch normalisation.
        nn.init.zeros_(self.point.weight)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = functional.max_pool2d(x, 2) if self.stride == 2 else x
        seen = self.depth(x)
        out = shortcut + self.point(seen)
        if self.added is not None:
            out = torch.cat([out, self.added(seen)], 1)
        sloped: Tensor = self.slopes(out)
        return sloped


class Separable(nn.Module):
    """A convolution for each channel and one across them, beside a shortcut, with ReLU: an eighth of a 3x3's work."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False)
        self.point = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.point(self.depth(x)))


class Enlarged(nn.Module):
    """A coarser level for a finer one: a convolution across the channels, then twice as large."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.point = nn.Conv2d(inputs, outputs, 1)
        self.slopes = Slopes(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.slopes(larger(self.point(x)))
        return out


def larger(x: Tensor) -> Tensor:
    """Twice as large, with straight lines between the values."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class Network(nn.Module):
    """(B, 3, h, w) BGR 0..255 -> any hand, open palm (B, 1, h/4, w/4 logits), log radius (cells), offset x, y (cells).

    h and w are multiples of MULTIPLE, so that no level has to be cut to fit the next. The scaling of the input lies in
    here, so that preparing a picture costs a resize only. A network with a prior also takes a map (B, 1, h/4, w/4) of
    where hands are expected, as CenterTrack does (arXiv 2004.01177); none or zeros: nothing is known. One with parts
    also gives PARTS (B, 5, h/8, w/8 logits).
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128, 256, 256),
        blocks: tuple[int, ...] = (4, 4, 4, 4, 4),
        neck: int = 32,
        prior: bool = False,
        parts: bool = False,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"widths": tuple(widths), "blocks": tuple(blocks), "neck": neck}
        self.settings |= {"prior": True} if prior else {}
        self.settings |= {"parts": True} if parts else {}
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 6, stride=2, padding=2), Slopes(widths[0]))
        # Where hands are expected, added to what /4 sees; from nothing at first, so that it can be learned later.
        self.prior = nn.Conv2d(1, widths[1], 3, padding=1, bias=False) if prior else None
        if self.prior is not None:
            nn.init.zeros_(self.prior.weight)
        stages = []
        for number, width in enumerate(widths):
            down = [] if number == 0 else [Block(widths[number - 1], width, stride=2)]
            stages.append(nn.Sequential(*down, *(Block(width, width) for _ in range(blocks[number]))))
        self.stages = nn.ModuleList(stages)
        _, four, eight, sixteen, coarsest = widths
        self.enlarged = nn.ModuleList([Enlarged(coarsest, sixteen), Enlarged(sixteen, eight)])
        self.joined = nn.ModuleList(
            nn.Sequential(*(Block(width, width) for _ in range(2))) for width in (sixteen, eight)
        )
        # What follows is ours: the palm detector looks for large palms at /16 and for small ones at /8, each by itself.
        self.lateral = nn.ModuleList(conv(width, neck, size=1) for width in (coarsest, sixteen, eight, four))
        self.smooth = Separable(neck)
        self.head = Separable(neck)
        self.out = nn.Conv2d(neck, sum(HEADS.values()), 1)  # all heads in one: four small ones take three times as long
        nn.init.constant_(self.out.get_parameter("bias")[:2], -4)  # most cells hold no hand: start by saying so
        # Who knows heads, elbows and shoes takes fewer of them for hands.
        self.parts = nn.Sequential(conv(neck, neck), nn.Conv2d(neck, len(PARTS), 1)) if parts else None
        if self.parts is not None:
            nn.init.constant_(self.parts[1].get_parameter("bias"), -4)

    def forward(self, image: Tensor, prior: Tensor | None = None) -> dict[str, Tensor]:
        x = self.stem(image * (1 / 64))  # black stays 0, as the padding is
        levels = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number == 1 and self.prior is not None and prior is not None:
                x = x + self.prior(prior)
            levels.append(x)  # /2 /4 /8 /16 /32
        _, four, eight, sixteen, coarsest = levels
        sixteen = self.joined[0](sixteen + self.enlarged[0](coarsest))
        eight = self.joined[1](eight + self.enlarged[1](sixteen))
        seen = larger(self.lateral[0](coarsest)) + self.lateral[1](sixteen)
        seen = larger(seen) + self.lateral[2](eight)
        maps = self.out(self.head(self.smooth(larger(seen) + self.lateral[3](four))))  # (B, 5, h/4, w/4)
        ends = list(accumulate(HEADS.values()))
        # Slices and not split(): OpenCV 4 reads the file too.
        found = {name: maps[:, end - size : end] for (name, size), end in zip(HEADS.items(), ends, strict=True)}
        if self.parts is not None:
            found["parts"] = self.parts(seen)  # (B, 5, h/8, w/8)
        return found

    def units(self) -> list[Block | Enlarged]:
        """Blocks and what enlarges between them, in the order in which a picture passes them."""
        on_the_way_back = [module for pair in zip(self.enlarged, self.joined, strict=True) for module in pair]
        modules = [unit for part in (*self.stages, *on_the_way_back) for unit in part.modules()]
        return [unit for unit in modules if isinstance(unit, Block | Enlarged)]

    def learned_before(self, levels: int) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The weights that another detector may have brought: those of the first `levels`, and those after them."""
        first = [self.stem, *list(self.stages)[:levels]] if levels else []
        kept = {id(module) for module in first}
        rest = [module for module in (self.stem, *self.stages, self.enlarged, self.joined) if id(module) not in kept]
        early, late = ([p for module in modules for p in module.parameters()] for modules in (first, rest))
        return early, late


def for_export(module: nn.Module) -> None:
    """Rewrites a network, in place, in what onnxruntime is quick at: it takes half the time and gives the same maps.

    Its layout of channels in groups of 8 or 16 knows convolutions, but not PReLU.
    """
    for name, child in module.named_children():
        if isinstance(child, Slopes):
            setattr(module, name, SlopesApart(child.slope))
        else:
            for_export(child)
