"""What the two finest levels learn before all else: to see what those of MediaPipe's palm detector see."""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from handflow.training.palm_levels import PalmLevels, read_palm_levels


@cache
def palm_levels(file: str, device: str) -> PalmLevels:
    """The detector's levels, read once. Raises SetupError."""
    return read_palm_levels(Path(file)).to(device)


def imitation_losses(seen: Tensor, image: Tensor, file: str, deep: bool = True) -> dict[str, Tensor]:
    """How far what a network sees at /4 in images (B, 3, h, w) strays from what the detector sees there, and, if
    `deep`, what the detector's /8 makes of either.
    """
    palm = palm_levels(file, str(image.device))
    with torch.no_grad():
        wanted = palm.see_finely(image)
    losses = {"four": relative_error(seen, wanted)}
    if deep:
        with torch.no_grad():
            wanted = palm.stages[2](wanted)
        losses["eight"] = relative_error(palm.stages[2](seen), wanted)
    return losses


def relative_error(seen: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of features (B, channels, h, w), of each channel's variance; the mean of all channels.

    A channel that hardly changes counts for as much as it changes: a tenth of the mean variance is added.
    """
    variance = wanted.var((0, 2, 3), keepdim=True)
    return ((seen - wanted) ** 2 / (variance + 0.1 * variance.mean())).mean()
