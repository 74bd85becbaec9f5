"""The network: plain 3x3 residual blocks at /4 /8 /16 /32 and a light pyramid back to /4. A picture in, five maps out.

Plain convolutions and not depthwise ones: in int8 they reach 230-300 GOP/s on one core against 100-140.
"""

from itertools import accumulate
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

STRIDE = 4  # pixels of the input per cell of the maps
MULTIPLE = 32  # what height and width of the input are multiples of: the coarsest level's stride
HEADS = {"any": 1, "open": 1, "radius": 1, "offset": 2}  # name: channels, in this order
PARTS = ("person", "head", "elbow", "wrist", "foot")  # what a network in training may also find, at twice STRIDE


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm and ReLU: (B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
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
        # A new block is the identity, so that a trained network can be made deeper.
        nn.init.zeros_(self.second[1].get_parameter("weight"))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class Network(nn.Module):
    """(B, 3, h, w) BGR 0..255 -> any hand, open palm (B, 1, h/4, w/4 logits), log radius (cells), offset x, y (cells).

    h and w are multiples of MULTIPLE, so that no level has to be cut to fit the next. The scaling of the input lies in
    here, so that preparing a picture costs a resize only. A network with a prior also takes a map (B, 1, h/4, w/4) of
    where hands are expected, as CenterTrack does (arXiv 2004.01177); none or zeros: nothing is known. One with parts
    also gives PARTS (B, 5, h/8, w/8 logits) while it trains.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128, 128),
        blocks: tuple[int, ...] = (1, 1, 1, 2),  # two at /32: a hand may fill the picture, and there they cost little
        neck: int = 32,
        stem: int = 16,
        prior: bool = False,
        parts: bool = False,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"widths": tuple(widths), "blocks": tuple(blocks), "neck": neck, "stem": stem}
        self.settings |= {"prior": True} if prior else {}
        self.settings |= {"parts": True} if parts else {}
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
        # Who knows heads, elbows and shoes takes fewer of them for hands.
        self.parts = nn.Sequential(conv(neck, neck), nn.Conv2d(neck, len(PARTS), 1)) if parts else None
        if self.parts is not None:
            nn.init.constant_(self.parts[1].get_parameter("bias"), -4)

    def forward(self, image: Tensor, prior: Tensor | None = None) -> dict[str, Tensor]:
        x = self.stem(image * (1 / 64))  # (B, 32, h/4, w/4); black stays 0, as the padding is
        if self.prior is not None and prior is not None:
            x = x + self.prior(prior)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)  # /4 /8 /16 /32
        tops = [self.lateral[-1](levels[-1])]
        for lateral, level in zip(list(self.lateral)[-2::-1], levels[-2::-1], strict=True):
            tops.append(functional.interpolate(tops[-1], scale_factor=2.0) + lateral(level))  # /32 /16 /8 /4
        maps = self.out(self.head(self.smooth(tops[-1])))  # (B, 5, h/4, w/4)
        ends = list(accumulate(HEADS.values()))
        # Slices and not split(): OpenCV 4 reads the file too.
        found = {name: maps[:, end - size : end] for (name, size), end in zip(HEADS.items(), ends, strict=True)}
        if self.parts is not None and self.training:
            found["parts"] = self.parts(tops[-2])  # (B, 5, h/8, w/8)
        return found
